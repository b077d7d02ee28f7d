//! [`Poller`]: the polling loop.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::bots::Bots;
use super::handle::{Command, Handle};
use super::in_flight::{EndedCall, InFlightCalls};
use super::inbox::Inbox;
use super::pages::{PagePublisher, RenderedPage};
use super::persister::{DatabaseEnded, Persister};
use super::probes::Probes;
use super::published::Published;
use super::recalls::{Recalls, Rows};
use super::recent_calls::RecentCalls;
use super::setup::Setup;
use crate::clock::Clock;
use crate::database::{BotCalls, Contents, Database, WriteError};
use crate::exposition::ExporterView;
use crate::model::{BotName, Shard, TargetUpdate, Timestamp};
use crate::store::Store;

/// The most results or updates that are handled before the loop looks at schedules and pages again.
const BATCH: usize = 256;

/// What other tasks need to communicate with the loop.
pub struct Parts {
    /// Sends commands.
    pub handle: Handle,
    /// The current page, readiness and heartbeat.
    pub published: Arc<Published>,
    /// Sends target updates.
    pub updates: mpsc::Sender<TargetUpdate>,
}

/// The polling loop and everything that it owns.
pub struct Poller {
    pub(super) clock: Arc<Clock>,
    pub(super) shard: Shard,
    pub(super) store: Store,
    pub(super) bots: Bots,
    pub(super) calls: InFlightCalls,
    pub(super) recent_calls: RecentCalls,
    pub(super) probes: Probes,
    pub(super) recalls: Recalls,
    pub(super) pages: PagePublisher,
    pub(super) persister: Persister,
    pub(super) inbox: Inbox,
    /// Draws the jitter of first polls and the order in which kinds of events are checked.
    pub(super) rng: StdRng,
}

/// What the loop waits for.
enum Event {
    Shutdown,
    Written(Result<(), WriteError>),
    Recalled(Rows),
    CallEnded(Box<EndedCall>),
    Command(Command),
    Update(TargetUpdate),
    Time,
}

impl Poller {
    /// A loop with a configuration and the contents of the database. It does nothing before [`Self::run`].
    pub fn new(
        setup: Setup,
        exporter: ExporterView,
        clock: Arc<Clock>,
        database: Option<(Database, Contents)>,
        rng: StdRng,
    ) -> (Self, Parts) {
        let now = clock.now();
        let (inbox, handle, updates) = Inbox::new();
        let (database, contents) = database.unzip();
        let mut poller = Self {
            clock,
            shard: setup.shard,
            store: Store::new(setup.life),
            bots: Bots::default(),
            calls: InFlightCalls::default(),
            recent_calls: RecentCalls::default(),
            probes: Probes::default(),
            recalls: Recalls::default(),
            pages: PagePublisher::new(exporter, database.is_some(), now),
            persister: Persister::new(database),
            inbox,
            rng,
        };
        poller.restore(setup, contents, now);
        poller.apply_job_changes(now);
        // Published without waiting for a write: everything on this page comes from the database.
        let page = poller.render(now);
        poller.pages.counters_restored();
        poller.publish_page(page);
        let published = poller.pages.published();
        (poller, Parts { handle, published, updates })
    }

    /// Renders pages less often and does not compress them, for simulations: they pay for each page, and hardly any is ever
    /// scraped.
    #[must_use]
    pub fn simulated(mut self, min_interval: Duration, max_age: Duration) -> Self {
        self.pages.simulate(min_interval, max_age);
        self
    }

