//! The row of a job.

use std::sync::Arc;

use enum_map::{EnumMap, enum_map};
use serde::{Deserialize, Serialize};

use super::codes::{Code, JobText, JobTime};
use super::encoding::{ByCode, decode, encode, finite, millis, time, variant};
use super::error::RowError;
use crate::model::{
    Channel, ChannelTally, DELIVERY_BOUNDS, EntryStatus, Inconsistency, Job, JobKey, JobNumber, LabelName, LabelValue,
    Reason, SourceId, Timestamp, UnrecognizedKind,
};
use crate::store::PersistedJob;

/// Text is borrowed from the bytes; enums are codes, times are milliseconds since the Unix epoch.
#[derive(Serialize, Deserialize)]
pub(super) struct JobRow<'a> {
    pub(super) retired: bool,
    pub(super) state: u8,
    pub(super) api: u8,
    pub(super) status: u8,
    pub(super) completion: Option<f64>,
    pub(super) poll_up: Option<bool>,
    pub(super) misses: u8,
    pub(super) added: i64,
    #[serde(borrow)]
    pub(super) texts: ByCode<JobText, Option<&'a str>>,
    pub(super) times: ByCode<JobTime, Option<i64>>,
    pub(super) numbers: ByCode<JobNumber, Option<u64>>,
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) inconsistencies: ByCode<Inconsistency, bool>,
    pub(super) unrecognized: ByCode<UnrecognizedKind, u32>,
    pub(super) tallies: Vec<TallyRow<'a>>,
    pub(super) counted: Option<Vec<TallyRow<'a>>>,
    pub(super) sources: Vec<(u8, &'a str)>,
}

/// The counts of one channel.
#[derive(Serialize, Deserialize)]
pub(super) struct TallyRow<'a> {
    #[serde(borrow)]
    pub(super) channel: &'a str,
    pub(super) entries: ByCode<EntryStatus, u64>,
    pub(super) failures: Vec<(&'a str, u64)>,
    pub(super) delivery: [u64; DELIVERY_BOUNDS.len() + 1],
    pub(super) delivery_sum: f64,
}

/// Encodes the row of a job.
pub(super) fn to_bytes(persisted: &PersistedJob) -> Result<Vec<u8>, RowError> {
    let job = &persisted.job;
    let texts = enum_map! {
        JobText::Campaign => job.campaign.as_ref().map(LabelValue::as_str),
        JobText::JobType => job.job_type.as_ref().map(LabelValue::as_str),
        JobText::Action => job.action.as_ref().map(LabelValue::as_str),
    };
    let times = enum_map! {
        JobTime::Created => millis(job.created),
        JobTime::Requested => millis(job.requested),
        JobTime::LastNotification => millis(job.last_notification),
        JobTime::LastChange => millis(job.last_change),
        JobTime::Finished => millis(job.finished),
        JobTime::LastPollSuccess => millis(job.last_poll_success),
        JobTime::Ended => millis(persisted.ended),
        JobTime::LastPoll => millis(persisted.last_poll),
        JobTime::FirstNotification => millis(job.first_notification),
        JobTime::CampaignSince => millis(persisted.campaign_since),
    };
    let sources = persisted.sources.iter();
    encode(&JobRow {
        retired: persisted.retired,
        state: job.state.code(),
        api: job.api.code(),
        status: job.status.code(),
        completion: job.completion,
        poll_up: job.poll_up,
        misses: persisted.misses,
        added: persisted.added.as_millis(),
        texts: ByCode(texts),
        times: ByCode(times),
        numbers: ByCode(job.numbers),
        labels: job.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        inconsistencies: ByCode(persisted.inconsistencies),
        unrecognized: ByCode(persisted.unrecognized),
        tallies: job.tallies.iter().map(TallyRow::from).collect(),
        counted: persisted.counted.as_ref().map(|counted| counted.iter().map(TallyRow::from).collect()),
        sources: sources.map(|source| (source.kind.code(), source.name.as_ref())).collect(),
    })
}

