//! What other tasks ask the loop for.

use tokio::sync::oneshot;

use super::BotStatus;
use super::call_results::Purpose;
use super::handle::{Command, Filter, ListedJob, Listing, MAX_LISTED, ProbeError};
use super::persister::Reply;
use super::probes::ProbeReply;
use super::run::Poller;
use crate::model::{Job, JobKey, Timestamp};

impl Poller {
    pub(super) fn handle_command(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::Configure(setup, reply) => {
                self.configure(*setup, now);
                self.reply(Reply::Configured(reply), now);
            }
            Command::ReloadFailed(reply) => {
                self.exporter.config_last_reload_successful = false;
                self.publish(now);
                answer(reply, ());
            }
            Command::Register(bot, targets, reply) => {
                let results = targets.into_iter().map(|target| self.store.register(&bot, target, now)).collect();
                self.store.recount();
                self.follow_changes(now);
                self.reply(Reply::Registered(reply, results), now);
            }
            Command::Forget(key, reply) => {
                let found = self.store.forget(&key, now);
                self.follow_changes(now);
                self.reply(Reply::Forgotten(reply, found), now);
            }
            Command::Keys(filter, reply) => {
                let matching = self.store.jobs().filter(|job| filter.admits(job));
                let mut keys: Vec<_> = matching.map(|job| (job.key.clone(), job.campaign.clone())).collect();
                keys.sort();
                answer(reply, keys);
            }
            Command::List(filter, reply) => answer(reply, self.list(&filter)),
            Command::Bots(reply) => answer(reply, self.bot_statuses(now)),
            Command::Sizes(reply) => answer(reply, self.sizes()),
            Command::Probe(key, reply) => self.probe(key, reply, now),
        }
    }

    pub(super) fn probe(&mut self, key: JobKey, reply: oneshot::Sender<ProbeReply>, now: Timestamp) {
        if let Some(job) = self.store.find(&key).and_then(|slot| self.store.job(slot)).or(self.store.over(&key)) {
            return answer(reply, Ok(Box::new(job.clone())));
        }
        if let Some(known) = self.probes.known(&key, now) {
            return answer(reply, known);
        }
        if self.probes.is_asking(&key) {
            return self.probes.wait(key, reply);
        }
        let Some(bot) = self.bots.get_mut(&key.bot) else { return answer(reply, Err(ProbeError::UnknownBot)) };
        if !bot.scheduler.try_take_call(now) {
            return answer(reply, Err(ProbeError::NoBudget));
        }
        self.probes.wait(key.clone(), reply);
        self.start_call(key, Purpose::Probe);
    }

    pub(super) fn list(&self, filter: &Filter) -> Listing {
        let mut matching: Vec<&Job> = self.store.jobs().filter(|job| filter.admits(job)).collect();
        matching.sort_by(|a, b| b.last_change.cmp(&a.last_change).then_with(|| a.key.cmp(&b.key)));
        let page = matching.iter().skip(filter.offset).take(filter.limit.min(MAX_LISTED));
        let jobs = page
            .filter_map(|job| {
                let slot = self.store.find(&job.key)?;
                Some(ListedJob {
                    job: (*job).clone(),
                    sources: self.store.sources_of(slot),
                    last_poll: self.store.entry(slot)?.last_poll(),
                })
            })
            .collect();
        Listing { matching: matching.len(), jobs }
    }

    pub(super) fn bot_statuses(&self, now: Timestamp) -> Vec<BotStatus> {
        let with_totals = self.store.totals().filter_map(|totals| Some((self.bots.get(&totals.bot)?, totals)));
        with_totals.map(|(bot, totals)| bot.status(totals, now)).collect()
    }

    /// Answers when the page shows it and the database has it.
    pub(super) fn reply(&mut self, reply: Reply, now: Timestamp) {
        match &mut self.persister {
            Some(persister) => {
                persister.queue(reply);
                self.page_due = Some(now);
            }
            None => {
                self.publish(now);
                reply.answer(true);
            }
        }
    }
}

/// Answers a command. Who asked may have gone, which is no loss.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _gone = reply.send(value);
}
