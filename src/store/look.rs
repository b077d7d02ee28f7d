//! What others may look at.

use super::Entry;
use super::dirty::Dirty;
use super::store::Store;
use crate::model::{BotName, BotTotals, DropReason, Job, JobKey, JobSlot, JobState, SourceKind};

impl Store {
    /// A followed job with its bookkeeping.
    pub fn entry(&self, slot: JobSlot) -> Option<&Entry> {
        self.entries.get(slot.index() as usize)?.as_ref()
    }

    /// A followed job.
    pub fn job(&self, slot: JobSlot) -> Option<&Job> {
        self.entry(slot).map(|entry| &entry.job)
    }

    /// Where a job is kept.
    pub fn find(&self, key: &JobKey) -> Option<JobSlot> {
        self.index.get(key).copied()
    }

    /// A job that was followed to its end and whose series have gone.
    pub fn over(&self, key: &JobKey) -> Option<&Job> {
        let entry = self.retired.get(key)?;
        matches!(entry.job.state, JobState::Finished | JobState::Gone).then_some(&entry.job)
    }

    /// All followed jobs, in the order of their slots.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.entries.iter().flatten().map(|entry| &entry.job)
    }

    /// The sources that want a job.
    pub fn sources_of(&self, slot: JobSlot) -> Vec<SourceKind> {
        let Some(entry) = self.entry(slot) else { return Vec::new() };
        let mut kinds: Vec<SourceKind> =
            entry.wanted_by.iter().filter_map(|index| self.sources.get(*index)).map(|source| source.id.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The counters of all bots, by name.
    pub fn totals(&self) -> impl Iterator<Item = &BotTotals> {
        self.bots.values().map(|bot| &bot.book.totals)
    }

    /// The counters of one bot, for what the loop around the store counts.
    pub fn totals_mut(&mut self, name: &BotName) -> Option<&mut BotTotals> {
        let bot = self.bots.get_mut(name)?;
        Dirty::bot(&mut self.dirty, name);
        Some(&mut bot.book.totals)
    }

    /// The same, for gauges that move with time and are not kept.
    pub fn gauges_mut(&mut self, bot: &BotName) -> Option<&mut BotTotals> {
        self.bots.get_mut(bot).map(|bot| &mut bot.book.totals)
    }

    /// What was turned away, in the order of [`DropReason::ALL`].
    pub fn dropped(&self) -> [u64; DropReason::ALL.len()] {
        self.dropped.0
    }
}
