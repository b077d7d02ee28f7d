//! The row of a bot: its counters. Its gauges are not kept.

use serde::{Deserialize, Serialize};

use super::RowError;
use super::row::{HistogramRow, decode, encode};
use crate::model::{
    BotName, BotTotals, Channel, DELIVERY_BOUNDS, EntryStatus, Inconsistency, JOB_DURATION_BOUNDS, JobStatus, Outcome,
    POLL_DELAY_BOUNDS, REQUEST_DURATION_BOUNDS, Reason, UnrecognizedKind,
};

#[derive(Serialize, Deserialize)]
struct BotRow<'a> {
    #[serde(borrow)]
    notifications: Vec<(&'a str, [u64; EntryStatus::ALL.len()])>,
    failures: Vec<(&'a str, &'a str, u64)>,
    delivery: Vec<(&'a str, HistogramRow)>,
    jobs_finished: [u64; JobStatus::TERMINAL.len()],
    job_duration: [HistogramRow; JobStatus::TERMINAL.len()],
    requests: [u64; Outcome::ALL.len()],
    request_duration: HistogramRow,
    response_bytes: u64,
    poll_delay: HistogramRow,
    unrecognized: [u64; UnrecognizedKind::ALL.len()],
    inconsistencies: [u64; Inconsistency::ALL.len()],
}

/// The bytes of a bot's row.
pub(super) fn to_bytes(totals: &BotTotals) -> Result<Vec<u8>, RowError> {
    encode(&BotRow {
        notifications: totals.notifications.iter().map(|(channel, counts)| (channel.as_str(), *counts)).collect(),
        failures: totals
            .failures
            .iter()
            .map(|((channel, reason), count)| (channel.as_str(), reason.as_str(), *count))
            .collect(),
        delivery: totals.delivery.iter().map(|(channel, histogram)| (channel.as_str(), histogram.into())).collect(),
        jobs_finished: totals.jobs_finished,
        job_duration: totals.job_duration.each_ref().map(HistogramRow::from),
        requests: totals.requests,
        request_duration: (&totals.request_duration).into(),
        response_bytes: totals.response_bytes,
        poll_delay: (&totals.poll_delay).into(),
        unrecognized: totals.unrecognized,
        inconsistencies: totals.inconsistencies,
    })
}

/// A bot's counters from its name and its row's bytes.
pub(super) fn from_bytes(bot: BotName, bytes: &[u8]) -> Result<BotTotals, RowError> {
    let row: BotRow<'_> = decode(bytes)?;
    let mut totals = BotTotals::new(bot, &[]);
    for (name, counts) in row.notifications {
        totals.notifications.insert(channel(name)?, counts);
    }
    for (name, reason, count) in row.failures {
        let reason = Reason::parse(reason).ok_or(RowError::Value("reason"))?;
        totals.failures.insert((channel(name)?, reason), count);
    }
    for (name, histogram) in row.delivery {
        totals.delivery.insert(channel(name)?, histogram.read(DELIVERY_BOUNDS)?);
    }
    totals.jobs_finished = row.jobs_finished;
    for (histogram, row) in totals.job_duration.iter_mut().zip(&row.job_duration) {
        *histogram = row.read(JOB_DURATION_BOUNDS)?;
    }
    totals.requests = row.requests;
    totals.request_duration = row.request_duration.read(REQUEST_DURATION_BOUNDS)?;
    totals.response_bytes = row.response_bytes;
    totals.poll_delay = row.poll_delay.read(POLL_DELAY_BOUNDS)?;
    totals.unrecognized = row.unrecognized;
    totals.inconsistencies = row.inconsistencies;
    Ok(totals)
}

fn channel(name: &str) -> Result<Channel, RowError> {
    Channel::clean(name).ok_or(RowError::Value("channel"))
}
