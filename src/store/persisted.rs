//! What the database stores of jobs and bots, and how a store starts from it.

use enum_map::EnumMap;

use super::dirty::Dirty;
use super::entry::Entry;
use super::remembered::{Mark, Remembered, RememberedMarks};
use super::store::Store;
use crate::model::{
    BotCounters, BotName, Campaign, CampaignShare, ChannelTally, Inconsistency, Job, JobHistory, JobKey, JobState,
    SourceId, SourceKind, Timestamp, UnrecognizedKind,
};

/// A job with its bookkeeping, as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct PersistedJob {
    /// The published values.
    pub job: Job,
    /// When a source first named it.
    pub added: Timestamp,
    /// When it left the state `polling`.
    pub ended: Option<Timestamp>,
    /// When the last poll ended, whatever its outcome.
    pub last_poll: Option<Timestamp>,
    /// Consecutive polls with the outcome [`crate::model::Outcome::NotFound`].
    pub misses: u8,
    /// The highest counts of each channel, if they differ from `job.tallies`.
    pub counted: Option<Box<[ChannelTally]>>,
    /// Kinds of inconsistency that were counted for this job.
    pub inconsistencies: EnumMap<Inconsistency, bool>,
    /// Unrecognized values that were counted for this job.
    pub unrecognized: EnumMap<UnrecognizedKind, u32>,
    /// When its counts were added to its first campaign; `None` in files of release 0.1.0, which had no campaigns.
    pub campaign_since: Option<Timestamp>,
    /// The sources that name it.
    pub sources: Vec<SourceId>,
    /// The job has no series any more; it is remembered so that nothing is counted twice.
    pub retired: bool,
}

impl PersistedJob {
    /// What the index of remembered jobs has of it.
    pub fn mark(&self) -> Mark {
        Mark::new(self.job.state, self.ended.or(self.last_poll).unwrap_or(self.added))
    }
}

impl Store {
    /// Starts to record changes, for [`Self::take_dirty`].
    pub fn record_changes(&mut self) {
        self.dirty.get_or_insert_default();
    }

