//! The compared policies.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use koreai_exporter::model::{JobSlot, LabelValue, Timestamp};
use koreai_exporter::scheduler::{HOUR_SPAN, MINUTE_SPAN, Next, Observation, Scheduler, Settings, Start};

use crate::population::Truth;

pub(crate) const SETTINGS: Settings = Settings {
    poll_interval: Duration::from_secs(15),
    max_poll_interval: Duration::from_secs(300),
    per_minute: 600,
    per_hour: 18_000,
    max_in_flight: 32,
};

/// How long the simple policies wait after a refusal.
const PAUSE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Fixed,
    Growth,
    Oracle,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::Fixed, Self::Growth, Self::Oracle];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "**ours**",
            Self::Fixed => "fixed interval",
            Self::Growth => "growth alone",
            Self::Oracle => "oracle",
        }
    }

    /// The policy. Only the oracle uses `refuses`.
    pub(crate) fn policy(self, refuses: Option<(f64, f64)>) -> Box<dyn Policy> {
        match self {
            Self::Ours => Box::new(Scheduler::new(SETTINGS)),
            _ => Box::new(Simple::new(self, refuses)),
        }
    }
}

/// What decides when jobs are polled: the methods of the scheduler.
pub(crate) trait Policy {
    fn add(&mut self, slot: JobSlot, now: Timestamp, truth: &Truth, jitter: f64);
    fn next(&mut self, now: Timestamp) -> Next;
    fn observe(&mut self, slot: JobSlot, now: Timestamp, observation: Observation);
}

impl Policy for Scheduler {
    fn add(&mut self, slot: JobSlot, now: Timestamp, truth: &Truth, jitter: f64) {
        let campaign = truth.campaign.map(|name| LabelValue::parse(name).unwrap());
        Self::add(self, slot, now, Start { jitter, campaign, ..Start::default() });
    }

    fn next(&mut self, now: Timestamp) -> Next {
        Self::next(self, now)
    }

    fn observe(&mut self, slot: JobSlot, now: Timestamp, observation: Observation) {
        Self::observe(self, slot, now, observation);
    }
}

/// Polls the job that is due first, as soon as the windows allow it.
struct Simple {
    kind: Kind,
    refuses: Option<(f64, f64)>,
    due: BTreeSet<(Timestamp, JobSlot)>,
    intervals: HashMap<JobSlot, Duration>,
    in_flight: usize,
    calls: VecDeque<Timestamp>,
    paused_until: Timestamp,
}

impl Simple {
    fn new(kind: Kind, refuses: Option<(f64, f64)>) -> Self {
        Self {
            kind,
            refuses,
            due: BTreeSet::new(),
            intervals: HashMap::new(),
            in_flight: 0,
            calls: VecDeque::new(),
            paused_until: Timestamp::default(),
        }
    }

    /// The first time at which both windows allow a call.
    fn free_at(&mut self, now: Timestamp) -> Timestamp {
        while self.calls.front().is_some_and(|at| at.plus(HOUR_SPAN) <= now) {
            self.calls.pop_front();
        }
        let free = |limit: u32, span: Duration| {
            let nth_last = self.calls.len().checked_sub(limit as usize);
            nth_last.map_or(now, |index| self.calls[index].plus(span))
        };
        free(SETTINGS.per_minute, MINUTE_SPAN).max(free(SETTINGS.per_hour, HOUR_SPAN))
    }
}

impl Policy for Simple {
    fn add(&mut self, slot: JobSlot, now: Timestamp, truth: &Truth, jitter: f64) {
        let due = match (self.kind, truth.ends) {
            (Kind::Oracle, None) => return,
            (Kind::Oracle, Some(ends)) => {
                let known = match self.refuses {
                    Some((from, to)) if (from..to).contains(&ends) => to,
                    _ => ends,
                };
                Timestamp::from_millis((known * 1000.0).ceil() as i64)
            }
            _ => now.plus(SETTINGS.poll_interval.mul_f64(jitter)),
        };
        self.intervals.insert(slot, SETTINGS.poll_interval);
        self.due.insert((due, slot));
    }

    fn next(&mut self, now: Timestamp) -> Next {
        let Some(&(due, slot)) = self.due.first() else { return Next::Idle };
        if self.in_flight >= SETTINGS.max_in_flight {
            return Next::Idle;
        }
        let at = due.max(self.free_at(now)).max(self.paused_until);
        if at > now {
            return Next::WaitUntil(at);
        }
        self.due.pop_first();
        self.in_flight += 1;
        self.calls.push_back(now);
        Next::Poll { slot, delay: now.since(due) }
    }

    fn observe(&mut self, slot: JobSlot, now: Timestamp, observation: Observation) {
        self.in_flight -= 1;
        let interval = self.intervals.get_mut(&slot).unwrap();
        match observation {
            Observation::Finished { .. } => return,
            Observation::RateLimited(_) => self.paused_until = now.plus(PAUSE),
            _ if self.kind == Kind::Growth => *interval = interval.mul_f64(1.5).min(SETTINGS.max_poll_interval),
            _ => {}
        }
        let next = now.plus(if self.kind == Kind::Oracle { Duration::from_secs(2) } else { *interval });
        self.due.insert((next, slot));
    }
}
