//! Reads a status body into a [`Report`].
//!
//! [`read_slice`] reads a complete body without copying its fields. [`read_stream`] reads a body while it arrives, in
//! constant memory. Both use the same visitors.

use std::borrow::{Borrow, Cow};
use std::cell::Cell;
use std::io::{self, BufReader, Read};

use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::failure_reasons::ReasonTable;
use super::json_fields::StatusBody;
use super::lenient_object::{ByteAllowance, Lenient, MAX_VALUE_BYTES, Shape};
use super::lenient_value::LenientValue;
use super::log_entries::sample;
use super::lossy_utf8::{BLOCK_BYTES, LossyUtf8};
use super::refusal::Refusal;
use crate::model::{
    Inconsistency, JobNumber, JobNumbers, JobStatus, LabelValue, Report, Timestamp, Unrecognized, UnrecognizedKind,
};

/// Bodies up to this size are collected and read as a slice, which is more than twice as fast; larger ones are streamed.
pub const MAX_SLICE_BYTES: usize = MAX_VALUE_BYTES;
/// Characters of a job type or action.
const MAX_CODE_CHARS: usize = 64;

/// Why a body is not a report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is upstream's `errors` envelope.
    #[error("the upstream refused the request")]
    Refused(Refusal),
    /// It is something else.
    #[error("the body {0}")]
    Malformed(Malformed),
    /// One of its values is too large.
    #[error("a value in the body is larger than {MAX_VALUE_BYTES} bytes")]
    ValueTooLarge,
    /// It could not be read completely.
    #[error("cannot read the body")]
    Source(#[source] io::Error),
}

/// What a malformed body looks like, without its content. Displayed after "the body ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing, or white space.
    #[error("is empty")]
    Empty,
    /// It begins with `<`; usually a gateway's page.
    #[error("is HTML or XML, not JSON: check base_url, and gateways and proxies in between")]
    Html,
    /// It begins like gzip.
    #[error("is compressed without the header Content-Encoding: check gateways and proxies in between")]
    Compressed,
    /// Valid JSON up to its end.
    #[error("is truncated JSON")]
    CutOff,
    /// Anything else.
    #[error("is not JSON")]
    NotJson,
    /// JSON that does not describe a job.
    #[error("is JSON without `status` and `statusLogs`: check base_url and api")]
    NoStatus,
}

/// Reads a complete body.
///
/// # Errors
/// If it is not a report. Mistakes in single fields are not errors: see [`Report::inconsistencies`] and
/// [`Report::unrecognized`].
pub fn read_slice(body: &[u8], reasons: &ReasonTable) -> Result<Report, ReadError> {
    let allowance = ByteAllowance::default();
    // `from_utf8_lossy` takes half as long as all of the reading, even for valid UTF-8.
    let text = str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    read::<_, &RawValue>(serde_json::Deserializer::from_str(&text), reasons, &allowance).map_err(|error| match error {
        Failure::Report(error) => error,
        Failure::Json(error) => looks_like(body, &error).into(),
    })
}

/// Reads a body while it arrives. Blocks whenever `source` does.
///
/// # Errors
/// As [`read_slice`], and if `source` fails or a single value in it is larger than 1 MiB.
pub fn read_stream(source: impl Read, reasons: &ReasonTable) -> Result<Report, ReadError> {
    let allowance = ByteAllowance::default();
    let start = Cell::new([0; 2]);
    // serde_json reads single bytes, which is cheap with a `BufReader`.
    let reader = BufReader::with_capacity(BLOCK_BYTES, LossyUtf8::new(source, &allowance, &start));
    read::<_, Box<RawValue>>(serde_json::Deserializer::from_reader(reader), reasons, &allowance).map_err(|error| {
        match error {
            Failure::Report(error) => error,
            Failure::Json(error) if error.is_io() => {
                let error = io::Error::from(error);
                if error.kind() == io::ErrorKind::FileTooLarge {
                    ReadError::ValueTooLarge
                } else {
                    ReadError::Source(error)
                }
            }
            Failure::Json(error) => looks_like(&start.get(), &error).into(),
        }
    })
}

impl From<Malformed> for ReadError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

enum Failure {
    Report(ReadError),
    Json(serde_json::Error),
}

fn read<'de, 't, J, R>(
    mut json: serde_json::Deserializer<J>,
    reasons: &'t ReasonTable,
    allowance: &'t ByteAllowance,
) -> Result<Report, Failure>
where
    J: serde_json::de::Read<'de>,
    R: Deserialize<'de> + Borrow<RawValue>,
{
    let mut body = StatusBody::<R>::new(reasons, allowance);
    Lenient(&mut body).deserialize(&mut json).map_err(Failure::Json)?;
    json.end().map_err(Failure::Json)?;
    report(body).map_err(Failure::Report)
}

