//! Applies configurations and target updates.

use std::collections::{BTreeMap, HashSet};

use super::run::Poller;
use super::setup::Setup;
use crate::database::{BotCalls, Contents};
use crate::model::{BotName, SourceId, TargetUpdate, Timestamp};

impl Poller {
    /// Applies the first configuration and restores the contents of the database.
    pub(super) fn restore(&mut self, setup: Setup, contents: Option<Contents>, now: Timestamp) {
        let Some(Contents { mut jobs, remembered, bots, campaigns, calls, fingerprints }) = contents else {
            return self.configure(setup, now);
        };
        let specs: Vec<_> = setup.bots.iter().map(|bot| bot.spec.clone()).collect();
        self.store.configure(setup.life, &specs, &setup.sources, now);
        for persisted in jobs.iter_mut().filter(|row| !setup.shard.owns(&row.job.key.bot, &row.job.key.id)) {
            // Another shard polls it now.
            persisted.sources.clear();
        }
        self.store.restore_remembered(remembered);
        self.store.restore(bots, campaigns, jobs, now);
        for bot in &setup.bots {
            // A file of an older version does not say what the bot was.
            if fingerprints.get(&bot.spec.name).is_some_and(|earlier| *earlier != bot.fingerprint) {
                self.store.revive_gone(&bot.spec.name, now);
            }
        }
        self.persister.restore_fingerprints(fingerprints);
        self.configure(setup, now);
        for BotCalls { bot, by_second } in calls {
            if let Some(bot) = self.bots.get_mut(&bot) {
                bot.scheduler.restore_calls(&by_second, now);
            }
        }
    }

    /// Applies a configuration.
    pub(super) fn configure(&mut self, setup: Setup, now: Timestamp) {
        let specs: Vec<_> = setup.bots.iter().map(|bot| bot.spec.clone()).collect();
        self.store.configure(setup.life, &specs, &setup.sources, now);
        let fingerprints: BTreeMap<_, _> =
            setup.bots.iter().map(|bot| (bot.spec.name.clone(), bot.fingerprint)).collect();
        self.persister.set_fingerprints(fingerprints);
        // A report may read differently now.
        self.store.clear_entity_tags();
        self.calls.mark_before_reload();
        let names: HashSet<&BotName> = specs.iter().map(|spec| &spec.name).collect();
        self.probes.retain(|key| names.contains(&key.bot));
        self.calls.drop_permits(|bot| !names.contains(bot));
        for changed in self.bots.configure(setup.bots, now) {
            self.store.revive_gone(&changed, now);
        }
        let static_sources: HashSet<&SourceId> = setup.static_targets.iter().map(|update| &update.source).collect();
        let unread = setup.sources.iter().filter(|source| !static_sources.contains(source)).cloned().collect();
        self.pages.await_sources(unread);
        self.shard = setup.shard;
        self.pages.set_job_series(setup.job_series, &self.store);
        for update in setup.static_targets {
            self.apply_update(update, now);
        }
        self.apply_job_changes(now);
        self.pages.reload_succeeded(now);
    }

    /// Applies a target update from discovery.
    pub(super) fn handle_update(&mut self, update: TargetUpdate) {
        let now = self.clock.now();
        self.pages.source_was_read(&update.source);
        self.apply_update(update, now);
        self.apply_job_changes(now);
        self.pages.request();
    }

    /// Passes a target update to the store, without the targets of other shards.
    fn apply_update(&mut self, mut update: TargetUpdate, now: Timestamp) {
        if let Some(targets) = &mut update.targets {
            targets.retain(|target| self.shard.owns(&update.source.bot, &target.id));
        }
        self.store.apply(update, now);
    }
}
