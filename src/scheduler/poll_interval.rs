//! When one job is wanted next.

use std::time::Duration;

use super::forecast::Forecast;
use super::observation::{LastPoll, Observation, Progress, Start};
use super::settings::{MIN_GAP, Settings};
use crate::model::Timestamp;

/// First polls are spread over this time: short, since the budget spreads them too where there are many.
const FIRST_POLL_SPREAD: Duration = Duration::from_secs(2);
/// What the interval grows by with every report that brings nothing new.
const STILL_GROWTH: u32 = 2;
/// A job stands still when nothing was new for as long as so many deliveries take: a slow one is not a still one.
const STILL_AFTER_DELIVERIES: u32 = 3;
/// The back-off of a job after a failed call; it doubles up to the longest interval.
const FAILURE_BACK_OFF: Duration = Duration::from_secs(5);
/// An end is asked for one and a half deviations before it is expected, that is when it becomes possible, and this much
/// later. From there the remaining time is foreseen better, and so in ever shorter steps. In the simulation that is
/// better than to wait for the expected end, at any load; 1.0 sees small jobs' ends later, 2.0 those of a campaign.
const END_MARGIN: Duration = Duration::from_millis(250);
/// While the end is farther than so many intervals, the interval is a tenth longer: that pays for the calls that ask
/// for the end, so that on the whole there are no more than with a fixed interval.
const FAR_INTERVALS: u32 = 4;
const UNHURRIED_PARTS: u32 = 10;
/// Each time that an end was expected and did not come, the next attempt waits half as long again...
const MISS_GROWTH: f64 = 1.5;
/// ...and after so many the job is asked at its interval until it moves on.
const MAX_MISSES: u32 = 6;

/// When and why a waiting job is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextPoll {
    /// It waits since: its last answer, or the end of its back-off.
    pub(super) since: Timestamp,
    /// Its interval is over then.
    pub(super) due: Timestamp,
    /// Its end is foreseen, and becomes possible then.
    pub(super) end: Option<Timestamp>,
    /// It has never been asked.
    pub(super) new: bool,
}

impl NextPoll {
    /// The earliest time at which it is wanted.
    pub(super) fn from(&self) -> Timestamp {
        self.end.map_or(self.due, |end| end.min(self.due))
    }

    /// The same wish, but not before this time.
    fn not_before(self, time: Timestamp) -> Self {
        Self { since: self.since.max(time), due: self.due.max(time), end: self.end.map(|end| end.max(time)), ..self }
    }
}

/// How often one job is asked: what was learnt about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PollInterval {
    forecast: Forecast,
    interval: Duration,
    failures: u32,
    /// How often, of late, its end was foreseen and did not come.
    misses: u32,
    /// When it is expected to end.
    expected: Option<Timestamp>,
    /// When a report last brought something new.
    moved: Option<Timestamp>,
}

impl PollInterval {
    /// A job that is taken on, and when it is first wanted.
    pub(super) fn start(start: Start, now: Timestamp, settings: &Settings) -> (Self, NextPoll) {
        let interval = settings.shortest_interval();
        let mut cadence =
            Self { forecast: Forecast::default(), interval, failures: 0, misses: 0, expected: None, moved: None };
        let jitter = if start.jitter.is_finite() { start.jitter.clamp(0.0, 1.0) } else { 0.0 };
        let spread = now.plus(FIRST_POLL_SPREAD.mul_f64(jitter));
        let Some(LastPoll { answered, progress }) = start.last else {
            return (cadence, NextPoll { since: now, due: spread, end: None, new: true });
        };
        // The clock may have been set back between the runs.
        let answered = answered.min(now);
        if let Some(progress) = progress {
            cadence.forecast.observe(progress, answered);
        }
        let due = answered.plus(interval).max(spread);
        (cadence, NextPoll { since: answered, due, end: None, new: false }.not_before(answered.plus(MIN_GAP)))
    }

    /// What became of a call that was wanted so and started then; returns when the job is wanted next.
    pub(super) fn observe(
        &mut self,
        observation: Observation,
        wanted: NextPoll,
        started: Timestamp,
        now: Timestamp,
        settings: &Settings,
    ) -> NextPoll {
        let next = match observation {
            Observation::Progress { progress, changed } => {
                let missed = self.expected.is_some_and(|end| end <= started);
                self.report(progress, changed, missed, now, settings)
            }
            Observation::Unusable | Observation::Unavailable => {
                self.failures = self.failures.saturating_add(1);
                let doublings = 2_u32.saturating_pow((self.failures - 1).min(31));
                let back_off = FAILURE_BACK_OFF.saturating_mul(doublings).min(settings.longest_interval());
                let due = now.plus(back_off);
                NextPoll { since: due, due, end: None, new: false }
            }
            // Nothing was learnt about the job: it is wanted as before.
            Observation::Finished | Observation::Unauthorized | Observation::Refused(_) => {
                NextPoll { since: now, ..wanted }
            }
        };
        NextPoll { since: next.since, ..next.not_before(now.plus(MIN_GAP)) }
    }

    /// Under other settings.
    pub(super) fn fit(&mut self, wanted: NextPoll, settings: &Settings) -> NextPoll {
        self.interval = self.interval.clamp(settings.shortest_interval(), settings.longest_interval());
        NextPoll { due: wanted.due.min(wanted.since.plus(settings.longest_interval()).plus(MIN_GAP)), ..wanted }
    }

    fn report(
        &mut self,
        progress: Progress,
        changed: bool,
        missed: bool,
        now: Timestamp,
        settings: &Settings,
    ) -> NextPoll {
        self.failures = 0;
        self.misses = match (missed, changed) {
            (true, _) => self.misses.saturating_add(1),
            (false, true) => self.misses.saturating_sub(1),
            (false, false) => self.misses,
        };
        if changed {
            self.moved = Some(now);
        }
        self.forecast.observe(progress, now);
        let between_moves = self.forecast.delivery_time().saturating_mul(STILL_AFTER_DELIVERIES);
        let still = !changed && self.moved.is_none_or(|moved| now.since(moved) >= between_moves);
        self.interval = if still {
            self.interval.saturating_mul(STILL_GROWTH).min(settings.longest_interval())
        } else {
            settings.shortest_interval()
        };
        let remaining = self.forecast.remaining();
        self.expected = remaining.map(|(left, _)| now.plus(left));
        let far = remaining.is_some_and(|(left, _)| left > self.interval.saturating_mul(FAR_INTERVALS));
        let unhurried = if far { self.interval / UNHURRIED_PARTS } else { Duration::ZERO };
        let end = remaining.and_then(|(left, deviation)| self.ask_for_end(left, deviation)).map(|wait| now.plus(wait));
        NextPoll { since: now, due: now.plus(self.interval).plus(unhurried), end, new: false }
    }

    /// How long to wait before an end is asked for that is expected after `left`.
    fn ask_for_end(&self, left: Duration, deviation: Duration) -> Option<Duration> {
        if self.misses > MAX_MISSES {
            return None;
        }
        let possible = left.saturating_sub(deviation.saturating_mul(3) / 2).saturating_add(END_MARGIN);
        let doublings = i32::try_from(self.misses.saturating_sub(1)).unwrap_or(i32::MAX);
        Some(possible.max(MIN_GAP.mul_f64(MISS_GROWTH.powi(doublings))))
    }
}
