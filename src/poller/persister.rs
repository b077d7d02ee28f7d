//! Writes the store to the database, and delays each page until its contents are written.
//!
//! A counter that was scraped must not be lower after a crash: Prometheus would take that for a counter reset and count the
//! whole value again.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::pages::RenderedPage;
use crate::database::{Batch, BotCalls, Database, ReadError, RememberedRow, RowError, WriteError};
use crate::exposition::StorageView;
use crate::model::{BotName, JobKey, TargetUpdate, Timestamp, error_chain};
use crate::scheduler::CALLS_RETENTION;
use crate::store::{Dirty, RegisterError, Registered, Store};

/// A write that takes longer does not delay pages and replies any further: numbers that a crash could take back are better
/// than no numbers.
pub(super) const MAX_PAGE_DELAY: Duration = Duration::from_secs(1);

/// The pause after a failed write; meanwhile pages are published at once.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// The time limit of the last writes before the process ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Writes to the database, one batch at a time, and holds what waits for a batch.
pub(super) struct Persister {
    /// `None` with in-memory storage: then nothing waits.
    database: Option<Database>,
    pending: Option<PendingWrite>,
    /// Replies that wait for the next batch.
    replies: Vec<Reply>,
    /// The fingerprints of the configured bots, and those that the database has.
    fingerprints: BTreeMap<BotName, u64>,
    persisted_fingerprints: BTreeMap<BotName, u64>,
    /// Calls before this time are in the database.
    calls_persisted_until: Timestamp,
    retry_at: Option<Timestamp>,
}

/// A batch that is being written, and what waits for it.
struct PendingWrite {
    since: Timestamp,
    written: oneshot::Receiver<Result<(), WriteError>>,
    dirty: Dirty,
    page: Option<RenderedPage>,
    replies: Vec<Reply>,
    /// The fingerprints in the batch, if they are in it.
    fingerprints: Option<BTreeMap<BotName, u64>>,
}

/// What waits no longer: a page, and the replies that follow it, so that whoever gets a reply finds its effect on the page.
#[must_use]
pub(super) struct Released {
    page: Option<RenderedPage>,
    /// Each with whether its change is persisted.
    replies: Vec<(Reply, bool)>,
}

/// What happens to the replies that wait for the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replies {
    /// They go with it.
    Send,
    /// They wait further: the rows of their jobs are being read.
    Hold,
    /// They are negative: the rows of their jobs cannot be read.
    Refuse,
}

/// The reply to a command, sent once the change is persisted.
pub(super) enum Reply {
    Registered(oneshot::Sender<Vec<Result<Registered, RegisterError>>>, Vec<Result<Registered, RegisterError>>),
    Forgotten(oneshot::Sender<Result<bool, RegisterError>>, bool),
    Configured(oneshot::Sender<mpsc::Sender<TargetUpdate>>, mpsc::Sender<TargetUpdate>),
}

/// The task of the database has ended, which is a bug: the process ends too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DatabaseEnded;

impl Persister {
    pub(super) fn new(database: Option<Database>) -> Self {
        let never = Timestamp::from_millis(i64::MIN);
        Self {
            database,
            pending: None,
            replies: Vec::new(),
            fingerprints: BTreeMap::new(),
            persisted_fingerprints: BTreeMap::new(),
            calls_persisted_until: never,
            retry_at: None,
        }
    }

    /// The fingerprints of bots that the database has from an earlier run.
    pub(super) fn restore_fingerprints(&mut self, fingerprints: BTreeMap<BotName, u64>) {
        self.persisted_fingerprints = fingerprints;
    }

    /// The fingerprints of the configured bots; they are in the next batch if the database has others.
    pub(super) fn set_fingerprints(&mut self, fingerprints: BTreeMap<BotName, u64>) {
        self.fingerprints = fingerprints;
    }

    /// Whether there is a database.
    pub(super) fn is_enabled(&self) -> bool {
        self.database.is_some()
    }

    /// Until when the next page waits for the batch that is being written; `None` if there is none.
    pub(super) fn page_delayed_until(&self) -> Option<Timestamp> {
        self.pending.as_ref().map(|pending| pending.since.plus(MAX_PAGE_DELAY))
    }

