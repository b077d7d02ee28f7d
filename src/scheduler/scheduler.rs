//! [`Scheduler`]: combines budget, circuit breaker and queue.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::budget::{Budget, Urgency};
use super::circuit_breaker::{CallOutcome, CallPermit, CircuitBreaker};
use super::load::Load;
use super::observation::{Observation, Start};
use super::poll_interval::PollInterval;
use super::queue::{Lane, Queue};
use super::scheduled_job::{Call, RateLimited, ScheduledJob};
use super::settings::{MIN_GAP, Settings};
use super::siblings::SiblingTable;
use crate::model::{BudgetWindow, JobSlot, Timestamp};

/// The starvation limit, in percent of the time of a round over all jobs.
const STARVATION_PERCENT: u32 = 105;

/// How long a rate-limited call of a job counts as a sign that the limit is the job's own. Limits last a minute or an hour.
const RATE_LIMIT_MEMORY: Duration = Duration::from_secs(3600);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Start a call for this job now; the budget already counts it. Each call must end in [`Scheduler::observe`].
    Poll {
        /// The job.
        slot: JobSlot,
        /// How long the poll has been due.
        delay: Duration,
    },
    /// Wait until this time, which is in the future, or until a call ends or a job is added, removed or paused.
    WaitUntil(Timestamp),
    /// Wait until a call ends, a job is added or the settings change.
    Idle,
}

/// Decides which job of one bot is polled next, and when. The documentation of the module has the guarantees.
///
/// If `now` goes back, the scheduler uses the latest time that it has seen. Every decision takes time logarithmic in the
/// number of jobs.
#[derive(Debug, Clone)]
pub struct Scheduler {
    settings: Settings,
    budget: Budget,
    circuit_breaker: CircuitBreaker,
    queue: Queue,
    jobs: HashMap<JobSlot, ScheduledJob>,
    /// What finished and running jobs have taught about their campaigns.
    siblings: SiblingTable,
    in_flight: usize,
    /// Jobs that were removed within the last [`MIN_GAP`], and when they may be polled again if they return.
    recently_removed: VecDeque<(Timestamp, JobSlot)>,
    /// After a restart no call starts before this time, so that no job is polled again within [`MIN_GAP`].
    restart_hold: Timestamp,
    /// Calls that were not rate limited, to tell a rate limit of one job from one of the bot.
    accepted_calls: u64,
    /// [`Self::accepted_calls`] when a call of any job was last rate limited.
    last_rate_limited_at: u64,
    latest: Timestamp,
}

