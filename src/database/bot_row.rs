//! The row of a bot: its counters.

use serde::{Deserialize, Serialize};

use super::codes::Code;
use super::encoding::{ByCode, HistogramRow, decode, encode, variant};
use super::error::RowError;
use crate::model::{
    BotCounters, Channel, DELIVERY_BOUNDS, EntryStatus, Inconsistency, JOB_DURATION_BOUNDS, Outcome, POLL_DELAY_BOUNDS,
    REQUEST_DURATION_BOUNDS, Reason, TerminalStatus, UnrecognizedKind,
};

/// Text is borrowed from the bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct BotRow<'a> {
    #[serde(borrow)]
    pub(super) notifications: Vec<(&'a str, ByCode<EntryStatus, u64>)>,
    pub(super) failures: Vec<(&'a str, &'a str, u64)>,
    pub(super) delivery: Vec<(&'a str, HistogramRow)>,
    pub(super) jobs_finished: ByCode<TerminalStatus, u64>,
    /// By code of the terminal status.
    pub(super) job_duration: Vec<(u8, HistogramRow)>,
    pub(super) requests: ByCode<Outcome, u64>,
    pub(super) request_duration: HistogramRow,
    pub(super) response_bytes: u64,
    pub(super) poll_delay: HistogramRow,
    pub(super) unrecognized: ByCode<UnrecognizedKind, u64>,
    pub(super) inconsistencies: ByCode<Inconsistency, u64>,
}

/// Encodes the row of a bot.
pub(super) fn to_bytes(counters: &BotCounters) -> Result<Vec<u8>, RowError> {
    let channels = counters.notifications.iter();
    let failures = counters.failures.iter();
    let durations = counters.job_duration.iter();
    encode(&BotRow {
        notifications: channels.map(|(channel, counts)| (channel.as_str(), ByCode(*counts))).collect(),
        failures: failures.map(|((channel, reason), count)| (channel.as_str(), reason.as_str(), *count)).collect(),
        delivery: counters.delivery.iter().map(|(channel, histogram)| (channel.as_str(), histogram.into())).collect(),
        jobs_finished: ByCode(counters.jobs_finished),
        job_duration: durations.map(|(status, histogram)| (status.code(), histogram.into())).collect(),
        requests: ByCode(counters.requests),
        request_duration: (&counters.request_duration).into(),
        response_bytes: counters.response_bytes,
        poll_delay: (&counters.poll_delay).into(),
        unrecognized: ByCode(counters.unrecognized),
        inconsistencies: ByCode(counters.inconsistencies),
    })
}

/// Decodes the row of a bot.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<BotCounters, RowError> {
    read(decode(bytes)?)
}

/// The counters in a row.
pub(super) fn read(row: BotRow<'_>) -> Result<BotCounters, RowError> {
    let mut counters = BotCounters::new(&[]);
    for (name, counts) in row.notifications {
        counters.notifications.insert(channel(name)?, counts.0);
    }
    for (name, reason, count) in row.failures {
        let reason = Reason::parse(reason).ok_or(RowError::Value("reason"))?;
        counters.failures.insert((channel(name)?, reason), count);
    }
    for (name, histogram) in row.delivery {
        counters.delivery.insert(channel(name)?, histogram.read(DELIVERY_BOUNDS)?);
    }
    counters.jobs_finished = row.jobs_finished.0;
    for (status, histogram) in &row.job_duration {
        counters.job_duration[variant::<TerminalStatus>(*status)?] = histogram.read(JOB_DURATION_BOUNDS)?;
    }
    counters.requests = row.requests.0;
    counters.request_duration = row.request_duration.read(REQUEST_DURATION_BOUNDS)?;
    counters.response_bytes = row.response_bytes;
    counters.poll_delay = row.poll_delay.read(POLL_DELAY_BOUNDS)?;
    counters.unrecognized = row.unrecognized.0;
    counters.inconsistencies = row.inconsistencies.0;
    Ok(counters)
}

fn channel(name: &str) -> Result<Channel, RowError> {
    Channel::clean(name).ok_or(RowError::Value("channel"))
}
