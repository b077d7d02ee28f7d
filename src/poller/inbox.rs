//! The incoming messages of the polling loop.

use std::task::{Context, Poll, ready};

use tokio::sync::mpsc;

use super::handle::{Command, Handle};
use crate::model::TargetUpdate;

/// The most target updates that wait; discovery waits until the loop has received earlier ones.
const MAX_QUEUED_UPDATES: usize = 64;

/// The receiving ends of commands and target updates.
pub(super) struct Inbox {
    commands: mpsc::Receiver<Command>,
    updates: mpsc::Receiver<TargetUpdate>,
}

impl Inbox {
    /// The inbox, with the sending ends of commands and updates.
    pub(super) fn new() -> (Self, Handle, mpsc::Sender<TargetUpdate>) {
        let (handle, commands) = Handle::new();
        let (sender, updates) = mpsc::channel(MAX_QUEUED_UPDATES);
        (Self { commands, updates }, handle, sender)
    }

    /// Replaces the queue of target updates. Queued updates are dropped, and senders of the old queue fail: their sources
    /// belong to an earlier configuration, in which the same name may have meant another source.
    pub(super) fn replace_updates(&mut self) -> mpsc::Sender<TargetUpdate> {
        let (sender, updates) = mpsc::channel(MAX_QUEUED_UPDATES);
        self.updates = updates;
        sender
    }

    /// Ready once a command has arrived; never if all senders are gone.
    pub(super) fn poll_command(&mut self, context: &mut Context<'_>) -> Poll<Command> {
        match ready!(self.commands.poll_recv(context)) {
            Some(command) => Poll::Ready(command),
            None => Poll::Pending,
        }
    }

    /// Ready once a target update has arrived; never if all senders are gone.
    pub(super) fn poll_update(&mut self, context: &mut Context<'_>) -> Poll<TargetUpdate> {
        match ready!(self.updates.poll_recv(context)) {
            Some(update) => Poll::Ready(update),
            None => Poll::Pending,
        }
    }

    /// The next target update, if one is queued.
    pub(super) fn try_next_update(&mut self) -> Option<TargetUpdate> {
        self.updates.try_recv().ok()
    }
}
