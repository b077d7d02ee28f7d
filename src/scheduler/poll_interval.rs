//! When one job is polled next.

use std::time::Duration;

use super::forecast::Forecast;
use super::load::Load;
use super::observation::{LastPoll, Observation, Progress, Start};
use super::settings::{MIN_GAP, Settings};
use crate::model::Timestamp;

/// First polls are spread over this time. It is short, because the budget also spreads them if there are many.
const FIRST_POLL_SPREAD: Duration = Duration::from_secs(2);
/// The factor by which the interval grows with every report without news.
const INTERVAL_GROWTH: u32 = 2;
/// A job is idle if there was no news for the time of this many deliveries: slow jobs are not idle.
const IDLE_AFTER_DELIVERIES: u32 = 3;
/// The first back-off of a job after a failed call. It doubles up to the longest interval.
const FAILURE_BACK_OFF: Duration = Duration::from_secs(5);
/// The first and the longest back-off of a job that is rate limited while others succeed.
const RATE_LIMITED_ALONE_BACK_OFF: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(900));
/// The first and the longest interval of a gone job.
const GONE_INTERVAL: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(3600));
/// The longest `Retry-After` that is respected.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// A job is polled this many tenths of a standard deviation before its expected end, plus a tolerance. So the job has rarely been
/// finished for longer than the tolerance by then. Each further poll predicts the rest more precisely, so the steps become
/// shorter, down to the tolerance. With 15 the ends of a campaign are detected later, with 20 they cost more calls.
const EARLY_TENTHS: u32 = 17;
/// The tolerance of a bot that is not busy.
const END_MARGIN: Duration = Duration::from_millis(250);
/// The tolerance grows by this part of what the interval grows on a busy bot: 3 s in a campaign of 1,000 jobs of 12 minutes.
const TOLERANCE_DIVISOR: u32 = 50;
/// While the end is more than this many intervals away, the interval is longer by a tenth. The saved calls pay for the
/// calls near the end, so that the total is no higher than with a fixed interval.
const FAR_INTERVALS: u32 = 4;
const FAR_STRETCH_DIVISOR: u32 = 10;
/// The same for jobs of unknown size, which may end at any time.
const UNRELIABLE_STRETCH_DIVISOR: u32 = 30;
/// After each expected end that was missed, the next attempt waits longer by this factor.
const MISS_GROWTH: f64 = 1.5;
/// After more misses than this, the job is polled at its interval until it makes progress.
const MAX_MISSES: u32 = 6;

/// When and why a waiting job is polled next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextPoll {
    /// Start of the wait: the last answer, or the end of the back-off.
    pub(super) waiting_since: Timestamp,
    /// End of the interval.
    pub(super) due: Timestamp,
    /// When the expected end of the job becomes likely, if it can be predicted.
    pub(super) end: Option<Timestamp>,
    /// Whether the job has never been polled.
    pub(super) first: bool,
}

impl NextPoll {
    /// The earliest time at which the job is due.
    pub(super) fn due_from(&self) -> Timestamp {
        self.end.map_or(self.due, |end| end.min(self.due))
    }

    /// Delays the poll until this time, if it would be earlier.
    fn not_before(self, time: Timestamp) -> Self {
        Self {
            waiting_since: self.waiting_since.max(time),
            due: self.due.max(time),
            end: self.end.map(|end| end.max(time)),
            ..self
        }
    }
}

/// The poll interval of one job, adapted to its progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct PollInterval {
    forecast: Forecast,
    interval: Duration,
    failures: u32,
    /// Consecutive calls that were rate limited.
    rate_limited_in_a_row: u32,
    /// How often the end was recently expected and missed.
    misses: u32,
    /// The expected end.
    expected: Option<Timestamp>,
    /// Time of the last report with news.
    changed: Option<Timestamp>,
    /// The interval of a gone job.
    gone: Option<Duration>,
}