fn looks_like(body: &[u8], error: &serde_json::Error) -> Malformed {
    match body.trim_ascii_start() {
        [] | [0, ..] if error.is_eof() => Malformed::Empty,
        [b'<', ..] => Malformed::Html,
        [0x1f, 0x8b, ..] => Malformed::Compressed,
        _ if error.classify() == Category::Eof => Malformed::CutOff,
        _ => Malformed::NotJson,
    }
}

fn report<R: Borrow<RawValue>>(body: StatusBody<'_, R>) -> Result<Report, ReadError> {
    let status_value = of(&body.status);
    let status = match &status_value {
        LenientValue::Text(text) => JobStatus::parse(text),
        LenientValue::Null | LenientValue::Number(_) | LenientValue::Other => JobStatus::Unknown,
    };
    let has_logs = body.logs == Some(Shape::Expected);
    match body.errors.refusal {
        // A refusal may have a `status` too: an HTTP status, or "error".
        Some(refusal) if status == JobStatus::Unknown && !has_logs => return Err(ReadError::Refused(refusal)),
        None if body.status.is_none() && body.logs.is_none() => return Err(Malformed::NoStatus.into()),
        Some(_) | None => {}
    }

    let mut findings = Findings::default();
    let created = findings.timestamp(&of(&body.created_on));
    let requested = findings.timestamp(&of(&body.requested_time));
    let modified = findings.timestamp(&of(&body.modified));
    let numbers = JobNumbers::from_fn(|number| findings.number(of(body.number(number)).count()));
    let counted = body.entries.finish(requested.or(created));
    findings.bad_timestamp |= counted.bad_timestamp;

    let percentage = findings.number(of(&body.percentage).number());
    let (recipients, reported_entries) = (numbers[JobNumber::Recipients], numbers[JobNumber::ReportedEntries]);

    let mut unrecognized = counted.unrecognized;
    if status == JobStatus::Unknown && status_value != LenientValue::Null {
        let sample = if let LenientValue::Text(text) = &status_value { sample(text) } else { None };
        unrecognized.insert(0, Unrecognized { kind: UnrecognizedKind::JobStatus, sample, count: 1 });
    }

    // A missing or null list does not contradict `count`; a value that is not a list does.
    let logs_given = !matches!(body.logs, None | Some(Shape::Null));
    let inconsistencies = [
        (Inconsistency::CountMismatch, logs_given && reported_entries.is_some_and(|count| count != counted.entries)),
        (Inconsistency::MoreEntriesThanRecipients, recipients.is_some_and(|recipients| counted.entries > recipients)),
        (Inconsistency::PercentageOutOfRange, percentage.is_some_and(|percent| !(0.0..=100.0).contains(&percent))),
        (
            Inconsistency::ModifiedBeforeCreated,
            modified.zip(created).is_some_and(|(modified, created)| modified < created),
        ),
        (Inconsistency::BadTimestamp, findings.bad_timestamp),
        (Inconsistency::BadNumber, findings.bad_number),
    ];
    Ok(Report {
        status,
        completion: percentage.map(|percent| (percent / 100.0).clamp(0.0, 1.0)),
        numbers,
        entries: counted.entries,
        created,
        requested,
        first_notification: counted.oldest,
        last_notification: counted.newest,
        job_type: code(&of(&body.job_type)),
        action: code(&of(&body.action)),
        tallies: counted.tallies,
        inconsistencies: inconsistencies.into_iter().filter(|(_, found)| *found).map(|(kind, _)| kind).collect(),
        unrecognized,
    })
}

fn of<R: Borrow<RawValue>>(field: &Option<R>) -> LenientValue<'_> {
    field.as_ref().map_or(LenientValue::Null, |raw| LenientValue::of(raw.borrow()))
}

/// Mistakes in single fields.
#[derive(Default)]
struct Findings {
    bad_timestamp: bool,
    bad_number: bool,
}

impl Findings {
    fn timestamp(&mut self, value: &LenientValue<'_>) -> Option<Timestamp> {
        value.timestamp().unwrap_or_else(|_| {
            self.bad_timestamp = true;
            None
        })
    }

    fn number<T, E>(&mut self, number: Result<Option<T>, E>) -> Option<T> {
        number.unwrap_or_else(|_| {
            self.bad_number = true;
            None
        })
    }
}

/// A job type or action. Upstream uses codes in capitals. Other texts are dropped, so that an address that got into such a
/// field does not become a label.
fn code(value: &LenientValue<'_>) -> Option<LabelValue> {
    let LenientValue::Text(text) = value else { return None };
    let text = text.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    if text.is_empty() || text.len() > MAX_CODE_CHARS || !text.chars().all(fits) {
        return None;
    }
    LabelValue::parse(text).ok()
}
