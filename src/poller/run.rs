//! The loop.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::bot::Bot;
use super::call::{CallError, Called, call};
use super::command::{Command, Filter, Handle, JobRow, Listing, MAX_LISTED, ProbeError};
use super::keeper::{Ended, Keeper, Reply};
use super::probes::{Answer, Probes};
use super::{BotSetup, BotStatus, Published, Setup, narrate};
use crate::clock::Clock;
use crate::database::{CallsOf, Contents, Database, WriteError};
use crate::exposition::{ExporterView, JobBlocks, Page};
use crate::model::{
    BotName, Job, JobKey, JobSlot, JobState, Outcome, Shard, SourceId, TargetUpdate, Timestamp, with_causes,
};
use crate::scheduler::{LastPoll, Next, Observation, Progress, Refusal, Scheduler, Start};
use crate::store::{Change, Standing, Store};

/// The loop turns at least this often: gauges that move with time are never older.
const TURN: Duration = Duration::from_secs(1);

/// Pages are not made more often than this while answers come in: a burst of answers costs one page.
const PAGE_INTERVAL: Duration = Duration::from_millis(100);

/// The same where there is a database: a page waits for what it shows to be written, and a disk is to be spared.
const KEPT_PAGE_INTERVAL: Duration = Duration::from_millis(250);

/// Answers and updates taken in before the loop looks at schedules and page again.
const BATCH: usize = 256;

/// How long polls pause after a probe that upstream refused without a `Retry-After`, and at most.
const PROBE_REFUSED_PAUSE: Duration = Duration::from_secs(60);
const MAX_PROBE_PAUSE: Duration = Duration::from_secs(3600);

/// What other tasks need to talk to the loop.
pub struct Parts {
    /// Asks it.
    pub handle: Handle,
    /// What it shows.
    pub published: Arc<Published>,
    /// Where discovery sends what it finds.
    pub updates: mpsc::Sender<TargetUpdate>,
}

/// Target sets that may wait; discovery waits when the loop has not taken the earlier ones.
const UPDATES: usize = 64;

/// The loop and all that it owns.
pub struct Poller {
    clock: Arc<Clock>,
    shard: Shard,
    store: Store,
    bots: BTreeMap<BotName, Bot>,
    /// Whose a slot is; the store cannot say any more once the job has gone.
    owners: HashMap<JobSlot, BotName>,
    calls: JoinSet<Called>,
    flights: HashMap<tokio::task::Id, Flight>,
    probes: Probes,
    /// Sources that have not been read yet.
    awaited: HashSet<SourceId>,
    /// Whether every source had been read when the last page was made.
    page_has_all: bool,
    blocks: JobBlocks,
    exporter: ExporterView,
    /// `None`: all is kept in memory.
    keeper: Option<Keeper>,
    published: Arc<Published>,
    page_due: Option<Timestamp>,
    last_page: Timestamp,
    commands: mpsc::Receiver<Command>,
    updates: mpsc::Receiver<TargetUpdate>,
}

/// A call under way.
struct Flight {
    key: JobKey,
    purpose: Purpose,
}

enum Purpose {
    /// A followed job's poll; `removed`: the job has gone meanwhile.
    Poll {
        slot: JobSlot,
        removed: bool,
    },
    Probe,
}

impl Poller {
    /// A loop for a configuration, which begins with what the database has kept; it does nothing before [`Self::run`].
    pub fn new(
        setup: Setup,
        exporter: ExporterView,
        clock: Arc<Clock>,
        database: Option<(Database, Contents)>,
    ) -> (Self, Parts) {
        let (handle, commands) = Handle::new();
        let (sender, updates) = mpsc::channel(UPDATES);
        let now = clock.now();
        let mut blocks = JobBlocks::new();
        let page = blocks.publish(|_| None, &[], &exporter);
        let published = Arc::new(Published::new(page, now));
        let mut poller = Self {
            clock,
            shard: setup.shard,
            store: Store::new(setup.life),
            bots: BTreeMap::new(),
            owners: HashMap::new(),
            calls: JoinSet::new(),
            flights: HashMap::new(),
            probes: Probes::default(),
            awaited: HashSet::new(),
            page_has_all: false,
            blocks,
            exporter,
            keeper: None,
            published: published.clone(),
            page_due: None,
            last_page: now,
            commands,
            updates,
        };
        let contents = database.map(|(database, contents)| {
            poller.keeper = Some(Keeper::new(database));
            contents
        });
        poller.begin(setup, contents.unwrap_or_default(), now);
        poller.follow_changes(now);
        let page = poller.render(now);
        poller.published.put(page);
        (poller, Parts { handle, published, updates: sender })
    }