impl Scheduler {
    /// A scheduler without jobs.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            budget: Budget::new(&settings),
            circuit_breaker: CircuitBreaker::new(),
            queue: Queue::default(),
            jobs: HashMap::new(),
            siblings: SiblingTable::default(),
            in_flight: 0,
            recently_removed: VecDeque::new(),
            restart_hold: Timestamp::from_millis(i64::MIN),
            accepted_calls: 0,
            last_rate_limited_at: 0,
            latest: Timestamp::from_millis(i64::MIN),
        }
    }

    /// Decides what to do next. A returned call counts as started at `now`.
    pub fn next(&mut self, now: Timestamp) -> Next {
        let now = self.tick(now);
        if self.in_flight >= self.settings.max_in_flight {
            return Next::Idle;
        }
        let Some(unblocked) = self.circuit_breaker.free_at(now) else { return Next::Idle };
        let unblocked = unblocked.max(self.restart_hold);
        let starvation_limit = self.starvation_limit();
        let mut wake: Option<Timestamp> = None;
        for lane in Lane::ALL {
            let Some((turn, slot)) = self.queue.first(lane, starvation_limit) else { continue };
            let Some(free) = self.budget.free_at(now, lane.urgency()) else { continue };
            let at = turn.max(unblocked).max(free);
            if at <= now {
                return self.start(slot, now);
            }
            wake = Some(wake.map_or(at, |earlier| earlier.min(at)));
        }
        wake.map_or(Next::Idle, Next::WaitUntil)
    }

    /// Records the result of the call for this job. Ignored if no call for it is in flight.
    pub fn observe(&mut self, slot: JobSlot, now: Timestamp, observation: Observation) {
        let now = self.tick(now);
        let jobs = self.jobs.len();
        let Some(job) = self.jobs.get_mut(&slot) else { return };
        let Some(call) = job.call.take() else { return };
        self.in_flight = self.in_flight.saturating_sub(1);
        job.answered = Some(now);
        if let Observation::RateLimited(details) = observation {
            // The job was rate limited lately, and others were not since. If two jobs in a row are rate limited without a
            // success between them, it is the bot's limit after all.
            let rate_limited_alone = self.circuit_breaker.is_closed()
                && self.last_rate_limited_at < self.accepted_calls
                && job.rate_limited.is_some_and(|last| {
                    now.since(last.at) <= RATE_LIMIT_MEMORY && last.accepted_calls < self.accepted_calls
                });
            job.rate_limited = Some(RateLimited { at: now, accepted_calls: self.accepted_calls });
            self.last_rate_limited_at = self.accepted_calls;
            if rate_limited_alone && !call.removed {
                job.next = job.poll_interval.rate_limited_alone(details.retry_after, now);
                self.queue.insert(slot, &job.next);
                return;
            }
        } else if call_outcome(observation) == CallOutcome::Success {
            self.accepted_calls += 1;
            if let Some(last) = &mut job.rate_limited {
                last.accepted_calls += 1;
            }
        }
        if self.circuit_breaker.record_outcome(call.permit, call_outcome(observation), now) {
            self.budget.resume_steadily(now);
        }
        if let Observation::Finished { entries: Some(entries) } = observation {
            self.siblings.learn_size(job.campaign.as_ref(), entries, now);
        }
        if call.removed || matches!(observation, Observation::Finished { .. }) {
            self.drop_job(slot, now);
            return;
        }
        let load = Load::new(&self.budget, jobs, self.siblings.of(job.campaign.as_ref()));
        job.next = job.poll_interval.observe(observation, job.next, call.started, now, &self.settings, load);
        if let (Observation::Progress { .. }, Some(seconds)) = (observation, job.poll_interval.seconds_per_job()) {
            self.siblings.learn_speed(job.campaign.as_ref(), seconds, now);
        }
        if matches!(observation, Observation::RateLimited(_)) {
            let until = self.circuit_breaker.paused_until(now).unwrap_or(now);
            job.next = job.poll_interval.rate_limited(job.next, until, now);
        }
        self.queue.insert(slot, &job.next);
    }

    /// Adds a job. No effect on a job that is already scheduled, unless it was gone and is not any more. A job that was
    /// removed during its call is polled again after that call.
    pub fn add(&mut self, slot: JobSlot, now: Timestamp, start: Start) {
        let now = self.tick(now);
        let load = Load::new(&self.budget, self.jobs.len(), self.siblings.of(start.campaign.as_ref()));
        match self.jobs.get_mut(&slot) {
            Some(job) => match &mut job.call {
                Some(call) if call.removed => {
                    call.removed = false;
                    (job.poll_interval, job.next) = PollInterval::start(&start, now, &self.settings, load);
                    self.siblings.leave(job.campaign.as_ref());
                    self.siblings.enter(start.campaign.as_ref(), now);
                    job.campaign = start.campaign;
                }
                call if job.poll_interval.is_gone() && !start.gone => {
                    let answered = job.answered.max(start.last.map(|last| last.answered.min(now)));
                    let next = job.poll_interval.revive(job.next, answered, now);
                    if call.is_none() {
                        self.queue.remove(slot, &job.next);
                        self.queue.insert(slot, &next);
                    }
                    job.next = next;
                }
                _ => {}
            },
            None => {
                let (poll_interval, mut next) = PollInterval::start(&start, now, &self.settings, load);
                if let Some(&(allowed, _)) = self.recently_removed.iter().rev().find(|(_, removed)| *removed == slot) {
                    next.due = next.due.max(allowed);
                }
                self.queue.insert(slot, &next);
                let campaign = start.campaign;
                self.siblings.enter(campaign.as_ref(), now);
                self.jobs.insert(
                    slot,
                    ScheduledJob { campaign, poll_interval, next, call: None, rate_limited: None, answered: None },
                );
            }
        }
    }

    /// Removes a job. A call in flight still has to end in [`Scheduler::observe`].
    pub fn remove(&mut self, slot: JobSlot, now: Timestamp) {
        let now = self.tick(now);
        let Some(job) = self.jobs.get_mut(&slot) else { return };
        if let Some(call) = &mut job.call {
            call.removed = true;
        } else {
            self.queue.remove(slot, &job.next);
            self.drop_job(slot, now);
        }
    }

    /// Applies changed settings. Calls made so far still count; a lowered limit takes effect at once.
    pub fn set_settings(&mut self, settings: Settings, now: Timestamp) {
        self.tick(now);
        self.settings = settings;
        self.budget.set_limits(&settings);
        for (&slot, job) in &mut self.jobs {
            let next = job.poll_interval.apply_settings(job.next, &settings);
            if job.call.is_none() {
                self.queue.remove(slot, &job.next);
                self.queue.insert(slot, &next);
            }
            job.next = next;
        }
    }

    /// Starts a probe at `now`, if a call may start: the circuit is not open, neither a window nor the hour's pacer is
    /// exhausted, and fewer than `max_in_flight` calls are in flight. The minute's pacer does not apply: someone waits for the
    /// answer. After a pause the probe is the trial call. Each probe must end in [`Scheduler::end_probe`].
    pub fn start_probe(&mut self, now: Timestamp) -> Option<CallPermit> {
        let now = self.tick(now);
        let is_free = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if self.in_flight >= self.settings.max_in_flight
            || self.restart_hold > now
            || !is_free(self.circuit_breaker.free_at(now))
            || !is_free(self.budget.free_at(now, Urgency::Urgent))
        {
            return None;
        }
        self.in_flight += 1;
        self.budget.record(now);
        Some(self.circuit_breaker.start_call())
    }

    /// Records the result of a probe. It pauses and resumes polling like the result of a poll.
    pub fn end_probe(&mut self, permit: CallPermit, now: Timestamp, observation: Observation) {
        let now = self.tick(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.circuit_breaker.record_outcome(permit, call_outcome(observation), now) {
            self.budget.resume_steadily(now);
        }
    }

    /// Ends pauses and back-offs because of failures, for example after a changed configuration or secret. A pause because of
    /// the rate limit stays.
    pub fn retry_now(&mut self, now: Timestamp) {
        let now = self.tick(now);
        self.circuit_breaker.retry_now(now);
        for (&slot, job) in &mut self.jobs {
            let next = job.poll_interval.retry_now(job.next, job.answered, now);
            if job.call.is_none() {
                self.queue.remove(slot, &job.next);
                self.queue.insert(slot, &next);
            }
            job.next = next;
        }
    }

    /// Until when calls are blocked; `None` if they are not.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.circuit_breaker.paused_until(now.max(self.latest))
    }

    /// Calls started in the windows that end at `now`.
    pub fn budget_used(&self, now: Timestamp) -> enum_map::EnumMap<BudgetWindow, u64> {
        self.budget.used(now.max(self.latest))
    }

    /// Calls of the last hour by the second in which they started, oldest first; the input of [`Scheduler::restore_calls`].
    pub fn calls_by_second(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, u32)> {
        self.budget.calls_by_second(now.max(self.latest))
    }

    /// Counts calls of an earlier run, by second, so that a restart does not double the budget. No call starts within
    /// [`MIN_GAP`] after the last of them: it may have been for the same job.
    pub fn restore_calls(&mut self, calls: &[(Timestamp, u32)], now: Timestamp) {
        let now = self.tick(now);
        self.budget.restore(calls, now);
        let second = Duration::from_secs(1);
        if let Some(last) = calls.iter().map(|&(at, _)| at).max() {
            // The clock may have been set back since then.
            self.restart_hold = last.min(now).plus(second).plus(MIN_GAP);
        }
    }

    /// The number of jobs that are due and wait for the budget. Takes time linear in that number: for metrics.
    pub fn overdue(&self, now: Timestamp) -> usize {
        self.queue.overdue(now.max(self.latest))
    }

    /// Whether the job is scheduled.
    pub fn contains(&self, slot: JobSlot) -> bool {
        self.jobs.contains_key(&slot)
    }

    /// When a job is expected to end, by its progress so far; `None` if that cannot be foreseen.
    pub fn expected_end(&self, slot: JobSlot) -> Option<Timestamp> {
        self.jobs.get(&slot)?.poll_interval.expected_end()
    }

    /// The number of scheduled jobs, including those with a call in flight.
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// The number of calls in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The number of elements of each collection, by name: none may grow with time.
    pub fn sizes(&self) -> [(&'static str, usize); 5] {
        [
            ("scheduler.jobs", self.jobs.len()),
            ("scheduler.siblings", self.siblings.len()),
            ("scheduler.queue", self.queue.len()),
            ("scheduler.recently_removed", self.recently_removed.len()),
            ("scheduler.calls", self.budget.len()),
        ]
    }

    /// A job that has waited this long precedes all jobs that were polled later: the longest interval, or a little more than
    /// the time of a round over all jobs at the rate that the budget sustains.
    pub fn starvation_limit(&self) -> Duration {
        let jobs = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
        let round = self.budget.step().saturating_mul(jobs);
        self.settings.longest_interval().max((round / 100).saturating_mul(STARVATION_PERCENT))
    }

    fn start(&mut self, slot: JobSlot, now: Timestamp) -> Next {
        let Some(job) = self.jobs.get_mut(&slot) else {
            return Next::Idle;
        };
        self.queue.remove(slot, &job.next);
        job.call = Some(Call { started: now, permit: self.circuit_breaker.start_call(), removed: false });
        self.in_flight += 1;
        self.budget.record(now);
        Next::Poll { slot, delay: now.since(job.next.due_from()) }
    }

    fn drop_job(&mut self, slot: JobSlot, now: Timestamp) {
        let Some(job) = self.jobs.remove(&slot) else { return };
        self.siblings.leave(job.campaign.as_ref());
        if let Some(answered) = job.answered
            && answered.plus(MIN_GAP) > now
        {
            self.recently_removed.push_back((answered.plus(MIN_GAP), slot));
        }
    }

    fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(now);
        while self.recently_removed.front().is_some_and(|&(allowed, _)| allowed <= self.latest) {
            self.recently_removed.pop_front();
        }
        self.latest
    }
}

fn call_outcome(observation: Observation) -> CallOutcome {
    match observation {
        Observation::Progress { .. } | Observation::Finished { .. } | Observation::Gone | Observation::Unusable => {
            CallOutcome::Success
        }
        Observation::Unavailable => CallOutcome::Unavailable,
        Observation::Unauthorized => CallOutcome::Unauthorized,
        Observation::NotSent => CallOutcome::NotSent,
        Observation::RateLimited(details) => CallOutcome::RateLimited(details),
    }
}
