//! The row of a bot: its counters.

use std::collections::BTreeMap;

use enum_map::EnumMap;
use serde::{Deserialize, Serialize};

use super::codes::Code;
use super::encoding::{ByCode, HistogramRow, decode, encode, millis, time, variant};
use super::error::RowError;
use crate::model::{
    BotCounter, BotCounters, Channel, CreationTimes, DELIVERY_BOUNDS, EntryStatus, Inconsistency, JOB_DURATION_BOUNDS,
    Outcome, POLL_DELAY_BOUNDS, REQUEST_DURATION_BOUNDS, Reason, TerminalStatus, Timestamp, UnrecognizedKind,
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
    pub(super) unlabelled: ByCode<BotCounter, u64>,
    pub(super) poll_delay: HistogramRow,
    pub(super) unrecognized: ByCode<UnrecognizedKind, u64>,
    pub(super) inconsistencies: ByCode<Inconsistency, u64>,
    pub(super) created: CreationTimesRow<'a>,
}

/// When counters began, in milliseconds since the Unix epoch.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct CreationTimesRow<'a> {
    all: Option<i64>,
    #[serde(borrow)]
    channels: Vec<(&'a str, i64)>,
    failures: Vec<(&'a str, &'a str, i64)>,
}

impl<'a> From<&'a CreationTimes> for CreationTimesRow<'a> {
    fn from(created: &'a CreationTimes) -> Self {
        let channels = created.channels.iter().map(|(channel, at)| (channel.as_str(), at.as_millis()));
        let failures = created.failures.iter();
        Self {
            all: millis(created.all),
            channels: channels.collect(),
            failures: failures
                .map(|((channel, reason), at)| (channel.as_str(), reason.as_str(), at.as_millis()))
                .collect(),
        }
    }
}

impl CreationTimesRow<'_> {
    pub(super) fn read(self) -> Result<CreationTimes, RowError> {
        let mut created = CreationTimes { all: time(self.all), ..CreationTimes::default() };
        for (name, at) in self.channels {
            created.channels.insert(channel(name)?, Timestamp::from_millis(at));
        }
        for (name, reason, at) in self.failures {
            let reason = Reason::parse(reason).ok_or(RowError::Value("reason"))?;
            created.failures.insert((channel(name)?, reason), Timestamp::from_millis(at));
        }
        Ok(created)
    }
}

/// Log entries by channel and status.
pub(super) fn channels(counts: &BTreeMap<Channel, EnumMap<EntryStatus, u64>>) -> Vec<(&str, ByCode<EntryStatus, u64>)> {
    counts.iter().map(|(channel, counts)| (channel.as_str(), ByCode(*counts))).collect()
}

/// FAILURE entries by channel and reason.
pub(super) fn failures(counts: &BTreeMap<(Channel, Reason), u64>) -> Vec<(&str, &str, u64)> {
    counts.iter().map(|((channel, reason), count)| (channel.as_str(), reason.as_str(), *count)).collect()
}

/// Encodes the row of a bot.
pub(super) fn to_bytes(counters: &BotCounters) -> Result<Vec<u8>, RowError> {
    let durations = counters.job_duration.iter();
    encode(&BotRow {
        notifications: channels(&counters.notifications),
        failures: failures(&counters.failures),
        delivery: counters.delivery.iter().map(|(channel, histogram)| (channel.as_str(), histogram.into())).collect(),
        jobs_finished: ByCode(counters.jobs_finished),
        job_duration: durations.map(|(status, histogram)| (status.code(), histogram.into())).collect(),
        requests: ByCode(counters.requests),
        request_duration: (&counters.request_duration).into(),
        unlabelled: ByCode(counters.unlabelled),
        poll_delay: (&counters.poll_delay).into(),
        unrecognized: ByCode(counters.unrecognized),
        inconsistencies: ByCode(counters.inconsistencies),
        created: (&counters.created).into(),
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
    counters.unlabelled = row.unlabelled.0;
    counters.poll_delay = row.poll_delay.read(POLL_DELAY_BOUNDS)?;
    counters.unrecognized = row.unrecognized.0;
    counters.inconsistencies = row.inconsistencies.0;
    counters.created = row.created.read()?;
    Ok(counters)
}

/// The channel of this name.
pub(super) fn channel(name: &str) -> Result<Channel, RowError> {
    Channel::clean(name).ok_or(RowError::Value("channel"))
}
