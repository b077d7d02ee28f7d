//! The calls in flight.

use std::collections::HashMap;
use std::task::{Context, Poll};

use tokio::task::{Id, JoinError, JoinSet};

use super::call::CallResult;
use crate::model::{BotName, JobKey, JobSlot};
use crate::scheduler::CallPermit;

/// The calls in flight and what each is for. Every task has exactly one entry, until its result is taken.
#[derive(Default)]
pub(super) struct InFlightCalls {
    tasks: JoinSet<CallResult>,
    calls: HashMap<Id, InFlightCall>,
}

/// One call in flight.
pub(super) struct InFlightCall {
    pub(super) key: JobKey,
    pub(super) purpose: Purpose,
    /// The configuration was reloaded after its start.
    pub(super) before_reload: bool,
}

/// What a call is for.
pub(super) enum Purpose {
    /// A poll of a tracked job.
    Poll {
        slot: JobSlot,
        /// The job was removed during the call; its slot is released when the call ends.
        removed: bool,
    },
    /// A probe of a job that is not tracked.
    Probe {
        /// `None` if the bot was removed during the call.
        permit: Option<CallPermit>,
    },
}

/// A call that has ended.
pub(super) struct EndedCall {
    pub(super) call: InFlightCall,
    pub(super) result: CallResult,
}

impl InFlightCalls {
    /// Starts a call in a task.
    pub(super) fn start(
        &mut self,
        key: JobKey,
        purpose: Purpose,
        call: impl Future<Output = CallResult> + Send + 'static,
    ) {
        let id = self.tasks.spawn(call).id();
        self.calls.insert(id, InFlightCall { key, purpose, before_reload: false });
    }

    /// Ready once a call has ended; never if none is in flight.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<EndedCall> {
        while let Poll::Ready(Some(joined)) = self.tasks.poll_join_next_with_id(context) {
            if let Some(ended) = self.ended(joined) {
                return Poll::Ready(ended);
            }
        }
        Poll::Pending
    }

    /// A call that has ended, if there is one.
    pub(super) fn try_next(&mut self) -> Option<EndedCall> {
        loop {
            let joined = self.tasks.try_join_next_with_id()?;
            if let Some(ended) = self.ended(joined) {
                return Some(ended);
            }
        }
    }

    /// The number of calls in flight.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether a call for this job is in flight.
    pub(super) fn contains(&self, key: &JobKey) -> bool {
        self.calls.values().any(|call| call.key == *key)
    }

    /// Marks the job of a slot as removed. Returns whether a poll of it is in flight; then the slot stays in use.
    pub(super) fn mark_removed(&mut self, slot: JobSlot) -> bool {
        for call in self.calls.values_mut() {
            if let Purpose::Poll { slot: polled, removed } = &mut call.purpose
                && *polled == slot
                && !*removed
            {
                *removed = true;
                return true;
            }
        }
        false
    }

    /// Marks all calls as started with a configuration that is not in force any more.
    pub(super) fn mark_before_reload(&mut self) {
        for call in self.calls.values_mut() {
            call.before_reload = true;
        }
    }

    /// Drops the permits of calls whose bot was removed: a bot of the same name is another bot.
    pub(super) fn drop_permits(&mut self, is_removed: impl Fn(&BotName) -> bool) {
        for call in self.calls.values_mut() {
            if let Purpose::Probe { permit } = &mut call.purpose
                && is_removed(&call.key.bot)
            {
                *permit = None;
            }
        }
    }

    /// Aborts all calls and waits until their tasks have ended.
    pub(super) async fn abort(&mut self) {
        self.tasks.shutdown().await;
        self.calls.clear();
    }

    fn ended(&mut self, joined: Result<(Id, CallResult), JoinError>) -> Option<EndedCall> {
        let (id, result) = match joined {
            Ok((id, result)) => (id, result),
            Err(error) => {
                tracing::error!(error = %error, "internal error: the task of a call ended early");
                (error.id(), CallResult::lost())
            }
        };
        Some(EndedCall { call: self.calls.remove(&id)?, result })
    }
}
