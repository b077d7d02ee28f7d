//! The row of a job.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::RowError;
use super::row::{decode, encode, finite, millis, place_of, time, value_at};
use crate::model::{
    ApiVersion, Channel, ChannelTally, DELIVERY_BOUNDS, EntryStatus, Job, JobKey, JobState, JobStatus, LabelName,
    LabelValue, Reason, SourceId, SourceKind, Timestamp, UnrecognizedKind,
};
use crate::store::PersistedJob;

/// Text is borrowed from the bytes. Enums stand as their place in `ALL`, times as milliseconds since the Unix epoch.
#[derive(Serialize, Deserialize)]
struct JobRow<'a> {
    retired: bool,
    state: u8,
    api: u8,
    status: u8,
    #[serde(borrow)]
    campaign: Option<&'a str>,
    labels: Vec<(&'a str, &'a str)>,
    job_type: Option<&'a str>,
    action: Option<&'a str>,
    completion: Option<f64>,
    recipients: Option<u64>,
    reported_entries: Option<u64>,
    created: Option<i64>,
    requested: Option<i64>,
    last_notification: Option<i64>,
    last_change: Option<i64>,
    finished: Option<i64>,
    poll_up: Option<bool>,
    last_poll_success: Option<i64>,
    added: i64,
    ended: Option<i64>,
    last_poll: Option<i64>,
    misses: u8,
    inconsistencies: u16,
    unrecognized: [u32; UnrecognizedKind::ALL.len()],
    tallies: Vec<TallyRow<'a>>,
    counted: Option<Vec<TallyRow<'a>>>,
    wanted_by: Vec<(u8, &'a str)>,
}

#[derive(Serialize, Deserialize)]
struct TallyRow<'a> {
    #[serde(borrow)]
    channel: &'a str,
    entries: [u64; EntryStatus::ALL.len()],
    failures: Vec<(&'a str, u64)>,
    delivery: [u64; DELIVERY_BOUNDS.len() + 1],
    delivery_sum: f64,
}

/// The bytes of a job's row.
pub(super) fn to_bytes(kept: &PersistedJob) -> Result<Vec<u8>, RowError> {
    let job = &kept.job;
    encode(&JobRow {
        retired: kept.retired,
        state: place_of(&JobState::ALL, &job.state),
        api: place_of(&ApiVersion::ALL, &job.api),
        status: place_of(&JobStatus::ALL, &job.status),
        campaign: job.campaign.as_ref().map(LabelValue::as_str),
        labels: job.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        job_type: job.job_type.as_ref().map(LabelValue::as_str),
        action: job.action.as_ref().map(LabelValue::as_str),
        completion: job.completion,
        recipients: job.recipients,
        reported_entries: job.reported_entries,
        created: millis(job.created),
        requested: millis(job.requested),
        last_notification: millis(job.last_notification),
        last_change: millis(job.last_change),
        finished: millis(job.finished),
        poll_up: job.poll_up,
        last_poll_success: millis(job.last_poll_success),
        added: kept.added.as_millis(),
        ended: millis(kept.ended),
        last_poll: millis(kept.last_poll),
        misses: kept.misses,
        inconsistencies: kept.inconsistencies,
        unrecognized: kept.unrecognized,
        tallies: job.tallies.iter().map(TallyRow::from).collect(),
        counted: kept.counted.as_ref().map(|counted| counted.iter().map(TallyRow::from).collect()),
        wanted_by: kept
            .wanted_by
            .iter()
            .map(|source| (place_of(&SourceKind::ALL, &source.kind), source.name.as_ref()))
            .collect(),
    })
}

/// A job from its key and its row's bytes.
pub(super) fn from_bytes(key: JobKey, bytes: &[u8]) -> Result<PersistedJob, RowError> {
    let row: JobRow<'_> = decode(bytes)?;
    let mut labels = Vec::with_capacity(row.labels.len());
    for (name, value) in row.labels {
        let name = LabelName::parse(name).map_err(|_| RowError::Value("label name"))?;
        labels.push((name, LabelValue::parse(value).map_err(|_| RowError::Value("label value"))?));
    }
    let mut wanted_by = Vec::with_capacity(row.wanted_by.len());
    for (kind, name) in row.wanted_by {
        let kind = value_at(&SourceKind::ALL, kind, "source")?;
        wanted_by.push(SourceId { bot: key.bot.clone(), kind, name: Arc::from(name) });
    }
    let job = Job {
        key,
        campaign: label_value(row.campaign, "campaign")?,
        labels: labels.into(),
        api: value_at(&ApiVersion::ALL, row.api, "API version")?,
        state: value_at(&JobState::ALL, row.state, "state")?,
        job_type: label_value(row.job_type, "job type")?,
        action: label_value(row.action, "action")?,
        status: value_at(&JobStatus::ALL, row.status, "status")?,
        completion: row.completion.map(|value| finite(value, "completion")).transpose()?,
        tallies: tallies(&row.tallies)?,
        recipients: row.recipients,
        reported_entries: row.reported_entries,
        created: time(row.created),
        requested: time(row.requested),
        last_notification: time(row.last_notification),
        last_change: time(row.last_change),
        finished: time(row.finished),
        poll_up: row.poll_up,
        last_poll_success: time(row.last_poll_success),
    };
    Ok(PersistedJob {
        job,
        added: Timestamp::from_millis(row.added),
        ended: time(row.ended),
        last_poll: time(row.last_poll),
        misses: row.misses,
        counted: row.counted.map(|counted| tallies(&counted)).transpose()?.map(Vec::into_boxed_slice),
        inconsistencies: row.inconsistencies,
        unrecognized: row.unrecognized,
        wanted_by,
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
            entries: tally.entries,
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
            entries: row.entries,
            failures: failures.ok_or(RowError::Value("reason"))?,
            delivery: row.delivery,
            delivery_sum: finite(row.delivery_sum, "sum of delivery times")?,
        })
    }
}
