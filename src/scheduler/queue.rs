//! The waiting jobs, and which of them is next.

use std::collections::BTreeSet;
use std::time::Duration;

use super::budget::Urgency;
use super::poll_interval::NextPoll;
use crate::model::{JobSlot, Timestamp};

/// The reasons to poll a job, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// The job has waited longer than the starvation limit.
    Starving,
    /// The expected end of the job has become likely.
    Ending,
    /// The job has never been polled, so that its end cannot be predicted.
    New,
    /// The interval of the job has passed.
    Due,
}

impl Lane {
    /// All of them, in order of precedence.
    pub(super) const ALL: [Self; 4] = [Self::Starving, Self::Ending, Self::New, Self::Due];

    /// The urgency of a call for a job of this lane.
    pub(super) const fn urgency(self) -> Urgency {
        match self {
            Self::Starving | Self::Ending => Urgency::Urgent,
            Self::New => Urgency::Prompt,
            Self::Due => Urgency::Routine,
        }
    }
}

/// The waiting jobs, in one order per lane. Every operation takes logarithmic time.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    by_waiting_since: BTreeSet<(Timestamp, JobSlot)>,
    by_end: BTreeSet<(Timestamp, JobSlot)>,
    new_by_due: BTreeSet<(Timestamp, JobSlot)>,
    by_due: BTreeSet<(Timestamp, JobSlot)>,
}

impl Queue {
    pub(super) fn insert(&mut self, slot: JobSlot, next: &NextPoll) {
        self.by_waiting_since.insert((next.waiting_since, slot));
        if let Some(end) = next.end {
            self.by_end.insert((end, slot));
        }
        let lane = if next.first { &mut self.new_by_due } else { &mut self.by_due };
        lane.insert((next.due, slot));
    }

    pub(super) fn remove(&mut self, slot: JobSlot, next: &NextPoll) {
        self.by_waiting_since.remove(&(next.waiting_since, slot));
        if let Some(end) = next.end {
            self.by_end.remove(&(end, slot));
        }
        let lane = if next.first { &mut self.new_by_due } else { &mut self.by_due };
        lane.remove(&(next.due, slot));
    }

    /// The number of entries in all orders.
    pub(super) fn len(&self) -> usize {
        self.by_waiting_since.len() + self.by_end.len() + self.new_by_due.len() + self.by_due.len()
    }

    /// The first job of a lane, and when its turn comes.
    pub(super) fn first(&self, lane: Lane, starvation_limit: Duration) -> Option<(Timestamp, JobSlot)> {
        match lane {
            Lane::Starving => self.by_waiting_since.first().map(|&(since, slot)| (since.plus(starvation_limit), slot)),
            Lane::Ending => self.by_end.first().copied(),
            Lane::New => self.new_by_due.first().copied(),
            Lane::Due => self.by_due.first().copied(),
        }
    }

    /// The number of jobs that are due at `now`. Takes time linear in that number: for metrics, not for decisions.
    pub(super) fn overdue(&self, now: Timestamp) -> usize {
        let due = |set: &BTreeSet<(Timestamp, JobSlot)>| set.iter().take_while(|&&(at, _)| at <= now).count();
        due(&self.by_due) + due(&self.new_by_due)
    }
}