    /// Runs until `shutdown` is cancelled; then aborts the calls in flight.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let now = self.clock.now();
            self.pages.heartbeat(now);
            let wake = self.start_due_calls(now);
            if self.pages.is_due(now) {
                self.publish(now);
            }
            // A page waits for the write of the previous one.
            let page_due = self.delayed_until(now).or(self.pages.due());
            let until = [wake, page_due].into_iter().flatten().min();
            let max_age = self.pages.max_age();
            let wait = until.map_or(max_age, |due| due.since(now).min(max_age));
            match self.next_event(&shutdown, wait).await {
                Event::Shutdown => break,
                Event::Time => {}
                Event::Written(written) => {
                    if self.write_ended(written) == Err(DatabaseEnded) {
                        return;
                    }
                }
                Event::Recalled(rows) => self.recall_ended(rows),
                Event::CallEnded(ended) => {
                    self.handle_call_result(*ended);
                    for _ in 0..BATCH {
                        let Some(ended) = self.calls.try_next() else { break };
                        self.handle_call_result(ended);
                    }
                }
                Event::Command(command) => self.handle_command(command),
                Event::Update(update) => {
                    self.handle_update(update);
                    for _ in 0..BATCH {
                        let Some(update) = self.inbox.try_next_update() else { break };
                        self.handle_update(update);
                    }
                }
            }
        }
        // Results that have arrived are recorded, so that they are not requested again after a restart.
        while let Some(ended) = self.calls.try_next() {
            self.handle_call_result(ended);
        }
        self.calls.abort().await;
        let (now, calls) = (self.clock.now(), self.unpersisted_calls());
        self.persister.finish(&mut self.store, calls, now).await;
    }

    /// Waits for the next event. The kinds of events are checked in a circle from a random one, so that no kind can starve
    /// the others.
    async fn next_event(&mut self, shutdown: &CancellationToken, wait: Duration) -> Event {
        const KINDS: u32 = 6;
        let first = self.rng.random_range(0..KINDS);
        let mut cancelled = pin!(shutdown.cancelled());
        let mut elapsed = pin!(tokio::time::sleep(wait));
        poll_fn(|context| {
            for kind in (first..first + KINDS).map(|kind| kind % KINDS) {
                let event = match kind {
                    0 => cancelled.as_mut().poll(context).map(|()| Event::Shutdown),
                    1 => match self.persister.poll_written(context) {
                        Poll::Ready(written) => Poll::Ready(Event::Written(written)),
                        Poll::Pending => self.recalls.poll(context).map(Event::Recalled),
                    },
                    2 => self.calls.poll_next(context).map(|ended| Event::CallEnded(Box::new(ended))),
                    3 => self.inbox.poll_command(context).map(Event::Command),
                    4 => self.inbox.poll_update(context).map(Event::Update),
                    _ => elapsed.as_mut().poll(context).map(|()| Event::Time),
                };
                if event.is_ready() {
                    return event;
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Advances the time and starts all calls that are due. Returns when there is something to do next.
    fn start_due_calls(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.store.tick(now);
        self.apply_job_changes(now);
        self.bots.retry_changed_secrets(now);
        self.start_recall(now);
        let mut wake = [self.store.next_tick(), self.recalls.retry_at()].into_iter().flatten().min();
        let names: Vec<BotName> = self.bots.iter().map(|(name, _)| name.clone()).collect();
        for name in names {
            if let Some(due) = self.start_calls(&name, now) {
                wake = Some(wake.map_or(due, |wake| wake.min(due)));
            }
        }
        wake
    }

    /// Until when the next page waits for a write, if that is in the future.
    fn delayed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.persister.page_delayed_until().filter(|until| now < *until)
    }

    /// Renders a page and publishes it once its contents are persisted.
    pub(super) fn publish(&mut self, now: Timestamp) {
        if self.delayed_until(now).is_some() {
            return;
        }
        let page = self.render(now);
        let calls = self.unpersisted_calls();
        let replies = self.replies(now);
        let released = self.persister.persist(&mut self.store, calls, Some(page), replies, now);
        released.release(|page| self.publish_page(page));
    }

    /// Publishes the page that waited for a write, and sends the replies that waited for both.
    pub(super) fn write_ended(&mut self, written: Result<(), WriteError>) -> Result<(), DatabaseEnded> {
        let now = self.clock.now();
        let released = self.persister.complete(written, &mut self.store, now)?;
        released.release(|page| self.publish_page(page));
        Ok(())
    }

    fn render(&mut self, now: Timestamp) -> RenderedPage {
        self.pages.render(&mut self.store, &self.bots, self.persister.view(), now)
    }

    fn publish_page(&self, page: RenderedPage) {
        self.pages.publish(page, self.store.jobs().count());
    }

    /// The calls that are not in the database yet.
    fn unpersisted_calls(&self) -> Vec<BotCalls> {
        if !self.persister.is_enabled() {
            return Vec::new();
        }
        let now = self.clock.now();
        let calls = self.bots.iter().map(|(name, bot)| {
            let by_second = bot.scheduler.calls_by_second(now);
            let by_second = by_second.filter(|(second, _)| self.persister.is_unpersisted(*second)).collect();
            BotCalls { bot: name.clone(), by_second }
        });
        calls.collect()
    }
}