    /// Sends a reply after the next batch.
    pub(super) fn queue(&mut self, reply: Reply) {
        self.replies.push(reply);
    }

    /// Whether the calls of this second have to be in the next batch.
    pub(super) fn is_unpersisted(&self, second: Timestamp) -> bool {
        second.plus(Duration::from_secs(1)) > self.calls_persisted_until
    }

    /// Starts reading the rows of remembered jobs; `None` with in-memory storage. To be called again only when the receiver
    /// has resolved.
    pub(super) fn read(&self, jobs: Vec<JobKey>) -> Option<oneshot::Receiver<Result<Vec<RememberedRow>, ReadError>>> {
        Some(self.database.as_ref()?.read(jobs))
    }

    /// Starts writing what has changed, and delays page and replies until that is done. Releases them at once if nothing has
    /// changed, or the database fails or is slow.
    pub(super) fn persist(
        &mut self,
        store: &mut Store,
        calls: Vec<BotCalls>,
        page: Option<RenderedPage>,
        replies: Replies,
        now: Timestamp,
    ) -> Released {
        let Some(database) = &mut self.database else {
            return Released::new(page, self.replies.drain(..), true);
        };
        if let Some(pending) = &mut self.pending {
            pending.page = None;
            return Released::new(page, pending.replies.drain(..).chain(self.replies.drain(..)), false);
        }
        if self.retry_at.is_some_and(|at| now < at) {
            return Released::new(page, self.replies.drain(..), false);
        }
        if replies == Replies::Refuse {
            self.replies.drain(..).for_each(|reply| reply.send(false));
        }
        let dirty = store.take_dirty();
        let held = if replies == Replies::Hold { std::mem::take(&mut self.replies) } else { Vec::new() };
        let fingerprints = (self.fingerprints != self.persisted_fingerprints).then(|| self.fingerprints.clone());
        if dirty.is_empty() && fingerprints.is_none() {
            return Released::new(page, std::mem::replace(&mut self.replies, held), true);
        }
        match batch(store, &dirty, calls, now) {
            Ok(mut batch) => {
                if let Some(fingerprints) = &fingerprints {
                    batch.fingerprints(fingerprints.clone());
                }
                let (written, replies) = (database.write(batch), std::mem::replace(&mut self.replies, held));
                self.pending = Some(PendingWrite { since: now, written, dirty, page, replies, fingerprints });
                Released::new(None, [], true)
            }
            Err(error) => {
                tracing::error!(
                    error = error_chain(&error),
                    "internal error: could not encode a row; please report this"
                );
                store.return_dirty(dirty);
                self.replies.extend(held);
                self.retry_at = Some(now.plus(RETRY_INTERVAL));
                Released::new(page, self.replies.drain(..), false)
            }
        }
    }

    /// Waits for the batch that is being written; forever if there is none. Cancel safe.
    pub(super) async fn written(&mut self) -> Result<(), WriteError> {
        poll_fn(|context| self.poll_written(context)).await
    }