impl PollInterval {
    /// The interval of a job that is added, and its first poll.
    pub(super) fn start(start: &Start, now: Timestamp, settings: &Settings, load: Load<'_>) -> (Self, NextPoll) {
        let interval = settings.shortest_interval();
        let mut poll_interval = Self {
            forecast: Forecast::default(),
            interval,
            failures: 0,
            rate_limited_in_a_row: 0,
            misses: 0,
            expected: None,
            changed: None,
            gone: start.gone.then_some(GONE_INTERVAL.0),
        };
        let jitter = if start.jitter.is_finite() { start.jitter.clamp(0.0, 1.0) } else { 0.0 };
        let spread = now.plus(FIRST_POLL_SPREAD.mul_f64(jitter));
        let Some(LastPoll { answered, progress }) = start.last else {
            let wait = load.first_wait(jitter, now, settings);
            let spread = spread.max(now.plus(wait));
            return (poll_interval, NextPoll { waiting_since: now, due: spread, end: None, first: true });
        };
        // The clock may have been set back since then.
        let answered = answered.min(now);
        if let Some(progress) = progress {
            poll_interval.forecast.observe(progress, load.siblings, answered);
        }
        let due = answered.plus(poll_interval.gone.unwrap_or(interval)).max(spread);
        (
            poll_interval,
            NextPoll { waiting_since: answered, due, end: None, first: false }.not_before(answered.plus(MIN_GAP)),
        )
    }

    /// Records the result of a call that was scheduled as `scheduled` and started at `started`. Returns the next poll.
    pub(super) fn observe(
        &mut self,
        observation: Observation,
        scheduled: NextPoll,
        started: Timestamp,
        now: Timestamp,
        settings: &Settings,
        load: Load<'_>,
    ) -> NextPoll {
        let next = match observation {
            Observation::Progress { progress, changed } => {
                let missed = self.expected.is_some_and(|end| end <= started);
                self.report(progress, changed, missed, now, settings, load)
            }
            Observation::Gone => {
                let interval = self.gone.map_or(GONE_INTERVAL.0, |last| last.saturating_mul(INTERVAL_GROWTH));
                let interval = interval.min(GONE_INTERVAL.1);
                self.gone = Some(interval);
                let due = now.plus(interval);
                NextPoll { waiting_since: due, due, end: None, first: false }
            }
            Observation::Unusable | Observation::Unavailable => {
                self.failures = self.failures.saturating_add(1);
                let doublings = 2_u32.saturating_pow((self.failures - 1).min(31));
                let back_off = FAILURE_BACK_OFF.saturating_mul(doublings).min(settings.longest_interval());
                let due = now.plus(self.gone.unwrap_or(back_off));
                NextPoll { waiting_since: due, due, end: None, first: false }
            }
            // The result says nothing about the job, so its schedule stays.
            Observation::Finished { .. }
            | Observation::Unauthorized
            | Observation::NotSent
            | Observation::RateLimited(_) => NextPoll { waiting_since: now, ..scheduled },
        };
        NextPoll { waiting_since: next.waiting_since, ..next.not_before(now.plus(MIN_GAP)) }
    }

    /// The time that the whole job takes at its measured speed, in seconds; `None` if unknown.
    pub(super) fn seconds_per_job(&self) -> Option<f64> {
        self.forecast.measured_seconds_per_job()
    }

    /// The expected end, as of the last report.
    pub(super) fn expected_end(&self) -> Option<Timestamp> {
        self.expected
    }

    /// Lets the other jobs that are due go first after a pause that the rate limit of a call for this job has caused until `until`.
    pub(super) fn rate_limited(&mut self, scheduled: NextPoll, until: Timestamp, now: Timestamp) -> NextPoll {
        self.rate_limited_in_a_row = self.rate_limited_in_a_row.saturating_add(1);
        let until = until.max(now.plus(MIN_GAP));
        NextPoll { waiting_since: now, ..scheduled.not_before(until) }
    }

    /// Backs off from a rate limit that follows this job while others succeed.
    pub(super) fn rate_limited_alone(&mut self, retry_after: Option<Duration>, now: Timestamp) -> NextPoll {
        let doublings = 2_u32.saturating_pow(self.rate_limited_in_a_row.saturating_sub(1).min(31));
        self.rate_limited_in_a_row = self.rate_limited_in_a_row.saturating_add(1);
        let grown = RATE_LIMITED_ALONE_BACK_OFF.0.saturating_mul(doublings).min(RATE_LIMITED_ALONE_BACK_OFF.1);
        let requested = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        let due = now.plus(grown.max(requested));
        NextPoll { waiting_since: due, due, end: None, first: false }
    }

    /// Ends the back-off after failed calls, because their cause may have been fixed.
    pub(super) fn retry_now(&mut self, scheduled: NextPoll, answered: Option<Timestamp>, now: Timestamp) -> NextPoll {
        if self.failures == 0 {
            return scheduled;
        }
        self.failures = 0;
        Self::soon(scheduled, answered, now)
    }

