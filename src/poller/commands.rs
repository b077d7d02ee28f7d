//! Handles commands from other tasks.

use std::cmp::Ordering;

use tokio::sync::oneshot;

use super::bot::BotStatus;
use super::handle::{Command, Filter, ListedJob, Listing, MAX_LISTED, ProbeError};
use super::in_flight::Purpose;
use super::persister::Reply;
use super::probes::ProbeResult;
use super::run::Poller;
use crate::model::{HistoryPoint, Job, JobKey, JobSlot, Timestamp};
use crate::store::Entry;

impl Poller {
    pub(super) fn handle_command(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::Configure(setup, reply) => {
                let updates = self.inbox.replace_updates();
                self.configure(*setup, now);
                self.reply_when_persisted(Reply::Configured(reply, updates), now);
            }
            Command::ReloadFailed(reply) => {
                self.pages.reload_failed();
                self.publish(now);
                send(reply, ());
            }
            Command::Register(bot, targets, reply) => {
                let results = targets.into_iter().map(|target| self.store.register(&bot, target, now)).collect();
                self.store.recount();
                self.apply_job_changes(now);
                self.reply_when_persisted(Reply::Registered(reply, results), now);
            }
            Command::Forget(key, reply) => {
                let found = self.store.forget(&key, now);
                self.apply_job_changes(now);
                self.reply_when_persisted(Reply::Forgotten(reply, found), now);
            }
            Command::Keys(filter, reply) => {
                let matching = self.store.jobs().filter(|job| filter.admits(job));
                let mut keys: Vec<_> = matching.map(|job| (job.key.clone(), job.campaign.clone())).collect();
                keys.sort();
                send(reply, keys);
            }
            Command::List(filter, reply) => send(reply, self.list(&filter)),
            Command::Campaigns(reply) => send(reply, self.store.campaigns().cloned().collect()),
            Command::Campaign(key, reply) => send(reply, self.store.campaign_with_history(&key)),
            Command::Job(key, reply) => send(reply, self.job(&key)),
            Command::Bots(reply) => send(reply, self.bot_statuses(now)),
            Command::Sources(reply) => send(reply, self.store.source_statuses()),
            Command::Sizes(reply) => send(reply, self.sizes()),
            Command::Probe(key, reply) => self.probe(key, reply, now),
        }
    }

    fn probe(&mut self, key: JobKey, reply: oneshot::Sender<ProbeResult>, now: Timestamp) {
        if let Some(job) = self.store.find(&key).and_then(|slot| self.store.job(slot)).or(self.store.retired_job(&key))
        {
            return send(reply, Ok(Box::new(job.clone())));
        }
        if self.store.is_over_in_database(&key) {
            return self.probe_remembered(key, reply);
        }
        if let Some(cached) = self.probes.cached(&key, now) {
            return send(reply, cached);
        }
        if self.probes.is_in_flight(&key) {
            return self.probes.wait(key, reply);
        }
        let Some(bot) = self.bots.get_mut(&key.bot) else { return send(reply, Err(ProbeError::UnknownBot)) };
        // A poll of a job that was deleted meanwhile counts too.
        if self.calls.contains(&key) || self.recent_calls.last(&key, now).is_some() {
            return send(reply, Err(ProbeError::TooSoon));
        }
        let Some(permit) = bot.scheduler.start_probe(now) else { return send(reply, Err(ProbeError::NoBudget)) };
        // Marks the bot as changed, so that the call is persisted.
        self.store.counters_mut(&key.bot);
        self.probes.wait(key.clone(), reply);
        self.start_call(key, Purpose::Probe { permit: Some(permit) });
    }

    fn list(&self, filter: &Filter) -> Listing {
        let mut matching: Vec<&Job> = self.store.jobs().filter(|job| filter.admits(job)).collect();
        let wanted = filter.offset.saturating_add(filter.limit.min(MAX_LISTED));
        let total = matching.len();
        // Only the jobs up to the end of the page are sorted: the loop has other work.
        if let Some(last) = wanted.checked_sub(1).filter(|last| *last < total) {
            matching.select_nth_unstable_by(last, |a, b| newest_first(a, b));
            matching.truncate(wanted);
        }
        matching.sort_unstable_by(|a, b| newest_first(a, b));
        let page = matching.iter().skip(filter.offset).take(filter.limit.min(MAX_LISTED));
        let jobs = page.filter_map(|job| Some(self.listed(self.store.find(&job.key)?)?.0)).collect();
        Listing { matching: total, jobs }
    }

    fn job(&self, key: &JobKey) -> Option<(ListedJob, Vec<HistoryPoint>)> {
        let (listed, entry) = self.listed(self.store.find(key)?)?;
        Some((listed, entry.history().points()))
    }

    fn listed(&self, slot: JobSlot) -> Option<(ListedJob, &Entry)> {
        let entry = self.store.entry(slot)?;
        let sources = self.store.sources_of(slot);
        Some((
            ListedJob { job: entry.job.clone(), sources, last_poll: entry.last_poll(), failing: entry.failing() },
            entry,
        ))
    }

    pub(super) fn bot_statuses(&self, now: Timestamp) -> Vec<BotStatus> {
        let with_metrics = self.store.bots().filter_map(|metrics| Some((self.bots.get(&metrics.bot)?, metrics)));
        with_metrics.map(|(bot, metrics)| bot.status(metrics, now)).collect()
    }

    /// Replies when the change is in the database and on the page.
    fn reply_when_persisted(&mut self, reply: Reply, now: Timestamp) {
        self.persister.queue(reply);
        self.pages.request_now(now);
    }
}

/// The order of a listing.
fn newest_first(a: &Job, b: &Job) -> Ordering {
    b.last_change.cmp(&a.last_change).then_with(|| a.key.cmp(&b.key))
}

/// Sends the reply to a command. The requester may have gone, which does not matter.
fn send<T>(reply: oneshot::Sender<T>, value: T) {
    let _gone = reply.send(value);
}
