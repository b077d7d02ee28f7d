//! Fuzz targets for what the upstream sends.
#![expect(clippy::expect_used, reason = "a fuzz target reports what it finds by a panic")]

use std::io::{self, Read};
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header::RETRY_AFTER};

use super::ReasonTable;
use super::http_answer::{MAX_RETRY_AFTER, retry_after};
use super::refusal::{Phrase, Refusal};
use super::report_reader::{ReadError, read_slice, read_stream};
use crate::model::{Report, Timestamp};

static REASONS: LazyLock<ReasonTable> = LazyLock::new(|| ReasonTable::new(&[]));

/// Returns few bytes at a time, in pieces of changing size.
struct Trickle<'a> {
    left: &'a [u8],
    piece: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.piece = self.piece % 13 + 1;
        let piece = self.piece.min(buffer.len());
        (&mut self.left).take(piece as u64).read(buffer)
    }
}

fn shown(result: &Result<Report, ReadError>) -> String {
    format!("{result:?}")
}

/// A status body: both ways of reading agree.
pub fn status_body(data: &[u8]) {
    let whole = read_slice(data, &REASONS);
    let streamed = read_stream(Trickle { left: data, piece: 0 }, &REASONS);
    assert_eq!(shown(&whole), shown(&streamed), "read_slice and read_stream disagree");
    if let Ok(report) = whole {
        assert!(report.completion.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)), "completion is not a ratio");
        assert!(report.first_notification <= report.last_notification, "the first notification is after the last");
    }
}

/// A refusal: the first two bytes are the HTTP status, the rest is the body.
pub fn refusal(data: &[u8]) {
    let Some((status, body)) = data.split_first_chunk() else { return };
    let status = u16::from_be_bytes(*status);
    let said = match read_slice(body, &REASONS) {
        Err(ReadError::Refused(said)) => said,
        _ => Refusal::default(),
    };
    for said in
        [said, said.or_phrase(Phrase::find(body))].into_iter().chain(Phrase::find(body).map(Refusal::from_phrase))
    {
        let detail = said.detail(status);
        assert!(detail.starts_with("HTTP ") && detail.len() < 300, "the message is not one of ours: {detail}");
        assert_eq!(said.outcome(status), said.outcome(status));
    }
}

/// `Retry-After`, in seconds or as a date, at the time of the first eight bytes.
pub fn retry_after_header(data: &[u8]) {
    let Some((now, value)) = data.split_first_chunk() else { return };
    let now = Timestamp::from_millis(i64::from_be_bytes(*now));
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let wait = retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]), || now);
    assert!(wait.is_none_or(|wait| wait <= MAX_RETRY_AFTER), "a wait of {wait:?}");
}

/// A time in a status body. An invalid time does not make the body invalid.
pub fn timestamp(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let json = serde_json::Value::from(&*text);
    let body = format!(
        r#"{{"status":"IN_PROGRESS","createdOn":{json},"requestedTime":{json},
        "statusLogs":[{{"status":"SUCCESS","channel":"sms","createdOn":{json}}}]}}"#
    );
    let report = read_slice(body.as_bytes(), &REASONS).expect("the body is read whatever the time is");
    let expected = text.trim().parse::<jiff::Timestamp>().ok();
    let expected = expected.map(|time| Timestamp::from_millis(time.as_millisecond()));
    for time in [report.created, report.requested, report.first_notification, report.last_notification] {
        assert_eq!(time, expected, "{text:?} is read as another time than by jiff");
    }
}
