//! What is written to the database, and what is read from it.

use std::collections::BTreeMap;

use super::error::RowError;
use super::{bot_row, campaign_row, job_row};
use crate::model::{BotCounters, BotName, Campaign, CampaignKey, JobKey, Timestamp};
use crate::store::{Digest, Mark, PersistedJob, RememberedMarks};

/// One transaction. Its size is bounded by what changed: all jobs once after the first start, then a few.
#[derive(Debug, Default)]
pub struct Batch {
    /// Bots whose remembered jobs are deleted first.
    pub(super) removed_bots: Vec<BotName>,
    /// Remembered jobs that are deleted before jobs are written.
    pub(super) forgotten: Vec<(BotName, Digest)>,
    /// Bots whose gone jobs are marked as revived before jobs are written.
    pub(super) revived_bots: Vec<BotName>,
    /// `None` deletes.
    pub(super) jobs: Vec<(JobKey, Option<StoredJob>)>,
    /// Bytes of rows; `None` deletes.
    pub(super) bots: Vec<(BotName, Option<Vec<u8>>)>,
    pub(super) campaigns: Vec<(CampaignKey, Option<Vec<u8>>)>,
    pub(super) calls: Vec<BotCalls>,
    /// All of them, if they have changed.
    pub(super) fingerprints: Option<BTreeMap<BotName, u64>>,
    /// Calls before this time are deleted.
    pub(super) calls_since: Timestamp,
}

/// A job to be written.
#[derive(Debug)]
pub(super) struct StoredJob {
    /// Present if the job is remembered without series.
    pub(super) mark: Option<Mark>,
    pub(super) row: Vec<u8>,
}

/// Calls of one bot, by the second in which they started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotCalls {
    /// The bot.
    pub bot: BotName,
    /// Start of the second, and calls in it.
    pub by_second: Vec<(Timestamp, u32)>,
}

/// All data of an earlier run.
#[derive(Debug, Default, PartialEq)]
pub struct Contents {
    /// Tracked jobs; in files of older versions also retired ones.
    pub jobs: Vec<PersistedJob>,
    /// The marks of remembered jobs.
    pub remembered: RememberedMarks,
    /// Bots with their counters.
    pub bots: Vec<(BotName, BotCounters)>,
    /// Campaigns.
    pub campaigns: Vec<Campaign>,
    /// Calls.
    pub calls: Vec<BotCalls>,
    /// A hash of the address, bot ID and API of each bot; empty in files of earlier versions.
    pub fingerprints: BTreeMap<BotName, u64>,
}

impl Batch {
    /// A batch that deletes calls before `calls_since`.
    pub fn new(calls_since: Timestamp) -> Self {
        Self { calls_since, ..Self::default() }
    }

    /// Writes a job; `None` deletes it.
    ///
    /// # Errors
    /// A value that cannot be encoded; none is known.
    pub fn job(&mut self, key: JobKey, persisted: Option<&PersistedJob>) -> Result<(), RowError> {
        let stored =
            |job: &PersistedJob| Ok(StoredJob { mark: job.retired.then(|| job.mark()), row: job_row::to_bytes(job)? });
        let row = persisted.map(stored).transpose()?;
        self.jobs.push((key, row));
        Ok(())
    }

    /// Deletes all remembered jobs of a bot, before anything else is written.
    pub fn remove_remembered(&mut self, bot: BotName) {
        self.removed_bots.push(bot);
    }

    /// Deletes a remembered job, before jobs are written.
    pub fn forget(&mut self, bot: BotName, digest: Digest) {
        self.forgotten.push((bot, digest));
    }

    /// Marks the remembered gone jobs of a bot as revived, before jobs are written.
    pub fn revive_gone(&mut self, bot: BotName) {
        self.revived_bots.push(bot);
    }

    /// Writes the counters of a bot; `None` deletes it with its calls.
    ///
    /// # Errors
    /// A value that cannot be encoded; none is known.
    pub fn bot(&mut self, name: BotName, counters: Option<&BotCounters>) -> Result<(), RowError> {
        let row = counters.map(bot_row::to_bytes).transpose()?;
        self.bots.push((name, row));
        Ok(())
    }

    /// Writes a campaign; `None` deletes it.
    ///
    /// # Errors
    /// A value that cannot be encoded; none is known.
    pub fn campaign(&mut self, key: CampaignKey, campaign: Option<&Campaign>) -> Result<(), RowError> {
        let row = campaign.map(campaign_row::to_bytes).transpose()?;
        self.campaigns.push((key, row));
        Ok(())
    }

    /// Replaces the fingerprints of all bots.
    pub fn fingerprints(&mut self, fingerprints: BTreeMap<BotName, u64>) {
        self.fingerprints = Some(fingerprints);
    }

    /// Writes the calls of these seconds, replacing the stored numbers of the same seconds.
    pub fn calls(&mut self, calls: BotCalls) {
        self.calls.push(calls);
    }
}
