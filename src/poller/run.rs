//! The loop.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::bot::BotRuntime;
use super::call::CallResult;
use super::call_results::InFlightCall;
use super::handle::{Command, Handle};
use super::persister::{Ended, Persister};
use super::probes::Probes;
use super::{Published, Setup};
use crate::clock::Clock;
use crate::database::{BotCalls, Contents, Database, WriteError};
use crate::exposition::{ExporterView, JobBlocks, Page};
use crate::model::{BotName, JobSlot, Shard, SourceId, TargetUpdate, Timestamp};
use crate::store::Store;

/// The loop turns at least this often: gauges that move with time are never older.
const TURN: Duration = Duration::from_secs(1);

/// Pages are not made more often than this while answers come in: a burst of answers costs one page.
const PAGE_INTERVAL: Duration = Duration::from_millis(100);

/// The same where there is a database: a page waits for what it shows to be written, and a disk is to be spared.
const KEPT_PAGE_INTERVAL: Duration = Duration::from_millis(250);

/// Answers and updates taken in before the loop looks at schedules and page again.
const BATCH: usize = 256;

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
    pub(super) clock: Arc<Clock>,
    pub(super) shard: Shard,
    pub(super) store: Store,
    pub(super) bots: BTreeMap<BotName, BotRuntime>,
    /// Whose a slot is; the store cannot say any more once the job has gone.
    pub(super) owners: HashMap<JobSlot, BotName>,
    pub(super) calls: JoinSet<CallResult>,
    pub(super) in_flight: HashMap<tokio::task::Id, InFlightCall>,
    pub(super) probes: Probes,
    /// Sources that have not been read yet.
    pub(super) awaited: HashSet<SourceId>,
    /// Whether every source had been read when the last page was made.
    pub(super) page_has_all: bool,
    pub(super) blocks: JobBlocks,
    pub(super) exporter: ExporterView,
    /// `None`: all is kept in memory.
    pub(super) persister: Option<Persister>,
    pub(super) published: Arc<Published>,
    pub(super) page_due: Option<Timestamp>,
    pub(super) last_page: Timestamp,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) updates: mpsc::Receiver<TargetUpdate>,
    /// Spreads first polls, and decides which sort of event is looked at first.
    pub(super) rng: StdRng,
}

