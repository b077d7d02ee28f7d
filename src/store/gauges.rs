//! Gauges that are computed from jobs and sources: jobs by state, targets by source.

use std::collections::HashMap;

use enum_map::EnumMap;

use super::sources::SourceIndex;
use super::store::Store;
use crate::model::{BotName, SourceKind};

impl Store {
    /// Recomputes the gauges of sources and jobs; visits all jobs.
    pub fn recount(&mut self) {
        self.count_sources();
    }

    pub(super) fn count_sources(&mut self) {
        // The job API never provides a complete set: its targets are the jobs that were registered through it.
        let mut registered: HashMap<BotName, u64> = HashMap::new();
        for entry in self.entries.iter().flatten() {
            let is_api = |index: &SourceIndex| self.sources.get(*index).is_some_and(|s| s.id.kind == SourceKind::Api);
            if entry.sources.iter().any(is_api) {
                *registered.entry(entry.job.key.bot.clone()).or_default() += 1;
            }
        }
        for bot in self.bots.values_mut() {
            bot.metrics.gauges.targets = EnumMap::default();
            bot.metrics.gauges.source_up = EnumMap::default();
        }
        for source in self.sources.configured() {
            let Some(bot) = self.bots.get_mut(&source.id.bot) else { continue };
            let gauges = &mut bot.metrics.gauges;
            let kind = source.id.kind;
            let named = match kind {
                SourceKind::Api => registered.get(&source.id.bot).copied().unwrap_or(0),
                SourceKind::Static | SourceKind::File | SourceKind::Http => source.targets,
            };
            gauges.targets[kind] = Some(gauges.targets[kind].unwrap_or(0).saturating_add(named));
            gauges.source_up[kind] = Some(gauges.source_up[kind].unwrap_or(true) && source.up);
        }
        self.count_jobs();
    }

    pub(super) fn count_jobs(&mut self) {
        self.job_states_changed = false;
        for bot in self.bots.values_mut() {
            bot.metrics.gauges.jobs = EnumMap::default();
        }
        for entry in self.entries.iter().flatten() {
            if let Some(bot) = self.bots.get_mut(&entry.job.key.bot) {
                bot.metrics.gauges.jobs[entry.job.state] += 1;
            }
        }
    }
}
