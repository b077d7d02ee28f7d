//! Keeps the store in the database, and holds each page back until what it shows is kept: a counter that a scrape has seen
//! must not be lower after a crash, for Prometheus would take that for a restart from 0 and count the whole of it again.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::database::{Batch, BotCalls, Database, Operation, RowError, WriteError};
use crate::exposition::{Page, StorageView};
use crate::model::{Timestamp, error_chain};
use crate::store::{Dirty, RegisterError, Registered, Store};

/// A disk that takes longer than this holds no page and no answer back: better numbers that a crash would take back than
/// none at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// After a failure the next batch waits this long; meanwhile pages go out at once.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// How long the last batch may take when the process ends.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// How long calls count in a budget.
const CALLS_KEPT: Duration = Duration::from_secs(3600);

/// The database and what waits for it.
pub(super) struct Persister {
    database: Database,
    pending: Option<PendingWrite>,
    /// Answers that wait for the next batch.
    replies: Vec<Reply>,
    /// Calls before this time are in the database.
    calls_kept_until: Timestamp,
    retry_at: Option<Timestamp>,
}

/// A batch that is being written, and what waits for it.
struct PendingWrite {
    since: Timestamp,
    written: oneshot::Receiver<Result<(), WriteError>>,
    dirty: Dirty,
    page: Option<Page>,
    replies: Vec<Reply>,
}

/// An answer that is given when what it says is kept.
pub(super) enum Reply {
    Registered(oneshot::Sender<Vec<Result<Registered, RegisterError>>>, Vec<Result<Registered, RegisterError>>),
    Forgotten(oneshot::Sender<Result<bool, RegisterError>>, bool),
    Configured(oneshot::Sender<()>),
}

/// The database's task has ended, which is a bug: the process ends too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended;

impl Persister {
    pub(super) fn new(database: Database) -> Self {
        let never = Timestamp::from_millis(i64::MIN);
        Self { database, pending: None, replies: Vec::new(), calls_kept_until: never, retry_at: None }
    }

    /// When the batch under way has taken too long; `None` where there is none.
    pub(super) fn late_at(&self) -> Option<Timestamp> {
        self.pending.as_ref().map(|pending| pending.since.plus(PATIENCE))
    }

    /// Gives an answer with the next batch.
    pub(super) fn queue(&mut self, reply: Reply) {
        self.replies.push(reply);
    }

    /// Calls that a batch has to tell of, of all that a scheduler knows.
    pub(super) fn is_unpersisted(&self, second: Timestamp) -> bool {
        second.plus(Duration::from_secs(1)) > self.calls_kept_until
    }

    /// Starts writing what changed, and holds the page back until that is done. Returns the page where it is to be shown at
    /// once: nothing changed, or the disk fails or is late.
    pub(super) fn keep(
        &mut self,
        store: &mut Store,
        calls: Vec<BotCalls>,
        page: Option<Page>,
        now: Timestamp,
    ) -> Option<Page> {
        if let Some(pending) = &mut self.pending {
            pending.page = None;
            let replies = pending.replies.drain(..).chain(self.replies.drain(..));
            replies.for_each(|reply| reply.answer(false));
            return page;
        }
        if self.retry_at.is_some_and(|at| now < at) {
            self.replies.drain(..).for_each(|reply| reply.answer(false));
            return page;
        }
        let dirty = store.take_dirty();
        if dirty.is_empty() {
            self.replies.drain(..).for_each(|reply| reply.answer(true));
            return page;
        }
        match batch(store, &dirty, calls, now) {
            Ok(batch) => {
                let (written, replies) = (self.database.write(batch), std::mem::take(&mut self.replies));
                self.pending = Some(PendingWrite { since: now, written, dirty, page, replies });
                None
            }
            Err(error) => {
                tracing::error!("a row could not be encoded; this is a bug, please report it: {}", error_chain(&error));
                store.return_dirty(dirty);
                self.retry_at = Some(now.plus(RETRY_AFTER));
                page
            }
        }
    }

    /// Waits for the batch under way; for ever where there is none.
    pub(super) async fn written(&mut self) -> Result<(), WriteError> {
        poll_fn(|context| self.poll_written(context)).await
    }

    /// Ready once the batch under way is written, or is not; never where there is none.
    pub(super) fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        match &mut self.pending {
            Some(pending) => {
                Pin::new(&mut pending.written).poll(context).map(|written| written.unwrap_or(Err(WriteError::Ended)))
            }
            None => Poll::Pending,
        }
    }

    /// Takes what [`Self::written`] said; returns the page that waited for it.
    pub(super) fn settle(
        &mut self,
        written: Result<(), WriteError>,
        store: &mut Store,
        now: Timestamp,
    ) -> Result<Option<Page>, Ended> {
        let Some(pending) = self.pending.take() else { return Ok(None) };
        let kept = written.is_ok();
        match written {
            Ok(()) => {
                self.calls_kept_until = pending.since;
                self.retry_at = None;
            }
            Err(error @ WriteError::Ended) => {
                tracing::error!("{error}");
                return Err(Ended);
            }
            // The writer has logged it.
            Err(WriteError::File { .. }) => {
                store.return_dirty(pending.dirty);
                self.retry_at = Some(now.plus(RETRY_AFTER));
            }
        }
        pending.replies.into_iter().for_each(|reply| reply.answer(kept));
        Ok(pending.page)
    }

    /// Writes the rest and closes the file.
    pub(super) async fn finish(mut self, store: &mut Store, calls: Vec<BotCalls>, now: Timestamp) {
        let last = async {
            if self.pending.is_some() {
                let written = self.written().await;
                self.settle(written, store, now)?;
            }
            self.retry_at = None;
            self.keep(store, calls, None, now);
            if self.pending.is_some() {
                let written = self.written().await;
                self.settle(written, store, now)?;
            }
            self.database.close().await;
            Ok::<_, Ended>(())
        };
        if tokio::time::timeout(LAST_PATIENCE, last).await.is_err() {
            tracing::error!(
                "the database did not take the last batch in time; up to the last second of progress is lost"
            );
        }
    }

    /// What is published about the database.
    pub(super) fn view(&self) -> StorageView {
        let errors =
            Operation::ALL.iter().map(|operation| (operation.as_label(), self.database.errors(*operation))).collect();
        StorageView { size_bytes: self.database.size_bytes(), errors }
    }
}

fn batch(store: &Store, dirty: &Dirty, calls: Vec<BotCalls>, now: Timestamp) -> Result<Batch, RowError> {
    let mut batch = Batch::new(now.minus(CALLS_KEPT));
    // In the order of the table: neighbours share a page.
    for key in dirty.jobs.iter().collect::<BTreeSet<_>>() {
        batch.job(key.clone(), store.persisted_job(key).as_ref())?;
    }
    for bot in dirty.bots.iter().collect::<BTreeSet<_>>() {
        batch.bot(bot.clone(), store.persisted_totals(bot))?;
    }
    calls.into_iter().for_each(|calls| batch.calls(calls));
    Ok(batch)
}

impl Reply {
    /// Answers; who asked may have gone, which is no loss.
    pub(super) fn answer(self, kept: bool) {
        match self {
            Self::Registered(reply, mut results) => {
                if !kept {
                    results.iter_mut().for_each(|result| *result = result.and(Err(RegisterError::NotPersisted)));
                }
                let _gone = reply.send(results);
            }
            Self::Forgotten(reply, found) => {
                let _gone = reply.send(if kept || !found { Ok(found) } else { Err(RegisterError::NotPersisted) });
            }
            Self::Configured(reply) => {
                let _gone = reply.send(());
            }
        }
    }
}