impl Poller {
    /// A loop for a configuration, which begins with what the database has kept; it does nothing before [`Self::run`].
    pub fn new(
        setup: Setup,
        exporter: ExporterView,
        clock: Arc<Clock>,
        database: Option<(Database, Contents)>,
        rng: StdRng,
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
            in_flight: HashMap::new(),
            probes: Probes::default(),
            awaited: HashSet::new(),
            page_has_all: false,
            blocks,
            exporter,
            persister: None,
            published: published.clone(),
            page_due: None,
            last_page: now,
            commands,
            updates,
            rng,
        };
        let contents = database.map(|(database, contents)| {
            poller.persister = Some(Persister::new(database));
            contents
        });
        poller.begin(setup, contents.unwrap_or_default(), now);
        poller.follow_changes(now);
        let page = poller.render(now);
        // Nothing new is counted on it: what it shows is kept already.
        poller.show(page);
        (poller, Parts { handle, published, updates: sender })
    }

    /// Runs until it is logged to stop; then calls under way are given up.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let now = self.clock.now();
            self.published.beat(now);
            let wake = self.turn(now);
            if self.page_due.is_some_and(|due| due <= now) || now.since(self.last_page) >= TURN {
                self.publish(now);
            }
            // A page waits for the one before it to be kept.
            let late_at = self.persister.as_ref().and_then(Persister::late_at).filter(|late_at| now < *late_at);
            let page_due = late_at.or(self.page_due);
            let until = [wake, page_due].into_iter().flatten().min().map_or(TURN, |due| due.since(now).min(TURN));
            match self.next_event(&shutdown, until).await {
                Event::Stop => break,
                Event::Written(written) => {
                    if self.settle(written) == Err(Ended) {
                        return;
                    }
                }
                Event::Joined(joined) => {
                    self.joined(joined);
                    for _ in 0..BATCH {
                        match self.calls.try_join_next_with_id() {
                            Some(joined) => self.joined(joined),
                            None => break,
                        }
                    }
                }
                Event::Command(command) => self.handle_command(command),
                Event::Update(update) => {
                    self.receive_update(update);
                    for _ in 0..BATCH {
                        match self.updates.try_recv() {
                            Ok(update) => self.receive_update(update),
                            Err(_) => break,
                        }
                    }
                }
                Event::Time => {}
            }
        }
        // Answers that are there are not asked for again after a restart.
        while let Some(joined) = self.calls.try_join_next_with_id() {
            self.joined(joined);
        }
        self.calls.shutdown().await;
        let (now, calls) = (self.clock.now(), self.unpersisted_calls());
        if let Some(persister) = self.persister.take() {
            persister.finish(&mut self.store, calls, now).await;
        }
    }

    /// Waits for what comes next. The sorts of events are looked at in turn, from a drawn one on: however fast one sort comes
    /// in, the others get their turn.
    async fn next_event(&mut self, shutdown: &CancellationToken, at_most: Duration) -> Event {
        const SORTS: u32 = 6;
        let first = self.rng.random_range(0..SORTS);
        let mut stopped = pin!(shutdown.cancelled());
        let mut elapsed = pin!(tokio::time::sleep(at_most));
        poll_fn(|context| {
            for sort in (first..first + SORTS).map(|sort| sort % SORTS) {
                let event = match sort {
                    0 => stopped.as_mut().poll(context).map(|()| Some(Event::Stop)),
                    1 => match &mut self.persister {
                        Some(persister) => persister.poll_written(context).map(|written| Some(Event::Written(written))),
                        None => Poll::Pending,
                    },
                    2 => self.calls.poll_join_next_with_id(context).map(|joined| joined.map(Event::Joined)),
                    3 => self.commands.poll_recv(context).map(|command| command.map(Event::Command)),
                    4 => self.updates.poll_recv(context).map(|update| update.map(Event::Update)),
                    _ => elapsed.as_mut().poll(context).map(|()| Some(Event::Time)),
                };
                // A sort that has ended, or has none under way, is passed over.
                if let Poll::Ready(Some(event)) = event {
                    return Poll::Ready(event);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// A batch is written, or could not be.
    pub(super) fn settle(&mut self, written: Result<(), WriteError>) -> Result<(), Ended> {
        let now = self.clock.now();
        let Some(persister) = &mut self.persister else { return Ok(()) };
        if let Some(page) = persister.settle(written, &mut self.store, now)? {
            self.show(page);
        }
        Ok(())
    }

    /// The calls of which the database does not know yet.
    pub(super) fn unpersisted_calls(&self) -> Vec<BotCalls> {
        let Some(persister) = &self.persister else { return Vec::new() };
        let now = self.clock.now();
        let of = |(name, bot): (&BotName, &BotRuntime)| {
            let by_second = bot.scheduler.calls_by_second(now).filter(|(second, _)| persister.is_unpersisted(*second));
            BotCalls { bot: name.clone(), by_second: by_second.collect() }
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

    /// Shows a page. Who waits for readiness finds all jobs on the first one that was made after every source was read.
    pub(super) fn show(&mut self, page: Page) {
        self.published.put(page);
        if self.page_has_all && !self.published.is_ready() {
            tracing::info!(jobs = self.store.jobs().count(), "ready: every source has been read once");
            self.published.set_ready();
        }
    }

    pub(super) fn page_soon(&mut self) {
        let interval = if self.persister.is_some() { KEPT_PAGE_INTERVAL } else { PAGE_INTERVAL };
        self.page_due.get_or_insert(self.last_page.plus(interval));
    }

    pub(super) fn publish(&mut self, now: Timestamp) {
        if self.persister.as_ref().and_then(Persister::late_at).is_some_and(|late_at| now < late_at) {
            return;
        }
        let page = self.render(now);
        let calls = self.unpersisted_calls();
        let page = match &mut self.persister {
            Some(persister) => persister.keep(&mut self.store, calls, Some(page), now),
            None => Some(page),
        };
        if let Some(page) = page {
            self.show(page);
        }
    }

    pub(super) fn render(&mut self, now: Timestamp) -> Page {
        for (name, bot) in &self.bots {
            if let Some(totals) = self.store.gauges_mut(name) {
                bot.gauge(totals, now);
            }
        }
        self.exporter.dropped = self.store.dropped();
        self.exporter.storage = self.persister.as_ref().map(Persister::view);
        let totals: Vec<_> = self.store.totals().cloned().collect();
        let store = &self.store;
        let page = self.blocks.publish(|slot| store.job(slot), &totals, &self.exporter);
        self.last_page = now;
        self.page_due = None;
        self.page_has_all = self.awaited.is_empty();
        page
    }
}

/// What the loop waits for.
enum Event {
    Stop,
    Written(Result<(), WriteError>),
    Joined(Result<(tokio::task::Id, CallResult), JoinError>),
    Command(Command),
    Update(TargetUpdate),
    Time,
}