    /// Whether the job is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_some()
    }

    /// Ends the slow interval of a gone job.
    pub(super) fn revive(&mut self, scheduled: NextPoll, answered: Option<Timestamp>, now: Timestamp) -> NextPoll {
        self.gone = None;
        self.failures = 0;
        Self::soon(scheduled, answered, now)
    }

    fn soon(scheduled: NextPoll, answered: Option<Timestamp>, now: Timestamp) -> NextPoll {
        let due = answered.map_or(now, |answered| answered.plus(MIN_GAP).max(now)).min(scheduled.due);
        NextPoll { waiting_since: scheduled.waiting_since.min(due), due, ..scheduled }
    }

    /// Applies changed settings. Returns the next poll under them.
    pub(super) fn apply_settings(&mut self, scheduled: NextPoll, settings: &Settings) -> NextPoll {
        self.interval = self.interval.clamp(settings.shortest_interval(), settings.longest_interval());
        let latest = scheduled.waiting_since.plus(settings.longest_interval()).plus(MIN_GAP);
        NextPoll { due: scheduled.due.min(latest), ..scheduled }
    }

    fn report(
        &mut self,
        progress: Progress,
        changed: bool,
        missed: bool,
        now: Timestamp,
        settings: &Settings,
        load: Load<'_>,
    ) -> NextPoll {
        self.failures = 0;
        self.rate_limited_in_a_row = 0;
        let changed = changed || self.gone.take().is_some();
        self.misses = match (missed, changed) {
            (true, _) => self.misses.saturating_add(1),
            (false, true) => self.misses.saturating_sub(1),
            (false, false) => self.misses,
        };
        if changed {
            self.changed = Some(now);
        }
        self.forecast.observe(progress, load.siblings, now);
        let idle_after = self.forecast.delivery_time().saturating_mul(IDLE_AFTER_DELIVERIES);
        let idle = !changed && self.changed.is_none_or(|changed| now.since(changed) >= idle_after);
        self.interval = if idle {
            self.interval.saturating_mul(INTERVAL_GROWTH).min(settings.longest_interval())
        } else {
            settings.shortest_interval()
        };
        let remaining = self.forecast.remaining();
        self.expected = remaining.map(|(left, _)| now.plus(left));
        let far = remaining.is_some_and(|(left, _)| left > self.interval.saturating_mul(FAR_INTERVALS));
        let divisor = if self.forecast.has_reliable_size() { FAR_STRETCH_DIVISOR } else { UNRELIABLE_STRETCH_DIVISOR };
        let stretch = if far { self.interval / divisor } else { Duration::ZERO };
        let shared = load.interval(self.forecast.seconds_per_job(), settings);
        let interval = self.interval.saturating_add(stretch).max(shared);
        let grown = shared.saturating_sub(settings.shortest_interval());
        let tolerance = END_MARGIN.saturating_add(grown / TOLERANCE_DIVISOR);
        let end = remaining.and_then(|(left, deviation)| self.end_poll(left, deviation, tolerance));
        // Equal steps up to the end: of all ways to spend the same calls, they show the least stale values.
        let wait = match end {
            Some(end) if shared > settings.shortest_interval() => equal_step(end, interval),
            _ => interval,
        };
        NextPoll { waiting_since: now, due: now.plus(wait), end: end.map(|wait| now.plus(wait)), first: false }
    }

    /// How long to wait before polling for an end that is expected after `left`.
    fn end_poll(&self, left: Duration, deviation: Duration, tolerance: Duration) -> Option<Duration> {
        if self.misses > MAX_MISSES {
            return None;
        }
        let early = (deviation / 10).saturating_mul(EARLY_TENTHS);
        let likely = left.saturating_add(tolerance).saturating_sub(early).max(tolerance);
        let doublings = i32::try_from(self.misses.saturating_sub(1)).unwrap_or(i32::MAX);
        Some(likely.max(MIN_GAP.mul_f64(MISS_GROWTH.powi(doublings))))
    }
}

/// The longest step that divides `span` into equal ones, and is at most `longest`.
fn equal_step(span: Duration, longest: Duration) -> Duration {
    let steps = (span.as_secs_f64() / longest.as_secs_f64().max(1.0)).ceil().max(1.0);
    span.div_f64(steps)
}