    /// Ready once the batch that is being written is written or has failed; never if there is none.
    pub(super) fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        match &mut self.pending {
            Some(pending) => {
                Pin::new(&mut pending.written).poll(context).map(|written| written.unwrap_or(Err(WriteError::Ended)))
            }
            None => Poll::Pending,
        }
    }

    /// Ends the batch with the result of [`Self::written`]. Releases what waited for it.
    pub(super) fn complete(
        &mut self,
        written: Result<(), WriteError>,
        store: &mut Store,
        now: Timestamp,
    ) -> Result<Released, DatabaseEnded> {
        let Some(pending) = self.pending.take() else { return Ok(Released::new(None, [], true)) };
        let persisted = written.is_ok();
        match written {
            Ok(()) => {
                self.calls_persisted_until = pending.since;
                store.changes_written(&pending.dirty);
                self.retry_at = None;
                if let Some(fingerprints) = pending.fingerprints {
                    self.persisted_fingerprints = fingerprints;
                }
            }
            Err(error @ WriteError::Ended) => {
                tracing::error!("{error}");
                return Err(DatabaseEnded);
            }
            // The writer has logged it.
            Err(WriteError::File { .. }) => {
                store.return_dirty(pending.dirty);
                self.retry_at = Some(now.plus(RETRY_INTERVAL));
            }
        }
        Ok(Released::new(pending.page, pending.replies, persisted))
    }

    /// Writes the rest and closes the database.
    pub(super) async fn finish(mut self, store: &mut Store, calls: Vec<BotCalls>, now: Timestamp) {
        let rest = async {
            if self.pending.is_some() {
                let written = self.written().await;
                self.complete(written, store, now)?.release(drop);
            }
            self.retry_at = None;
            let replies = if store.awaits_recalls() { Replies::Refuse } else { Replies::Send };
            self.persist(store, calls, None, replies, now).release(drop);
            if self.pending.is_some() {
                let written = self.written().await;
                self.complete(written, store, now)?.release(drop);
            }
            if let Some(database) = self.database {
                database.close().await;
            }
            Ok::<_, DatabaseEnded>(())
        };
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, rest).await.is_err() {
            tracing::error!(
                timeout = ?SHUTDOWN_TIMEOUT,
                "the last write to the database timed out; up to one second of progress is lost"
            );
        }
    }

    /// What is published about the database; `None` with in-memory storage.
    pub(super) fn view(&self) -> Option<StorageView> {
        let database = self.database.as_ref()?;
        Some(StorageView { size_bytes: database.size_bytes(), errors: database.errors() })
    }
}

/// The rows of what has changed, in the order of their keys.
fn batch(store: &Store, dirty: &Dirty, calls: Vec<BotCalls>, now: Timestamp) -> Result<Batch, RowError> {
    let mut batch = Batch::new(now.minus(CALLS_RETENTION));
    dirty.removed_bots.iter().for_each(|bot| batch.remove_remembered(bot.clone()));
    dirty.forgotten.iter().for_each(|(bot, digest)| batch.forget(bot.clone(), *digest));
    dirty.revived_bots.iter().for_each(|bot| batch.revive_gone(bot.clone()));
    let mut jobs: Vec<_> = dirty.jobs.iter().collect();
    jobs.sort_unstable();
    for key in jobs {
        batch.job(key.clone(), store.persisted_job(key).as_ref())?;
    }
    let mut bots: Vec<_> = dirty.bots.iter().collect();
    bots.sort_unstable();
    for bot in bots {
        batch.bot(bot.clone(), store.persisted_counters(bot))?;
    }
    let mut campaigns: Vec<_> = dirty.campaigns.iter().collect();
    campaigns.sort_unstable();
    for campaign in campaigns {
        batch.campaign(campaign.clone(), store.campaign(campaign))?;
    }
    calls.into_iter().for_each(|calls| batch.calls(calls));
    Ok(batch)
}

impl Released {
    fn new(page: Option<RenderedPage>, replies: impl IntoIterator<Item = Reply>, persisted: bool) -> Self {
        Self { page, replies: replies.into_iter().map(|reply| (reply, persisted)).collect() }
    }

    /// Publishes the page, then sends the replies.
    pub(super) fn release(self, publish: impl FnOnce(RenderedPage)) {
        self.page.map(publish);
        self.replies.into_iter().for_each(|(reply, persisted)| reply.send(persisted));
    }
}

impl Reply {
    /// Sends the reply. The requester may have gone, which does not matter.
    fn send(self, persisted: bool) {
        match self {
            Self::Registered(reply, mut results) => {
                if !persisted {
                    results.iter_mut().for_each(|result| *result = result.and(Err(RegisterError::NotPersisted)));
                }
                let _gone = reply.send(results);
            }
            Self::Forgotten(reply, found) => {
                let _gone = reply.send(if persisted || !found { Ok(found) } else { Err(RegisterError::NotPersisted) });
            }
            Self::Configured(reply, updates) => {
                let _gone = reply.send(updates);
            }
        }
    }
}