    /// The changes since the last call.
    pub fn take_dirty(&mut self) -> Dirty {
        self.dirty.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes back changes that could not be written.
    pub fn return_dirty(&mut self, unwritten: Dirty) {
        if let Some(dirty) = &mut self.dirty {
            dirty.jobs.extend(unwritten.jobs);
            dirty.bots.extend(unwritten.bots);
            dirty.campaigns.extend(unwritten.campaigns);
            dirty.removed_bots.extend(unwritten.removed_bots);
            dirty.forgotten.extend(unwritten.forgotten);
            dirty.revived_bots.extend(unwritten.revived_bots);
        }
    }

    /// A job as the database stores it; `None` if its row is to be deleted.
    pub fn persisted_job(&self, key: &JobKey) -> Option<PersistedJob> {
        let tracked = self.find(key).and_then(|slot| self.entry(slot));
        let retired = tracked.is_none();
        let entry = tracked.or_else(|| self.retired.get(key))?;
        let sources = entry.sources.iter().filter_map(|index| self.sources.get(*index));
        Some(PersistedJob {
            job: entry.job.clone(),
            added: entry.added,
            ended: entry.ended,
            last_poll: entry.last_poll,
            misses: entry.misses,
            counted: entry.counted.clone(),
            inconsistencies: entry.inconsistencies,
            unrecognized: entry.unrecognized,
            campaign_since: entry.campaign_since,
            sources: sources.map(|source| source.id.clone()).collect(),
            retired,
        })
    }

    /// The counters of a bot; `None` if its row is to be deleted.
    pub fn persisted_counters(&self, bot: &BotName) -> Option<&BotCounters> {
        self.bots.get(bot).map(|bot| &bot.metrics.counters)
    }

    /// Starts with the remembered jobs of the database; to be called before [`Self::restore`].
    pub fn restore_remembered(&mut self, marks: RememberedMarks) {
        self.record_changes();
        self.remembered = Remembered::new(marks);
        let bots = self.bots.keys().cloned().collect::<Vec<_>>();
        self.retain_remembered(&bots.iter().collect());
    }

    /// Starts from the data of an earlier run; to be called once, after [`Self::configure`] and before the first update
    /// of a source.
    ///
    /// Campaigns that an earlier version did not store are counted from its jobs, as far as those are there.
    ///
    /// Jobs keep their sources until those are read. Jobs without a configured source are remembered without series.
    /// The rows of bots that are not configured are to be deleted.
    pub fn restore(
        &mut self,
        bots: Vec<(BotName, BotCounters)>,
        campaigns: Vec<Campaign>,
        mut jobs: Vec<PersistedJob>,
        now: Timestamp,
    ) {
        self.now = now;
        self.record_changes();
        for (name, counters) in bots {
            match self.bots.get_mut(&name) {
                Some(bot) => bot.restore(counters, now),
                None => Dirty::mark_bot(&mut self.dirty, &name),
            }
        }
        self.restore_campaigns(campaigns);
        // The longest retired jobs are the first to be deleted.
        jobs.sort_by_key(|persisted| persisted.ended.or(persisted.last_poll).unwrap_or(persisted.added));
        for persisted in jobs {
            self.restore_job(persisted);
        }
        self.count_sources();
    }

    fn restore_job(&mut self, persisted: PersistedJob) {
        let key = persisted.job.key.clone();
        if !self.bots.contains_key(&key.bot) {
            return Dirty::mark_job(&mut self.dirty, &key);
        }
        let retired = persisted.retired;
        let mut entry = self.restored_entry(persisted);
        let changed = entry.job.last_change.or(entry.ended).unwrap_or(entry.added);
        let slot = if retired || entry.sources.is_empty() { None } else { self.free_slot() };
        match slot {
            Some(slot) => {
                let now = std::mem::replace(&mut self.now, changed);
                let is_new = entry.job.campaign.is_some() && entry.campaign_since.is_none();
                entry.job.campaign = self.enter_campaign(&key.bot, entry.job.campaign.take());
                self.insert(slot, entry);
                self.now = now;
                if is_new {
                    self.mark_dirty(slot);
                }
            }
            None => {
                // Its row moves to the remembered ones.
                Dirty::mark_job(&mut self.dirty, &key);
                entry.sources = Vec::new();
                self.settle_retired(&mut entry, changed);
                self.retire(entry);
            }
        }
    }

    /// A stored job as an entry, with the sources that are configured.
    pub(super) fn restored_entry(&mut self, persisted: PersistedJob) -> Entry {
        let api = self.bots.get(&persisted.job.key.bot).map_or(persisted.job.api, |bot| bot.api);
        let mut sources = Vec::new();
        for source in &persisted.sources {
            // The job API is not in the configuration: it becomes a source with its first job.
            let is_api = source.kind == SourceKind::Api;
            sources.extend(if is_api { self.sources.find_or_insert(source) } else { self.sources.find(source) });
        }
        let mut entry = Entry {
            job: Job { api, ..persisted.job },
            added: persisted.added,
            ended: persisted.ended,
            last_poll: persisted.last_poll,
            failing: None,
            misses: persisted.misses,
            not_found_since: None,
            counted: persisted.counted,
            inconsistencies: persisted.inconsistencies,
            unrecognized: persisted.unrecognized,
            sources,
            orphaned_since: None,
            campaign_since: persisted.campaign_since,
            share: None,
            entity_tag: None,
            history: JobHistory::default(),
        };
        if entry.campaign_since.is_some() && (!persisted.retired || entry.job.state != JobState::Polling) {
            entry.share = CampaignShare::of(&entry.job);
        }
        entry
    }
}

#[cfg(test)]
#[path = "tests/persisted.rs"]
mod tests;
