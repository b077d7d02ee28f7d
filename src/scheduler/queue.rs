//! Whose turn it is.

use std::collections::BTreeSet;
use std::time::Duration;

use super::budget::Urgency;
use super::poll_interval::NextPoll;
use crate::model::{JobSlot, Timestamp};

/// The reasons for which a job's turn comes, first one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// It has waited longer than the patience allows: this is why none starves.
    Starving,
    /// Its end is foreseen, and possible by now.
    Ending,
    /// It has never been asked: nothing can be foreseen before it has.
    New,
    /// Its interval is over.
    Due,
}

impl Lane {
    /// All of them, in order of precedence.
    pub(super) const ALL: [Self; 4] = [Self::Starving, Self::Ending, Self::New, Self::Due];

    /// How urgent a call for a job of this lane is.
    pub(super) const fn urgency(self) -> Urgency {
        match self {
            Self::Starving | Self::Ending => Urgency::Urgent,
            Self::New => Urgency::Prompt,
            Self::Due => Urgency::Routine,
        }
    }
}

/// The waiting jobs, in several orders at once. Every operation takes logarithmic time.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    by_since: BTreeSet<(Timestamp, JobSlot)>,
    by_end: BTreeSet<(Timestamp, JobSlot)>,
    new_by_due: BTreeSet<(Timestamp, JobSlot)>,
    by_due: BTreeSet<(Timestamp, JobSlot)>,
}

impl Queue {
    pub(super) fn insert(&mut self, slot: JobSlot, wanted: &NextPoll) {
        self.by_since.insert((wanted.since, slot));
        if let Some(end) = wanted.end {
            self.by_end.insert((end, slot));
        }
        let lane = if wanted.new { &mut self.new_by_due } else { &mut self.by_due };
        lane.insert((wanted.due, slot));
    }

    pub(super) fn remove(&mut self, slot: JobSlot, wanted: &NextPoll) {
        self.by_since.remove(&(wanted.since, slot));
        if let Some(end) = wanted.end {
            self.by_end.remove(&(end, slot));
        }
        let lane = if wanted.new { &mut self.new_by_due } else { &mut self.by_due };
        lane.remove(&(wanted.due, slot));
    }

    /// The first job of a lane, and from when on it is its turn.
    pub(super) fn first(&self, lane: Lane, patience: Duration) -> Option<(Timestamp, JobSlot)> {
        match lane {
            Lane::Starving => self.by_since.first().map(|&(since, slot)| (since.plus(patience), slot)),
            Lane::Ending => self.by_end.first().copied(),
            Lane::New => self.new_by_due.first().copied(),
            Lane::Due => self.by_due.first().copied(),
        }
    }

    /// Places in all orders together.
    pub(super) fn len(&self) -> usize {
        self.by_since.len() + self.by_end.len() + self.new_by_due.len() + self.by_due.len()
    }

    /// How many jobs are wanted at `now`. Walks those that are: for the metrics, not for a decision.
    pub(super) fn overdue(&self, now: Timestamp) -> usize {
        let wanted = |set: &BTreeSet<(Timestamp, JobSlot)>| set.iter().take_while(|&&(at, _)| at <= now).count();
        wanted(&self.by_due) + wanted(&self.new_by_due)
    }
}