/// Decodes the row of a job.
pub(super) fn from_bytes(key: JobKey, bytes: &[u8]) -> Result<PersistedJob, RowError> {
    read(key, decode(bytes)?)
}

/// The job in a row.
pub(super) fn read(key: JobKey, row: JobRow<'_>) -> Result<PersistedJob, RowError> {
    let mut labels = Vec::with_capacity(row.labels.len());
    for (name, value) in row.labels {
        let name = LabelName::parse(name).map_err(|_| RowError::Value("label name"))?;
        labels.push((name, LabelValue::parse(value).map_err(|_| RowError::Value("label value"))?));
    }
    let mut sources = Vec::with_capacity(row.sources.len());
    for (kind, name) in row.sources {
        sources.push(SourceId { bot: key.bot.clone(), kind: variant(kind)?, name: Arc::from(name) });
    }
    let (texts, times): (EnumMap<_, _>, EnumMap<_, _>) = (row.texts.0, row.times.0);
    let job = Job {
        key,
        campaign: label_value(texts[JobText::Campaign], "campaign")?,
        labels: labels.into(),
        api: variant(row.api)?,
        state: variant(row.state)?,
        job_type: label_value(texts[JobText::JobType], "job type")?,
        action: label_value(texts[JobText::Action], "action")?,
        status: variant(row.status)?,
        completion: row.completion.map(|value| finite(value, "completion")).transpose()?,
        tallies: tallies(&row.tallies)?,
        numbers: row.numbers.0,
        created: time(times[JobTime::Created]),
        requested: time(times[JobTime::Requested]),
        first_notification: time(times[JobTime::FirstNotification]),
        last_notification: time(times[JobTime::LastNotification]),
        last_change: time(times[JobTime::LastChange]),
        finished: time(times[JobTime::Finished]),
        poll_up: row.poll_up,
        last_poll_success: time(times[JobTime::LastPollSuccess]),
        expected_end: None,
    };
    Ok(PersistedJob {
        job,
        added: Timestamp::from_millis(row.added),
        ended: time(times[JobTime::Ended]),
        last_poll: time(times[JobTime::LastPoll]),
        misses: row.misses,
        counted: row.counted.map(|counted| tallies(&counted)).transpose()?.map(Vec::into_boxed_slice),
        inconsistencies: row.inconsistencies.0,
        unrecognized: row.unrecognized.0,
        campaign_since: time(times[JobTime::CampaignSince]),
        sources,
        retired: row.retired,
    })
}

fn label_value(text: Option<&str>, name: &'static str) -> Result<Option<LabelValue>, RowError> {
    text.map(LabelValue::parse).transpose().map_err(|_| RowError::Value(name))
}

fn tallies(rows: &[TallyRow<'_>]) -> Result<Vec<ChannelTally>, RowError> {
    rows.iter().map(ChannelTally::try_from).collect()
}

impl<'a> From<&'a ChannelTally> for TallyRow<'a> {
    fn from(tally: &'a ChannelTally) -> Self {
        Self {
            channel: tally.channel.as_str(),
            entries: ByCode(tally.entries),
            failures: tally.failures.iter().map(|(reason, count)| (reason.as_str(), *count)).collect(),
            delivery: tally.delivery,
            delivery_sum: tally.delivery_sum,
        }
    }
}

impl TryFrom<&TallyRow<'_>> for ChannelTally {
    type Error = RowError;

    fn try_from(row: &TallyRow<'_>) -> Result<Self, RowError> {
        let failure = |(reason, count): &(&str, u64)| Some((Reason::parse(reason)?, *count));
        let failures: Option<Vec<_>> = row.failures.iter().map(failure).collect();
        Ok(Self {
            channel: Channel::clean(row.channel).ok_or(RowError::Value("channel"))?,
            entries: row.entries.0,
            failures: failures.ok_or(RowError::Value("reason"))?,
            delivery: row.delivery,
            delivery_sum: finite(row.delivery_sum, "sum of delivery times")?,
        })
    }
}
