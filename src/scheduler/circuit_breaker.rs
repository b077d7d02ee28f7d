//! The circuit breaker of one bot: blocks calls while the upstream fails or limits the rate, then lets one trial call through.

use std::time::Duration;

use super::observation::RateLimitDetails;
use crate::model::Timestamp;

/// Bounds of `Retry-After`.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
/// The pause after a rate-limited call without `Retry-After`: the length of the window that is probably full.
const MINUTE_PAUSE: Duration = Duration::from_secs(60);
/// The pause after the hourly text. docs/UPSTREAM.md#what-an-exporter-must-handle: minutes and not seconds.
const HOURLY_PAUSE: Duration = Duration::from_secs(300);
/// The longest pause because of the rate limit, however long it has lasted.
const MAX_RATE_LIMIT_PAUSE: Duration = Duration::from_secs(900);
/// A pause doubles up to a minute, and later up to this fraction of the time since the rate limit began. One trial
/// call a minute is negligible beside the limit, and the end of the rate limit is detected at most a tenth late.
const RATE_LIMITED_TIME_DIVISOR: u32 = 10;
/// The first pause after 401 or 403.
const FIRST_UNAUTHORIZED_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause after 401 or 403. The rule `koreai_upstream_trouble{cause="auth"}` in
/// `deploy/prometheus/rules/koreai-records.yml` counts two refusals in its window, so two pauses must fit into it;
/// `tests/operating_kit` compares them.
pub const MAX_UNAUTHORIZED_PAUSE: Duration = Duration::from_secs(600);
/// The pause after a call that could not be made, for example because a secret file is missing. It does not grow, so that
/// polls resume within a minute after the cause is fixed.
const NOT_SENT_PAUSE: Duration = Duration::from_secs(30);
/// The first and the longest pause of an unreachable upstream. With a call that times out after 10 s, its return is
/// detected within a minute.
const UNAVAILABLE_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// This many failed calls in a row, without a success between them, open the circuit.
const UNAVAILABLE_THRESHOLD: u32 = 5;

/// What one call says about the upstream as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CallOutcome {
    /// The upstream answered.
    Success,
    /// No answer, or a server error.
    Unavailable,
    /// 401 or 403.
    Unauthorized,
    /// No request could be made.
    NotSent,
    /// The upstream's rate limit.
    RateLimited(RateLimitDetails),
}

/// Permission to start one call; holds how often the circuit had opened by then. The outcome of a call that started before
/// the circuit opened is stale: thirty failures at one moment count as one, and a late success does not close the circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallPermit {
    openings: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calls pass.
    Closed,
    /// Calls are blocked until this time. The first call after it is the trial call.
    Open { until: Timestamp },
    /// The trial call is in flight and all others are blocked. A pause that was requested meanwhile ends at `until`.
    HalfOpen { until: Timestamp },
}

/// The circuit breaker of one bot.
#[derive(Debug, Clone)]
pub(super) struct CircuitBreaker {
    state: State,
    openings: u64,
    rate_limited_in_a_row: u32,
    rate_limited_since: Option<Timestamp>,
    /// Calls are blocked until this time because of the rate limit. [`CircuitBreaker::retry_now`] does not shorten it.
    rate_limited_until: Option<Timestamp>,
    unauthorized_in_a_row: u32,
    unavailable_in_a_row: u32,
}

