//! The row of a campaign: its counters and sums.

use serde::{Deserialize, Serialize};

use super::bot_row::{CreationTimesRow, channel, channels, failures};
use super::encoding::{ByCode, decode, encode, millis, time};
use super::error::RowError;
use crate::model::{
    Campaign, CampaignKey, CampaignTotals, CompletionSum, EntryStatus, JobState, Reason, TerminalStatus, Timestamp,
};

/// Text is borrowed from the bytes; times are milliseconds since the Unix epoch.
#[derive(Serialize, Deserialize)]
struct CampaignRow<'a> {
    #[serde(borrow)]
    notifications: Vec<(&'a str, ByCode<EntryStatus, u64>)>,
    failures: Vec<(&'a str, &'a str, u64)>,
    jobs_finished: ByCode<TerminalStatus, u64>,
    created: CreationTimesRow<'a>,
    jobs: ByCode<JobState, u64>,
    sized: u64,
    recipients: u128,
    /// Jobs and the sum of their completions in millionths.
    weighted: (u64, u128),
    weight: u128,
    unweighted: (u64, u128),
    unknown: u64,
    first_entry: Option<i64>,
    last_entry: Option<i64>,
    last_change: i64,
}

/// Encodes the row of a campaign.
pub(super) fn to_bytes(campaign: &Campaign) -> Result<Vec<u8>, RowError> {
    let totals = &campaign.totals;
    encode(&CampaignRow {
        notifications: channels(&campaign.notifications),
        failures: failures(&campaign.failures),
        jobs_finished: ByCode(campaign.jobs_finished),
        created: (&campaign.created).into(),
        jobs: ByCode(totals.jobs),
        sized: totals.sized,
        recipients: totals.recipients,
        weighted: (totals.weighted.jobs, totals.weighted.millionths),
        weight: totals.weight,
        unweighted: (totals.unweighted.jobs, totals.unweighted.millionths),
        unknown: totals.unknown,
        first_entry: millis(campaign.first_entry),
        last_entry: millis(campaign.last_entry),
        last_change: campaign.last_change.as_millis(),
    })
}

/// Decodes the row of a campaign.
pub(super) fn from_bytes(key: CampaignKey, bytes: &[u8]) -> Result<Campaign, RowError> {
    let row: CampaignRow<'_> = decode(bytes)?;
    let mut campaign = Campaign::new(key, Timestamp::from_millis(row.last_change));
    for (name, counts) in row.notifications {
        campaign.notifications.insert(channel(name)?, counts.0);
    }
    for (name, reason, count) in row.failures {
        let reason = Reason::parse(reason).ok_or(RowError::Value("reason"))?;
        campaign.failures.insert((channel(name)?, reason), count);
    }
    let sum = |(jobs, millionths)| CompletionSum { jobs, millionths };
    campaign.jobs_finished = row.jobs_finished.0;
    campaign.created = row.created.read()?;
    campaign.totals = CampaignTotals {
        jobs: row.jobs.0,
        sized: row.sized,
        recipients: row.recipients,
        weighted: sum(row.weighted),
        weight: row.weight,
        unweighted: sum(row.unweighted),
        unknown: row.unknown,
    };
    campaign.first_entry = time(row.first_entry);
    campaign.last_entry = time(row.last_entry);
    Ok(campaign)
}
