//! Reads a body both ways, which must agree.

use std::io::Read;

use enum_map::EnumMap;
use koreai_exporter::model::{Channel, ChannelTally, JobNumber, JobNumbers, LabelValue, Reason, Report, Timestamp};
use koreai_exporter::upstream::ReasonTable;
use koreai_exporter::upstream::report_reader::{Malformed, ReadError, read_slice, read_stream};

pub(crate) const V1: &str = include_str!("../fixtures/status-v1.json");
pub(crate) const V1_2023: &str = include_str!("../fixtures/status-v1-2023.json");
pub(crate) const V2: &str = include_str!("../fixtures/status-v2.json");
pub(crate) const SENT: &str = include_str!("../fixtures/send-response.json");
pub(crate) const ERRORS: &str = include_str!("../fixtures/errors.json");

/// Gives a body in pieces of a few bytes.
pub(crate) struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = self.1.min(out.len());
        self.0.read(&mut out[..most])
    }
}

/// Reads a body both ways, which must agree.
pub(crate) fn read(body: impl AsRef<[u8]>) -> Result<Report, ReadError> {
    let body = body.as_ref();
    let reasons = ReasonTable::new(&[]);
    let whole = read_slice(body, &reasons);
    for step in [7, 100_000] {
        let streamed = read_stream(Pieces(body, step), &reasons);
        assert_eq!(
            format!("{streamed:?}"),
            format!("{whole:?}"),
            "streamed by {step}: {}",
            String::from_utf8_lossy(body)
        );
    }
    whole
}

pub(crate) fn report(body: impl AsRef<[u8]>) -> Report {
    read(body).expect("a report")
}

pub(crate) fn malformed(body: impl AsRef<[u8]>) -> Malformed {
    match read(body) {
        Err(ReadError::Malformed(malformed)) => malformed,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn at(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

pub(crate) fn label(text: &str) -> Option<LabelValue> {
    Some(LabelValue::parse(text).unwrap())
}

pub(crate) fn numbers(recipients: Option<u64>, reported_entries: Option<u64>) -> JobNumbers {
    let mut numbers = JobNumbers::default();
    numbers[JobNumber::Recipients] = recipients;
    numbers[JobNumber::ReportedEntries] = reported_entries;
    numbers
}

pub(crate) fn tally(
    channel: &str,
    entries: [u64; 3],
    failures: &[(&str, u64)],
    delivery: &[(usize, u64)],
    sum: f64,
) -> ChannelTally {
    let mut tally = ChannelTally::new(Channel::clean(channel).unwrap());
    tally.entries = EnumMap::from_array(entries);
    tally.failures = failures.iter().map(|(reason, count)| (Reason::parse(reason).unwrap(), *count)).collect();
    for (bucket, count) in delivery {
        tally.delivery[*bucket] = *count;
    }
    tally.delivery_sum = sum;
    tally
}
