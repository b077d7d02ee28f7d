//! The scheduler: budget, gate and queue joined.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::budget::{Budget, Urgency};
use super::circuit_breaker::{CallOutcome, CallPermit, CircuitBreaker};
use super::observation::{Observation, Start};
use super::poll_interval::{NextPoll, PollInterval};
use super::queue::{Lane, Queue};
use super::settings::{MIN_GAP, Settings};
use crate::model::{JobSlot, Timestamp};

/// How much longer than a whole round over all jobs one may wait before it goes before all others, in percent.
const PATIENCE_PERCENT: u32 = 105;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Start a call for this job now; it is already counted in the budget. Each must end in [`Scheduler::observe`].
    Poll {
        /// The job.
        slot: JobSlot,
        /// How long after the time at which it was wanted.
        late: Duration,
    },
    /// Nothing before this time, which is in the future, unless a call ends or a job is added, removed or paused.
    WaitUntil(Timestamp),
    /// Nothing until a call ends, a job is added or the settings change.
    Idle,
}

/// Decides for one bot which job to ask next, and when. See the room's page for what it guarantees.
///
/// Time that goes back counts as standing still. Every decision takes time logarithmic in the number of jobs.
#[derive(Debug, Clone)]
pub struct Scheduler {
    settings: Settings,
    budget: Budget,
    gate: CircuitBreaker,
    queue: Queue,
    jobs: HashMap<JobSlot, Followed>,
    in_flight: usize,
    /// Jobs that left within the last [`MIN_GAP`], and when they may be asked again, should they come back.
    left: VecDeque<(Timestamp, JobSlot)>,
    latest: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Followed {
    cadence: PollInterval,
    wanted: NextPoll,
    call: Option<Call>,
    /// When it was last answered, for [`MIN_GAP`].
    answered: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    started: Timestamp,
    passage: CallPermit,
    /// The job was removed meanwhile: with the end of the call it is forgotten.
    removed: bool,
}

impl Scheduler {
    /// One without jobs.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            budget: Budget::new(&settings),
            gate: CircuitBreaker::new(),
            queue: Queue::default(),
            jobs: HashMap::new(),
            in_flight: 0,
            left: VecDeque::new(),
            latest: Timestamp::from_millis(i64::MIN),
        }
    }

    /// Says what to do now. A call that it answers with is counted as started now.
    pub fn next(&mut self, now: Timestamp) -> Next {
        let now = self.tick(now);
        if self.in_flight >= self.settings.max_in_flight {
            return Next::Idle;
        }
        let Some(open) = self.gate.free_at(now) else { return Next::Idle };
        let patience = self.patience();
        let mut wake: Option<Timestamp> = None;
        for lane in Lane::ALL {
            let Some((turn, slot)) = self.queue.first(lane, patience) else { continue };
            let Some(free) = self.budget.free_at(now, lane.urgency()) else { continue };
            let at = turn.max(open).max(free);
            if at <= now {
                return self.start(slot, now);
            }
            wake = Some(wake.map_or(at, |earlier| earlier.min(at)));
        }
        wake.map_or(Next::Idle, Next::WaitUntil)
    }

    /// Says what became of the call for this job. Without a call under way it is ignored.
    pub fn observe(&mut self, slot: JobSlot, now: Timestamp, observation: Observation) {
        let now = self.tick(now);
        let Some(job) = self.jobs.get_mut(&slot) else { return };
        let Some(call) = job.call.take() else { return };
        self.in_flight = self.in_flight.saturating_sub(1);
        job.answered = Some(now);
        if self.gate.record_outcome(call.passage, call_outcome(observation), now) {
            self.budget.resume_steadily(now);
        }
        if call.removed || observation == Observation::Finished {
            self.forget(slot, now);
            return;
        }
        job.wanted = job.cadence.observe(observation, job.wanted, call.started, now, &self.settings);
        self.queue.insert(slot, &job.wanted);
    }

    /// Follows a job from now on. One that is followed already stays as it is; one that was removed while its call was
    /// under way is asked again after that call.
    pub fn add(&mut self, slot: JobSlot, now: Timestamp, start: Start) {
        let now = self.tick(now);
        match self.jobs.get_mut(&slot) {
            Some(job) => match &mut job.call {
                Some(call) if call.removed => {
                    call.removed = false;
                    (job.cadence, job.wanted) = PollInterval::start(start, now, &self.settings);
                }
                _ => {}
            },
            None => {
                let (cadence, mut wanted) = PollInterval::start(start, now, &self.settings);
                if let Some(&(rested, _)) = self.left.iter().rev().find(|(_, left)| *left == slot) {
                    wanted.due = wanted.due.max(rested);
                }
                self.queue.insert(slot, &wanted);
                self.jobs.insert(slot, Followed { cadence, wanted, call: None, answered: None });
            }
        }
    }

    /// Follows a job no longer. A call under way still has to end in [`Scheduler::observe`].
    pub fn remove(&mut self, slot: JobSlot, now: Timestamp) {
        let now = self.tick(now);
        let Some(job) = self.jobs.get_mut(&slot) else { return };
        if let Some(call) = &mut job.call {
            call.removed = true;
        } else {
            self.queue.remove(slot, &job.wanted);
            self.forget(slot, now);
        }
    }

    /// Goes by other settings from now on. Calls made so far count on; a lowered limit holds at once.
    pub fn set_settings(&mut self, settings: Settings, now: Timestamp) {
        self.tick(now);
        self.settings = settings;
        self.budget.set_limits(&settings);
        for (&slot, job) in &mut self.jobs {
            let fitting = job.cadence.fit(job.wanted, &settings);
            if job.call.is_none() {
                self.queue.remove(slot, &job.wanted);
                self.queue.insert(slot, &fitting);
            }
            job.wanted = fitting;
        }
    }

    /// Takes one call out of the budget for something else than a followed job, if one can be made now: the gate is open
    /// and neither window nor pace is spent.
    pub fn take_call(&mut self, now: Timestamp) -> bool {
        let now = self.tick(now);
        let free = self.gate.is_open() && self.budget.free_at(now, Urgency::Urgent).is_some_and(|at| at <= now);
        if free {
            self.budget.record(now);
        }
        free
    }

    /// Makes no call before `until`, then a single one to see whether the upstream answers. A longer pause stays.
    pub fn pause(&mut self, until: Timestamp) {
        self.gate.close_until(until);
    }

    /// Until when no call is made; `None` where calls are made.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.gate.paused_until(now.max(self.latest))
    }

    /// Calls started in the windows that end now, in the order of [`crate::model::BudgetWindow::ALL`].
    pub fn budget_used(&self, now: Timestamp) -> [u64; 2] {
        self.budget.used(now.max(self.latest))
    }

    /// Calls of the last hour by the second in which they started, oldest first: what [`Scheduler::restore_calls`] takes.
    pub fn calls_by_second(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, u32)> {
        self.budget.calls_by_second(now.max(self.latest))
    }

    /// Counts calls of an earlier run of this process, by second, so that a restart does not double the budget.
    pub fn restore_calls(&mut self, calls: &[(Timestamp, u32)], now: Timestamp) {
        let now = self.tick(now);
        self.budget.restore(calls, now);
    }

    /// How many jobs wait although their time has come. Walks over them: for the metrics.
    pub fn overdue(&self, now: Timestamp) -> usize {
        self.queue.overdue(now.max(self.latest))
    }

    /// Jobs that are followed, those with a call under way among them.
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Calls under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// A job that has waited this long goes before all that were asked later: the longest interval, or a little more than
    /// a round over all jobs takes at the pace that the budget allows for ever.
    pub fn patience(&self) -> Duration {
        let jobs = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
        let round = self.budget.step().saturating_mul(jobs);
        self.settings.longest_interval().max((round / 100).saturating_mul(PATIENCE_PERCENT))
    }

    /// How many elements each collection has, by its name: none may grow with time.
    pub fn sizes(&self) -> [(&'static str, usize); 4] {
        [
            ("scheduler.jobs", self.jobs.len()),
            ("scheduler.queue", self.queue.len()),
            ("scheduler.left", self.left.len()),
            ("scheduler.calls", self.budget.len()),
        ]
    }

    fn start(&mut self, slot: JobSlot, now: Timestamp) -> Next {
        let Some(job) = self.jobs.get_mut(&slot) else {
            return Next::Idle;
        };
        self.queue.remove(slot, &job.wanted);
        job.call = Some(Call { started: now, passage: self.gate.pass(), removed: false });
        self.in_flight += 1;
        self.budget.record(now);
        Next::Poll { slot, late: now.since(job.wanted.from()) }
    }

    fn forget(&mut self, slot: JobSlot, now: Timestamp) {
        if let Some(answered) = self.jobs.remove(&slot).and_then(|job| job.answered)
            && answered.plus(MIN_GAP) > now
        {
            self.left.push_back((answered.plus(MIN_GAP), slot));
        }
    }

    fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(now);
        while self.left.front().is_some_and(|&(rested, _)| rested <= self.latest) {
            self.left.pop_front();
        }
        self.latest
    }
}

fn call_outcome(observation: Observation) -> CallOutcome {
    match observation {
        Observation::Progress { .. } | Observation::Finished | Observation::Unusable => CallOutcome::Answers,
        Observation::Unavailable => CallOutcome::Unavailable,
        Observation::Unauthorized => CallOutcome::Unauthorized,
        Observation::Refused(refusal) => CallOutcome::Refused(refusal),
    }
}
