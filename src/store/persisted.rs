//! What a database has to keep, and how a store begins with it.

use crate::model::{BotName, BotTotals, ChannelTally, Job, JobKey, SourceId, SourceKind, Timestamp, UnrecognizedKind};

use super::dirty::Dirty;
use super::{Entry, Store};

/// A job with its bookkeeping, as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct PersistedJob {
    /// What is published of it.
    pub job: Job,
    /// When it was first wanted.
    pub added: Timestamp,
    /// When it left the state `polling`.
    pub ended: Option<Timestamp>,
    /// When an answer last came, whatever it was.
    pub last_poll: Option<Timestamp>,
    /// Polls in a row that found upstream not knowing it.
    pub misses: u8,
    /// The most that was ever seen of each channel, where that is not `job.tallies`.
    pub counted: Option<Box<[ChannelTally]>>,
    /// Kinds of inconsistency that were counted for it, a bit each.
    pub inconsistencies: u16,
    /// How many unknown words of each kind were counted for it.
    pub unrecognized: [u32; UnrecognizedKind::ALL.len()],
    /// The sources that want it.
    pub wanted_by: Vec<SourceId>,
    /// Its series have gone: what was counted of it is remembered.
    pub retired: bool,
}

impl Store {
    /// A job as the database has to keep it; `None` where it is to be forgotten.
    pub fn persisted_job(&self, key: &JobKey) -> Option<PersistedJob> {
        let followed = self.find(key).and_then(|slot| self.entry(slot));
        let retired = followed.is_none();
        let entry = followed.or_else(|| self.retired.get(key))?;
        let sources = entry.wanted_by.iter().filter_map(|index| self.sources.get(*index));
        Some(PersistedJob {
            job: entry.job.clone(),
            added: entry.added,
            ended: entry.ended,
            last_poll: entry.last_poll,
            misses: entry.misses,
            counted: entry.counted.clone(),
            inconsistencies: entry.inconsistencies,
            unrecognized: entry.unrecognized,
            wanted_by: sources.map(|source| source.id.clone()).collect(),
            retired,
        })
    }

    /// The counters of a bot; `None` where they are to be forgotten.
    pub fn persisted_totals(&self, bot: &BotName) -> Option<&BotTotals> {
        self.bots.get(bot).map(|bot| &bot.book.totals)
    }

    /// Begins with what an earlier run kept; to be called once, after [`Self::configure`] and before any source has spoken.
    ///
    /// Jobs stay wanted by the sources that wanted them, until those say otherwise. Jobs of which no source is left are
    /// remembered without series. What belongs to bots that are not configured is to be forgotten.
    pub fn restore(&mut self, totals: Vec<BotTotals>, mut jobs: Vec<PersistedJob>) {
        self.track();
        for totals in totals {
            match self.bots.get_mut(&totals.bot) {
                Some(bot) => bot.book.restore(totals),
                None => Dirty::bot(&mut self.dirty, &totals.bot),
            }
        }
        // The longest retired are to be forgotten first.
        jobs.sort_by_key(|kept| kept.ended.or(kept.last_poll).unwrap_or(kept.added));
        for kept in jobs {
            self.restore_job(kept);
        }
        self.count_sources();
    }

    fn restore_job(&mut self, kept: PersistedJob) {
        let key = kept.job.key.clone();
        let Some(api) = self.bots.get(&key.bot).map(|bot| bot.api()) else {
            Dirty::job(&mut self.dirty, &key);
            return;
        };
        let mut wanted_by = Vec::new();
        for source in &kept.wanted_by {
            // The job API is no source of the configuration: it is there as soon as it has a job.
            let is_api = source.kind == SourceKind::Api;
            wanted_by.extend(if is_api { self.sources.place(source) } else { self.sources.find(source) });
        }
        let mut entry = Entry {
            job: Job { api, ..kept.job },
            added: kept.added,
            ended: kept.ended,
            last_poll: kept.last_poll,
            misses: kept.misses,
            counted: kept.counted,
            inconsistencies: kept.inconsistencies,
            unrecognized: kept.unrecognized,
            wanted_by,
            unwanted_since: None,
        };
        let insert = if kept.retired || entry.wanted_by.is_empty() { None } else { self.free_slot() };
        match insert {
            Some(slot) => {
                entry.job.campaign = self.enter_campaign(entry.job.campaign.take());
                self.insert(slot, entry);
            }
            None => {
                if !kept.retired {
                    Dirty::job(&mut self.dirty, &key);
                }
                entry.wanted_by = Vec::new();
                self.retire(entry);
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/persisted.rs"]
mod tests;
