//! Reads the rows of format 1, the format of release 0.1.0. The layout of format 1 is frozen. A new field of [`BotRow`] or
//! [`JobRow`] gets its default value here.
//!
//! In format 1 a closed set was an array, or a number, by the position of the variant in its declaration. The positions
//! of that release are the codes of today. Arrays have literal lengths because later variants are not in them.

use enum_map::{EnumArray, EnumMap, enum_map};
use serde::Deserialize;

use super::bot_row::{self, BotRow, CreationTimesRow};
use super::codes::{Code, JobText, JobTime};
use super::encoding::{ByCode, HistogramRow, decode};
use super::error::RowError;
use super::job_row::{self, JobRow, TallyRow};
use crate::model::{BotCounter, BotCounters, EntryStatus, JobKey, JobNumber, JobNumbers, JobState};
use crate::store::PersistedJob;

#[derive(Deserialize)]
struct JobRowV1<'a> {
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
    /// A bit by position.
    inconsistencies: u16,
    unrecognized: [u32; 4],
    tallies: Vec<TallyRowV1<'a>>,
    counted: Option<Vec<TallyRowV1<'a>>>,
    sources: Vec<(u8, &'a str)>,
}

#[derive(Deserialize)]
struct TallyRowV1<'a> {
    #[serde(borrow)]
    channel: &'a str,
    entries: [u64; 3],
    failures: Vec<(&'a str, u64)>,
    delivery: [u64; 12],
    delivery_sum: f64,
}

#[derive(Deserialize)]
struct BotRowV1<'a> {
    #[serde(borrow)]
    notifications: Vec<(&'a str, [u64; 3])>,
    failures: Vec<(&'a str, &'a str, u64)>,
    delivery: Vec<(&'a str, HistogramRow)>,
    jobs_finished: [u64; 3],
    job_duration: [HistogramRow; 3],
    requests: [u64; 10],
    request_duration: HistogramRow,
    response_bytes: u64,
    poll_delay: HistogramRow,
    unrecognized: [u64; 4],
    inconsistencies: [u64; 8],
}

/// Decodes the row of a job.
pub(super) fn job(key: JobKey, bytes: &[u8]) -> Result<PersistedJob, RowError> {
    let row: JobRowV1<'_> = decode(bytes)?;
    let inconsistencies: [bool; 8] = std::array::from_fn(|position| row.inconsistencies >> position & 1 == 1);
    let mut numbers = JobNumbers::default();
    numbers[JobNumber::Recipients] = row.recipients;
    numbers[JobNumber::ReportedEntries] = row.reported_entries;
    let mut persisted = job_row::read(
        key,
        JobRow {
            retired: row.retired,
            state: row.state,
            api: row.api,
            status: row.status,
            completion: row.completion,
            poll_up: row.poll_up,
            misses: row.misses,
            added: row.added,
            texts: ByCode(enum_map! {
                JobText::Campaign => row.campaign,
                JobText::JobType => row.job_type,
                JobText::Action => row.action,
            }),
            times: ByCode(enum_map! {
                JobTime::Created => row.created,
                JobTime::Requested => row.requested,
                JobTime::LastNotification => row.last_notification,
                JobTime::LastChange => row.last_change,
                JobTime::Finished => row.finished,
                JobTime::LastPollSuccess => row.last_poll_success,
                JobTime::Ended => row.ended,
                JobTime::LastPoll => row.last_poll,
                JobTime::FirstNotification | JobTime::CampaignSince => None,
            }),
            numbers: ByCode(numbers),
            labels: row.labels,
            inconsistencies: by_position(inconsistencies)?,
            unrecognized: by_position(row.unrecognized)?,
            tallies: tallies(row.tallies)?,
            counted: row.counted.map(tallies).transpose()?,
            sources: row.sources,
        },
    )?;
    if persisted.job.state == JobState::Polling {
        // The marks of that release included UNKNOWN, which is counted only when a job ends.
        let mut counted = persisted.counted.take().map_or_else(|| persisted.job.tallies.clone(), Vec::from);
        counted.iter_mut().for_each(|mark| mark.entries[EntryStatus::Unknown] = 0);
        persisted.counted = (counted != persisted.job.tallies).then(|| counted.into_boxed_slice());
    }
    Ok(persisted)
}

fn tallies(rows: Vec<TallyRowV1<'_>>) -> Result<Vec<TallyRow<'_>>, RowError> {
    rows.into_iter().map(tally).collect()
}

fn tally(row: TallyRowV1<'_>) -> Result<TallyRow<'_>, RowError> {
    Ok(TallyRow {
        channel: row.channel,
        entries: by_position(row.entries)?,
        failures: row.failures,
        delivery: row.delivery,
        delivery_sum: row.delivery_sum,
    })
}

/// Decodes the row of a bot.
pub(super) fn bot(bytes: &[u8]) -> Result<BotCounters, RowError> {
    let row: BotRowV1<'_> = decode(bytes)?;
    let mut notifications = Vec::with_capacity(row.notifications.len());
    for (channel, counts) in row.notifications {
        notifications.push((channel, by_position(counts)?));
    }
    bot_row::read(BotRow {
        notifications,
        failures: row.failures,
        delivery: row.delivery,
        jobs_finished: by_position(row.jobs_finished)?,
        job_duration: (0..).zip(row.job_duration).collect(),
        requests: by_position(row.requests)?,
        request_duration: row.request_duration,
        unlabelled: ByCode(enum_map! { BotCounter::ResponseBytes => row.response_bytes, _ => 0 }),
        poll_delay: row.poll_delay,
        unrecognized: by_position(row.unrecognized)?,
        inconsistencies: by_position(row.inconsistencies)?,
        created: CreationTimesRow::default(),
    })
}

fn by_position<K: Code + EnumArray<V>, V: Default, const N: usize>(values: [V; N]) -> Result<ByCode<K, V>, RowError> {
    let mut map = EnumMap::default();
    for (position, value) in (0..).zip(values) {
        map[K::from_code(position).ok_or(RowError::Value(K::NAME))?] = value;
    }
    Ok(ByCode(map))
}
