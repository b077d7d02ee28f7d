//! Which jobs are followed: configurations and targets come in, schedulers and blocks keep step with the store.

use std::collections::HashSet;

use rand::RngExt;

use super::bot::BotRuntime;
use super::call_results::Purpose;
use super::logging;
use super::run::Poller;
use super::{BotSetup, Setup};
use crate::database::{BotCalls, Contents};
use crate::model::{BotName, JobSlot, JobState, SourceId, TargetUpdate, Timestamp};
use crate::scheduler::{LastPoll, Progress, Scheduler, Start};
use crate::store::Change;

impl Poller {
    /// Takes the configuration and what an earlier run kept.
    pub(super) fn begin(&mut self, setup: Setup, contents: Contents, now: Timestamp) {
        if self.persister.is_some() {
            let specs: Vec<_> = setup.bots.iter().map(|bot| bot.spec.clone()).collect();
            self.store.configure(setup.life, &specs, &setup.sources, now);
            let Contents { mut jobs, bots, .. } = contents;
            for kept in jobs.iter_mut().filter(|kept| !setup.shard.owns(&kept.job.key.bot, &kept.job.key.id)) {
                // Another shard asks about it now.
                kept.wanted_by.clear();
            }
            self.store.restore(bots, jobs);
        }
        self.configure(setup, now);
        for BotCalls { bot, by_second } in contents.calls {
            if let Some(bot) = self.bots.get_mut(&bot) {
                bot.scheduler.restore_calls(&by_second, now);
            }
        }
    }

    pub(super) fn receive_update(&mut self, update: TargetUpdate) {
        let now = self.clock.now();
        self.awaited.remove(&update.source);
        self.apply(update, now);
        self.follow_changes(now);
        self.page_soon();
    }

    pub(super) fn apply(&mut self, mut update: TargetUpdate, now: Timestamp) {
        let (shard, bot) = (self.shard, update.source.bot.clone());
        if let Some(targets) = &mut update.targets {
            targets.retain(|target| shard.owns(&bot, &target.id));
        }
        self.store.apply(update, now);
    }

    pub(super) fn configure(&mut self, setup: Setup, now: Timestamp) {
        let specs: Vec<_> = setup.bots.iter().map(|bot| bot.spec.clone()).collect();
        self.store.configure(setup.life, &specs, &setup.sources, now);
        let names: HashSet<&BotName> = specs.iter().map(|spec| &spec.name).collect();
        self.probes.retain(|key| names.contains(&key.bot));
        let mut before = std::mem::take(&mut self.bots);
        for BotSetup { spec, pace, client, tokens } in setup.bots {
            let bot = match before.remove(&spec.name) {
                Some(mut bot) => {
                    bot.scheduler.set_settings(pace, now);
                    BotRuntime { pace, client, tokens, ..bot }
                }
                None => BotRuntime {
                    scheduler: Scheduler::new(pace),
                    pace,
                    client,
                    tokens,
                    token_expiry: None,
                    trouble: None,
                    last_success: None,
                    logged: logging::LogDedup::default(),
                },
            };
            self.bots.insert(spec.name, bot);
        }
        let static_sources: HashSet<&SourceId> = setup.static_targets.iter().map(|update| &update.source).collect();
        self.awaited = setup.sources.iter().filter(|source| !static_sources.contains(source)).cloned().collect();
        self.shard = setup.shard;
        for update in setup.static_targets {
            self.apply(update, now);
        }
        self.follow_changes(now);
        self.exporter.config_last_reload_successful = true;
        self.exporter.config_last_reload_success = now;
    }

    /// Brings schedulers and blocks in step with the store.
    pub(super) fn follow_changes(&mut self, now: Timestamp) {
        for change in self.store.take_changes() {
            match change {
                Change::Added(slot) => {
                    self.blocks.note(slot);
                    self.follow(slot, now);
                }
                Change::Changed(slot) => self.blocks.note(slot),
                Change::Ended(slot) => {
                    self.blocks.note(slot);
                    if let Some(bot) = self.owners.get(&slot).and_then(|name| self.bots.get_mut(name)) {
                        bot.scheduler.remove(slot, now);
                    }
                    if self.persister.is_some() {
                        // Kept at once, so that a crash hardly ever makes it be asked about again.
                        self.page_due = Some(now);
                    }
                }
                Change::Removed(slot) => {
                    self.blocks.note(slot);
                    self.let_go(slot, now);
                }
            }
            self.page_soon();
        }
    }

    pub(super) fn follow(&mut self, slot: JobSlot, now: Timestamp) {
        let Some(entry) = self.store.entry(slot) else { return };
        let key = entry.job.key.clone();
        self.owners.insert(slot, key.bot.clone());
        if entry.job.state != JobState::Polling {
            return;
        }
        // The job may have been removed and come back while a call for it was under way.
        let under_way = self.in_flight.values().any(|call| call.key == key);
        let last = if under_way { Some(now) } else { entry.last_poll().max(self.probes.last_asked(&key)) };
        let progress = entry.job.last_poll_success.map(|_| Progress {
            completion: entry.job.completion,
            entries: entry.job.tallies.iter().flat_map(|tally| tally.entries).sum(),
            recipients: entry.job.recipients,
        });
        let start = Start { jitter: self.rng.random(), last: last.map(|answered| LastPoll { answered, progress }) };
        if let Some(bot) = self.bots.get_mut(&key.bot) {
            bot.scheduler.add(slot, now, start);
        }
    }

    pub(super) fn let_go(&mut self, slot: JobSlot, now: Timestamp) {
        let owner = self.owners.remove(&slot);
        if let Some(bot) = owner.and_then(|name| self.bots.get_mut(&name)) {
            bot.scheduler.remove(slot, now);
        }
        let call = self.in_flight.values_mut().find_map(|call| match &mut call.purpose {
            Purpose::Poll { slot: flown, removed } if *flown == slot && !*removed => Some(removed),
            Purpose::Poll { .. } | Purpose::Probe => None,
        });
        match call {
            Some(removed) => *removed = true,
            None => self.store.release(slot),
        }
    }
}