impl CircuitBreaker {
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed,
            openings: 0,
            rate_limited_in_a_row: 0,
            rate_limited_since: None,
            rate_limited_until: None,
            unauthorized_in_a_row: 0,
            unavailable_in_a_row: 0,
        }
    }

    /// The first time from `now` at which a call may start; `None` while the trial call is in flight.
    pub(super) fn free_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Closed => Some(now),
            State::Open { until } => Some(until.max(now)),
            State::HalfOpen { .. } => None,
        }
    }

    /// Whether calls pass without restriction.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Until when calls are blocked, if that is in the future.
    pub(super) fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Open { until } | State::HalfOpen { until } if until > now => Some(until),
            _ => None,
        }
    }

    /// Records the start of a call.
    pub(super) fn start_call(&mut self) -> CallPermit {
        if let State::Open { until } = self.state {
            self.state = State::HalfOpen { until };
        }
        CallPermit { openings: self.openings }
    }

    /// Allows the trial call at once, because what failed may have been fixed. A pause because of the rate limit stays.
    pub(super) fn retry_now(&mut self, now: Timestamp) {
        self.unauthorized_in_a_row = 0;
        self.unavailable_in_a_row = 0;
        if let State::Open { until } = &mut self.state {
            *until = (*until).min(self.rate_limited_until.unwrap_or(now).max(now));
        }
    }

    /// Blocks calls until `until`; never shortens a pause.
    fn open_until(&mut self, until: Timestamp) {
        self.state = match self.state {
            State::Closed => {
                self.openings += 1;
                State::Open { until }
            }
            State::Open { until: earlier } => State::Open { until: earlier.max(until) },
            State::HalfOpen { until: earlier } => State::HalfOpen { until: earlier.max(until) },
        };
    }

    /// Records the end of a call. Returns whether it closed the circuit.
    pub(super) fn record_outcome(&mut self, permit: CallPermit, outcome: CallOutcome, now: Timestamp) -> bool {
        let current = permit.openings == self.openings;
        let counts = current || self.is_closed();
        let pause = match outcome {
            CallOutcome::Success if current => {
                self.rate_limited_in_a_row = 0;
                self.rate_limited_since = None;
                self.unauthorized_in_a_row = 0;
                self.unavailable_in_a_row = 0;
                return self.trial_succeeded(now);
            }
            CallOutcome::Success => return false,
            CallOutcome::Unavailable => {
                if !counts {
                    return false;
                }
                self.unavailable_in_a_row = self.unavailable_in_a_row.saturating_add(1);
                let beyond = self.unavailable_in_a_row.checked_sub(UNAVAILABLE_THRESHOLD);
                match (beyond, self.state) {
                    (None, State::Closed) => return false,
                    (beyond, _) => doubled(UNAVAILABLE_PAUSES.0, beyond.unwrap_or(0), UNAVAILABLE_PAUSES.1),
                }
            }
            CallOutcome::Unauthorized => {
                self.unauthorized_in_a_row = self.unauthorized_in_a_row.saturating_add(u32::from(counts));
                let doublings = self.unauthorized_in_a_row.saturating_sub(1);
                doubled(FIRST_UNAUTHORIZED_PAUSE, doublings, MAX_UNAUTHORIZED_PAUSE)
            }
            CallOutcome::NotSent => NOT_SENT_PAUSE,
            CallOutcome::RateLimited(details) => {
                self.rate_limited_in_a_row = self.rate_limited_in_a_row.saturating_add(u32::from(counts));
                let since = *self.rate_limited_since.get_or_insert(now);
                rate_limit_pause(details, self.rate_limited_in_a_row.saturating_sub(1), now.since(since))
            }
        };
        let until = now.plus(pause);
        if matches!(outcome, CallOutcome::RateLimited(_)) {
            self.rate_limited_until = self.rate_limited_until.max(Some(until));
        }
        if current && let State::HalfOpen { until: earlier } = self.state {
            self.openings += 1;
            self.state = State::Open { until: earlier.max(until) };
        } else {
            self.open_until(until);
        }
        false
    }

    /// Closes the circuit, unless a longer pause was requested meanwhile. Returns whether it closed.
    fn trial_succeeded(&mut self, now: Timestamp) -> bool {
        let State::HalfOpen { until } = self.state else { return false };
        if until > now {
            self.openings += 1;
            self.state = State::Open { until };
            return false;
        }
        self.state = State::Closed;
        true
    }
}

fn rate_limit_pause(details: RateLimitDetails, doublings: u32, rate_limited_for: Duration) -> Duration {
    let first = match details.retry_after {
        Some(requested) => requested.clamp(RETRY_AFTER.0, RETRY_AFTER.1),
        None if details.hourly => HOURLY_PAUSE,
        None => MINUTE_PAUSE,
    };
    let longest = (rate_limited_for / RATE_LIMITED_TIME_DIVISOR).clamp(MINUTE_PAUSE, MAX_RATE_LIMIT_PAUSE);
    doubled(first, doublings, longest.max(first))
}