    /// Runs until it is told to stop; then calls under way are given up.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let now = self.clock.now();
            self.published.beat(now);
            let wake = self.turn(now);
            if self.page_due.is_some_and(|due| due <= now) || now.since(self.last_page) >= TURN {
                self.publish(now);
            }
            // A page waits for the one before it to be kept.
            let late_at = self.keeper.as_ref().and_then(Keeper::late_at).filter(|late_at| now < *late_at);
            let page_due = late_at.or(self.page_due);
            let until = [wake, page_due].into_iter().flatten().min().map_or(TURN, |due| due.since(now).min(TURN));
            // In no fixed order: however fast one sort of message comes in, the others get their turn.
            tokio::select! {
                () = shutdown.cancelled() => break,
                written = written(&mut self.keeper) => if self.settle(written) == Err(Ended) { return },
                Some(joined) = self.calls.join_next_with_id(), if !self.calls.is_empty() => {
                    self.joined(joined);
                    for _ in 0..BATCH {
                        match self.calls.try_join_next_with_id() {
                            Some(joined) => self.joined(joined),
                            None => break,
                        }
                    }
                }
                Some(command) = self.commands.recv() => self.obey(command),
                Some(update) = self.updates.recv() => {
                    self.take_in(update);
                    for _ in 0..BATCH {
                        match self.updates.try_recv() {
                            Ok(update) => self.take_in(update),
                            Err(_) => break,
                        }
                    }
                }
                () = tokio::time::sleep(until) => {}
            }
        }
        // Answers that are there are not asked for again after a restart.
        while let Some(joined) = self.calls.try_join_next_with_id() {
            self.joined(joined);
        }
        self.calls.shutdown().await;
        let (now, calls) = (self.clock.now(), self.untold_calls());
        if let Some(keeper) = self.keeper.take() {
            keeper.finish(&mut self.store, calls, now).await;
        }
    }

    /// Takes the configuration and what an earlier run kept.
    fn begin(&mut self, setup: Setup, contents: Contents, now: Timestamp) {
        if self.keeper.is_some() {
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
        for CallsOf { bot, by_second } in contents.calls {
            if let Some(bot) = self.bots.get_mut(&bot) {
                bot.scheduler.restore_calls(&by_second, now);
            }
        }
    }

    /// A batch is written, or could not be.
    fn settle(&mut self, written: Result<(), WriteError>) -> Result<(), Ended> {
        let now = self.clock.now();
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        if let Some(page) = keeper.settle(written, &mut self.store, now)? {
            self.show(page);
        }
        Ok(())
    }

    /// The calls of which the database does not know yet.
    fn untold_calls(&self) -> Vec<CallsOf> {
        let Some(keeper) = &self.keeper else { return Vec::new() };
        let now = self.clock.now();
        let of = |(name, bot): (&BotName, &Bot)| {
            let by_second = bot.scheduler.calls_by_second(now).filter(|(second, _)| keeper.is_untold(*second));
            CallsOf { bot: name.clone(), by_second: by_second.collect() }
        };
        self.bots.iter().map(of).collect()
    }

    /// Lets time pass and starts what is due; says when there is something to do next.
    fn turn(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.store.tick(now);
        self.follow_changes(now);
        let mut wake = self.store.next_tick();
        for name in self.bots.keys().cloned().collect::<Vec<_>>() {
            if let Some(due) = self.start_calls(&name, now) {
                wake = Some(wake.map_or(due, |wake| wake.min(due)));
            }
        }
        wake
    }

    fn start_calls(&mut self, name: &BotName, now: Timestamp) -> Option<Timestamp> {
        loop {
            let bot = self.bots.get_mut(name)?;
            let (slot, late) = match bot.scheduler.next(now) {
                Next::Poll { slot, late } => (slot, late),
                Next::WaitUntil(due) => return Some(due),
                Next::Idle => return None,
            };
            let Some(key) = self.store.job(slot).map(|job| job.key.clone()) else {
                // Cannot be: a job that goes leaves the scheduler first.
                bot.scheduler.remove(slot, now);
                bot.scheduler.observe(slot, now, Observation::Finished);
                continue;
            };
            if let Some(totals) = self.store.totals_mut(name) {
                totals.poll_delay.observe(late.as_secs_f64());
            }
            self.start_call(key, Purpose::Poll { slot, removed: false });
        }
    }

    fn start_call(&mut self, key: JobKey, purpose: Purpose) {
        let Some(bot) = self.bots.get(&key.bot) else { return };
        let call = call(bot.client.clone(), bot.tokens.clone(), key.id.clone(), self.clock.clone());
        let id = self.calls.spawn(call).id();
        self.flights.insert(id, Flight { key, purpose });
        self.page_soon();
    }

    fn joined(&mut self, joined: Result<(tokio::task::Id, Called), tokio::task::JoinError>) {
        let (id, called) = match joined {
            Ok((id, called)) => (id, called),
            Err(error) => {
                tracing::error!(error = %error, "a call's task ended early");
                (error.id(), Called::lost())
            }
        };
        let Some(flight) = self.flights.remove(&id) else { return };
        let now = self.clock.now();
        self.count_call(&flight.key.bot, &called, now);
        match flight.purpose {
            Purpose::Poll { slot, removed } => self.answered(slot, removed, &flight.key, called, now),
            Purpose::Probe => self.probed(flight.key, called, now),
        }
        self.page_soon();
    }

    fn count_call(&mut self, name: &BotName, called: &Called, now: Timestamp) {
        if let Some(bot) = self.bots.get_mut(name)
            && called.duration.is_some()
        {
            bot.token_expiry = called.token_expiry;
        }
        let Some(totals) = self.store.totals_mut(name) else { return };
        let Some(duration) = called.duration else { return };
        let index = Outcome::ALL.iter().position(|known| *known == called.outcome());
        if let Some(count) = index.and_then(|index| totals.requests.get_mut(index)) {
            *count = count.saturating_add(1);
        }
        totals.request_duration.observe(duration.as_secs_f64());
        totals.response_bytes = totals.response_bytes.saturating_add(called.bytes);
        if called.outcome() == Outcome::Ok
            && let Some(bot) = self.bots.get_mut(name)
        {
            bot.last_success = Some(now);
        }
    }

    fn answered(&mut self, slot: JobSlot, removed: bool, key: &JobKey, called: Called, now: Timestamp) {
        let outcome = called.outcome();
        let was_up = self.store.job(slot).is_none_or(|job| job.poll_up != Some(false));
        let Some(bot) = self.bots.get_mut(&key.bot) else {
            if removed {
                self.store.release(slot);
            }
            return;
        };
        let (report, refusal) = match called.result {
            Ok(report) => {
                narrate::succeeded(bot, key, now);
                (Some(report), Refusal::default())
            }
            Err(error) => {
                narrate::failed(bot, key, was_up, outcome, &error, now);
                let refusal = match &error {
                    CallError::Poll(error) => Refusal { retry_after: error.retry_after, hourly: error.hourly },
                    CallError::Token(_) | CallError::Lost => Refusal::default(),
                };
                (None, refusal)
            }
        };
        let progress = report.as_ref().map(|report| Progress {
            completion: report.completion,
            entries: report.entries,
            recipients: report.recipients,
        });
        if removed {
            bot.scheduler.observe(slot, now, observation(outcome, refusal, progress, &Standing::NotFollowed));
            self.store.release(slot);
            return;
        }
        let recorded = self.store.record(slot, outcome, report, now);
        if let Some(job) = self.store.job(slot) {
            narrate::recorded(job, &recorded, &mut bot.told);
        }
        bot.scheduler.observe(slot, now, observation(outcome, refusal, progress, &recorded.standing));
    }

    fn probed(&mut self, key: JobKey, called: Called, now: Timestamp) {
        let answer = match called.result {
            Ok(report) => Ok(Box::new(self.store.as_job(key.clone(), report, now))),
            Err(error) => {
                self.heed_refusal(&key, &error, now);
                Err(ProbeError::Failed(with_causes(&error)))
            }
        };
        self.probes.answered(key, answer, now);
    }

    /// A probe that was refused pauses the bot's polls as well: they would be refused too.
    fn heed_refusal(&mut self, key: &JobKey, error: &CallError, now: Timestamp) {
        let CallError::Poll(error) = error else { return };
        if let (Outcome::RateLimited, Some(bot)) = (error.outcome, self.bots.get_mut(&key.bot)) {
            bot.scheduler.pause(now.plus(error.retry_after.unwrap_or(PROBE_REFUSED_PAUSE).min(MAX_PROBE_PAUSE)));
        }
    }

    fn take_in(&mut self, update: TargetUpdate) {
        let now = self.clock.now();
        self.awaited.remove(&update.source);
        self.apply(update, now);
        self.follow_changes(now);
        self.page_soon();
    }

    fn apply(&mut self, mut update: TargetUpdate, now: Timestamp) {
        let (shard, bot) = (self.shard, update.source.bot.clone());
        if let Some(targets) = &mut update.targets {
            targets.retain(|target| shard.owns(&bot, &target.id));
        }
        self.store.apply(update, now);
    }

    /// Shows a page. Who waits for readiness finds all jobs on the first one that was made after every source was read.
    fn show(&mut self, page: Page) {
        self.published.put(page);
        if self.page_has_all && !self.published.is_ready() {
            tracing::info!(jobs = self.store.jobs().count(), "ready: every source has been read once");
            self.published.set_ready();
        }
    }

    fn configure(&mut self, setup: Setup, now: Timestamp) {
        let specs: Vec<_> = setup.bots.iter().map(|bot| bot.spec.clone()).collect();
        self.store.configure(setup.life, &specs, &setup.sources, now);
        let names: HashSet<&BotName> = specs.iter().map(|spec| &spec.name).collect();
        self.probes.retain(|key| names.contains(&key.bot));
        let mut before = std::mem::take(&mut self.bots);
        for BotSetup { spec, pace, client, tokens } in setup.bots {
            let bot = match before.remove(&spec.name) {
                Some(mut bot) => {
                    bot.scheduler.set_settings(pace, now);
                    Bot { pace, client, tokens, ..bot }
                }
                None => Bot {
                    scheduler: Scheduler::new(pace),
                    pace,
                    client,
                    tokens,
                    token_expiry: None,
                    trouble: None,
                    last_success: None,
                    told: narrate::Told::default(),
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

    fn obey(&mut self, command: Command) {
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
            Command::Probe(key, reply) => self.probe(key, reply, now),
        }
    }

    fn probe(&mut self, key: JobKey, reply: oneshot::Sender<Answer>, now: Timestamp) {
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
        if !bot.scheduler.take_call(now) {
            return answer(reply, Err(ProbeError::NoBudget));
        }
        self.probes.wait(key.clone(), reply);
        self.start_call(key, Purpose::Probe);
    }

    fn list(&self, filter: &Filter) -> Listing {
        let mut matching: Vec<&Job> = self.store.jobs().filter(|job| filter.admits(job)).collect();
        matching.sort_by(|a, b| b.last_change.cmp(&a.last_change).then_with(|| a.key.cmp(&b.key)));
        let page = matching.iter().skip(filter.offset).take(filter.limit.min(MAX_LISTED));
        let jobs = page
            .filter_map(|job| {
                let slot = self.store.find(&job.key)?;
                Some(JobRow {
                    job: (*job).clone(),
                    sources: self.store.sources_of(slot),
                    last_poll: self.store.entry(slot)?.last_poll(),
                })
            })
            .collect();
        Listing { matching: matching.len(), jobs }
    }

    fn bot_statuses(&self, now: Timestamp) -> Vec<BotStatus> {
        let with_totals = self.store.totals().filter_map(|totals| Some((self.bots.get(&totals.bot)?, totals)));
        with_totals.map(|(bot, totals)| bot.status(totals, now)).collect()
    }

    /// Brings schedulers and blocks in step with the store.
    fn follow_changes(&mut self, now: Timestamp) {
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
                    if self.keeper.is_some() {
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

    fn follow(&mut self, slot: JobSlot, now: Timestamp) {
        let Some(entry) = self.store.entry(slot) else { return };
        let key = entry.job.key.clone();
        self.owners.insert(slot, key.bot.clone());
        if entry.job.state != JobState::Polling {
            return;
        }
        // The job may have been removed and come back while a call for it was under way.
        let under_way = self.flights.values().any(|flight| flight.key == key);
        let last = if under_way { Some(now) } else { entry.last_poll().max(self.probes.last_asked(&key)) };
        let progress = entry.job.last_poll_success.map(|_| Progress {
            completion: entry.job.completion,
            entries: entry.job.tallies.iter().flat_map(|tally| tally.entries).sum(),
            recipients: entry.job.recipients,
        });
        let start = Start { jitter: rand::random(), last: last.map(|answered| LastPoll { answered, progress }) };
        if let Some(bot) = self.bots.get_mut(&key.bot) {
            bot.scheduler.add(slot, now, start);
        }
    }

    fn let_go(&mut self, slot: JobSlot, now: Timestamp) {
        let owner = self.owners.remove(&slot);
        if let Some(bot) = owner.and_then(|name| self.bots.get_mut(&name)) {
            bot.scheduler.remove(slot, now);
        }
        let flight = self.flights.values_mut().find_map(|flight| match &mut flight.purpose {
            Purpose::Poll { slot: flown, removed } if *flown == slot && !*removed => Some(removed),
            Purpose::Poll { .. } | Purpose::Probe => None,
        });
        match flight {
            Some(removed) => *removed = true,
            None => self.store.release(slot),
        }
    }

    fn page_soon(&mut self) {
        let interval = if self.keeper.is_some() { KEPT_PAGE_INTERVAL } else { PAGE_INTERVAL };
        self.page_due.get_or_insert(self.last_page.plus(interval));
    }

    /// Answers when the page shows it and the database has it.
    fn reply(&mut self, reply: Reply, now: Timestamp) {
        match &mut self.keeper {
            Some(keeper) => {
                keeper.queue(reply);
                self.page_due = Some(now);
            }
            None => {
                self.publish(now);
                reply.answer(true);
            }
        }
    }

    fn publish(&mut self, now: Timestamp) {
        if self.keeper.as_ref().and_then(Keeper::late_at).is_some_and(|late_at| now < late_at) {
            return;
        }
        let page = self.render(now);
        let calls = self.untold_calls();
        let page = match &mut self.keeper {
            Some(keeper) => keeper.keep(&mut self.store, calls, Some(page), now),
            None => Some(page),
        };
        if let Some(page) = page {
            self.show(page);
        }
    }

    fn render(&mut self, now: Timestamp) -> Page {
        for (name, bot) in &self.bots {
            if let Some(totals) = self.store.gauges_mut(name) {
                bot.gauge(totals, now);
            }
        }
        self.exporter.dropped = self.store.dropped();
        self.exporter.storage = self.keeper.as_ref().map(Keeper::view);
        let totals: Vec<_> = self.store.totals().cloned().collect();
        let store = &self.store;
        let page = self.blocks.publish(|slot| store.job(slot), &totals, &self.exporter);
        self.last_page = now;
        self.page_due = None;
        self.page_has_all = self.awaited.is_empty();
        page
    }
}

/// Waits for the batch under way; for ever where there is none.
async fn written(keeper: &mut Option<Keeper>) -> Result<(), WriteError> {
    match keeper {
        Some(keeper) => keeper.written().await,
        None => std::future::pending().await,
    }
}

/// Answers a command. Who asked may have gone, which is no loss.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _gone = reply.send(value);
}

/// What an answer means for the schedule.
fn observation(outcome: Outcome, refusal: Refusal, progress: Option<Progress>, standing: &Standing) -> Observation {
    match (outcome, standing) {
        (_, Standing::Finished(_) | Standing::Gone) => Observation::Finished,
        (Outcome::Ok, Standing::Running { changed, .. }) => {
            Observation::Progress { progress: progress.unwrap_or_default(), changed: *changed }
        }
        (Outcome::Ok, _) => Observation::Progress { progress: progress.unwrap_or_default(), changed: false },
        (Outcome::RateLimited, _) => Observation::Refused(refusal),
        (Outcome::Unauthorized, _) => Observation::Unauthorized,
        (Outcome::ServerError | Outcome::Timeout | Outcome::Network, _) => Observation::Unavailable,
        (Outcome::NotFound | Outcome::ClientError | Outcome::Malformed | Outcome::TooLarge, _) => Observation::Unusable,
    }
}
