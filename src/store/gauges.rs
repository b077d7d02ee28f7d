//! Gauges that are counted, not kept: jobs by state, targets by source.

use std::collections::HashMap;

use super::sources::SourceIndex;
use super::store::Store;
use crate::model::{BotName, JobState, SourceKind};

impl Store {
    /// Brings the gauges of sources and jobs in step; walks over all jobs.
    pub fn recount(&mut self) {
        self.count_sources();
    }

    pub(super) fn count_sources(&mut self) {
        // The job API names no whole set: its targets are the jobs that came by it.
        let mut registered: HashMap<BotName, u64> = HashMap::new();
        for entry in self.entries.iter().flatten() {
            let by_api = |index: &SourceIndex| self.sources.get(*index).is_some_and(|s| s.id.kind == SourceKind::Api);
            if entry.wanted_by.iter().any(by_api) {
                *registered.entry(entry.job.key.bot.clone()).or_default() += 1;
            }
        }
        for bot in self.bots.values_mut() {
            bot.book.totals.targets = Default::default();
            bot.book.totals.source_up = Default::default();
        }
        for source in self.sources.configured() {
            let Some(bot) = self.bots.get_mut(&source.id.bot) else { continue };
            let Some(index) = SourceKind::ALL.iter().position(|kind| *kind == source.id.kind) else { continue };
            let totals = &mut bot.book.totals;
            let named = match source.id.kind {
                SourceKind::Api => registered.get(&source.id.bot).copied().unwrap_or(0),
                SourceKind::Static | SourceKind::File | SourceKind::Http => source.targets,
            };
            if let (Some(targets), Some(up)) = (totals.targets.get_mut(index), totals.source_up.get_mut(index)) {
                *targets = Some(targets.unwrap_or(0).saturating_add(named));
                *up = Some(up.unwrap_or(true) && source.up);
            }
        }
        self.count_jobs();
    }

    pub(super) fn count_jobs(&mut self) {
        self.states_moved = false;
        for bot in self.bots.values_mut() {
            bot.book.totals.jobs = [0; JobState::ALL.len()];
        }
        for entry in self.entries.iter().flatten() {
            let Some(bot) = self.bots.get_mut(&entry.job.key.bot) else { continue };
            let index = JobState::ALL.iter().position(|state| *state == entry.job.state);
            if let Some(count) = index.and_then(|index| bot.book.totals.jobs.get_mut(index)) {
                *count += 1;
            }
        }
    }
}