/// `first`, doubled this many times, up to `longest`.
fn doubled(first: Duration, doublings: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(doublings.min(31))).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn rate_limited(retry_after: Option<u64>, hourly: bool) -> CallOutcome {
        CallOutcome::RateLimited(RateLimitDetails { retry_after: retry_after.map(Duration::from_secs), hourly })
    }

    fn pause_after(outcomes: &[CallOutcome]) -> Duration {
        let mut breaker = CircuitBreaker::new();
        let mut now = NOW;
        for &outcome in outcomes {
            now = breaker.free_at(now).unwrap();
            let permit = breaker.start_call();
            breaker.record_outcome(permit, outcome, now);
        }
        breaker.paused_until(now).map_or(Duration::ZERO, |until| until.since(now))
    }

    #[test]
    fn a_pause_is_as_long_as_the_response_says() {
        for (outcome, seconds) in [
            (rate_limited(None, false), 60),
            (rate_limited(None, true), 300),
            (rate_limited(Some(7), false), 7),
            (rate_limited(Some(7), true), 7),
            (rate_limited(Some(0), false), 1),
            (rate_limited(Some(u64::MAX), false), 3600),
            (CallOutcome::Unauthorized, 30),
            (CallOutcome::Unavailable, 0),
            (CallOutcome::Success, 0),
        ] {
            assert_eq!(pause_after(&[outcome]), Duration::from_secs(seconds), "{outcome:?}");
        }
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_a_success_resets_them() {
        let pauses = |outcome, times| pause_after(&vec![outcome; times]).as_secs();
        assert_eq!([1, 2, 10, 999].map(|times| pauses(rate_limited(None, false), times)), [60, 60, 60, 900]);
        assert_eq!([1, 2, 10, 999].map(|times| pauses(rate_limited(None, true), times)), [300, 300, 300, 900]);
        assert_eq!([1, 2, 3, 9].map(|times| pauses(rate_limited(Some(1), false), times)), [1, 2, 4, 60]);
        assert_eq!([1, 2, 5, 9].map(|times| pauses(CallOutcome::Unauthorized, times)), [30, 60, 480, 600]);
        assert_eq!([4, 5, 6, 20].map(|times| pauses(CallOutcome::Unavailable, times)), [0, 1, 2, 30]);
        let outcomes = [
            rate_limited(Some(7), false),
            rate_limited(Some(7), false),
            CallOutcome::Success,
            rate_limited(Some(7), false),
        ];
        assert_eq!(pause_after(&outcomes), Duration::from_secs(7));
    }

    #[test]
    fn thirty_rate_limited_calls_of_one_moment_are_one() {
        let mut breaker = CircuitBreaker::new();
        let permits: Vec<_> = (0..30).map(|_| breaker.start_call()).collect();
        for permit in permits {
            breaker.record_outcome(permit, rate_limited(None, false), NOW);
        }
        assert_eq!(breaker.paused_until(NOW), Some(NOW.plus(Duration::from_secs(60))));
    }

    #[test]
    fn a_pause_ends_with_one_trial_call() {
        let mut breaker = CircuitBreaker::new();
        let (early, late) = (breaker.start_call(), breaker.start_call());
        breaker.record_outcome(early, rate_limited(Some(10), false), NOW);
        let after = NOW.plus(Duration::from_secs(10));
        assert_eq!(breaker.free_at(NOW), Some(after));
        let trial = breaker.start_call();
        assert_eq!(breaker.free_at(after), None, "one trial call at a time");
        breaker.record_outcome(late, CallOutcome::Success, after);
        assert_eq!(breaker.free_at(after), None, "a call from before the pause proves nothing");
        assert!(breaker.record_outcome(trial, CallOutcome::Success, after));
        assert_eq!(breaker.free_at(after), Some(after));
    }

    #[test]
    fn the_longest_pause_wins() {
        let mut breaker = CircuitBreaker::new();
        let (first, second) = (breaker.start_call(), breaker.start_call());
        breaker.record_outcome(first, rate_limited(Some(100), false), NOW);
        breaker.record_outcome(second, rate_limited(Some(10), false), NOW);
        assert_eq!(breaker.paused_until(NOW), Some(NOW.plus(Duration::from_secs(100))));
    }

    #[test]
    fn a_fixed_cause_is_tried_at_once_but_a_rate_limit_is_respected() {
        let mut breaker = CircuitBreaker::new();
        let permit = breaker.start_call();
        breaker.record_outcome(permit, CallOutcome::Unauthorized, NOW);
        let soon = NOW.plus(Duration::from_secs(1));
        breaker.retry_now(soon);
        assert_eq!(breaker.free_at(soon), Some(soon));
        let trial = breaker.start_call();
        breaker.record_outcome(trial, rate_limited(Some(100), false), soon);
        breaker.retry_now(soon);
        assert_eq!(breaker.paused_until(soon), Some(soon.plus(Duration::from_secs(100))));
    }

    #[test]
    fn the_pause_after_a_call_that_was_not_sent_does_not_grow() {
        assert_eq!(pause_after(&[CallOutcome::NotSent; 9]), Duration::from_secs(30));
    }
}
