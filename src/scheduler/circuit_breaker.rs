//! Closed while the upstream refuses, and opened again with care.

use std::time::Duration;

use super::observation::RateLimitDetails;
use crate::model::Timestamp;

/// `Retry-After` is kept within these.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
/// The pause after a refusal that names none: the length of the window that is probably full.
const MINUTE_PAUSE: Duration = Duration::from_secs(60);
/// The pause after the hourly text. UPSTREAM "What an exporter must handle" 18: minutes and not seconds.
const HOURLY_PAUSE: Duration = Duration::from_secs(300);
/// What a pause grows to at most, however long the upstream has refused.
const LONGEST_REFUSAL_PAUSE: Duration = Duration::from_secs(900);
/// A pause doubles to a minute, and later to this part of the time for which the upstream has refused: a probe a minute
/// is nothing beside the limit, and the end of the refusals is seen late by a tenth of them at most.
const REFUSED_TIME_PARTS: u32 = 10;
/// The first pause after 401 or 403, and the longest.
const UNAUTHORIZED_PAUSES: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));
/// The first pause of an upstream that does not answer, and the longest: with a call that times out after
/// 10 s it is seen again within a minute of its return.
const UNAVAILABLE_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// So many calls without an answer, and none with one between them, close the gate.
const UNAVAILABLE_IN_A_ROW: u32 = 5;

/// What one call says of the upstream as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CallOutcome {
    Answers,
    Unavailable,
    Unauthorized,
    Refused(RateLimitDetails),
}

/// The state of the gate when a call started. Calls that were under way when it closed are old news: thirty refusals of
/// one moment are one refusal, and a late success does not open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallPermit(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// No call before this time; the first one after it is a probe.
    Closed(Timestamp),
    /// The probe is under way; what was said meanwhile still holds until this time.
    Probing(Timestamp),
}

/// The gate of one bot.
#[derive(Debug, Clone)]
pub(super) struct CircuitBreaker {
    state: State,
    closings: u64,
    refused_in_a_row: u32,
    refused_since: Option<Timestamp>,
    unauthorized_in_a_row: u32,
    unavailable_in_a_row: u32,
}

impl CircuitBreaker {
    pub(super) fn new() -> Self {
        Self {
            state: State::Open,
            closings: 0,
            refused_in_a_row: 0,
            refused_since: None,
            unauthorized_in_a_row: 0,
            unavailable_in_a_row: 0,
        }
    }

    /// The first time from `now` at which a call may start; `None` while a probe has not been answered.
    pub(super) fn free_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Open => Some(now),
            State::Closed(until) => Some(until.max(now)),
            State::Probing(_) => None,
        }
    }

    /// Whether calls pass freely: neither closed nor waiting for the answer of a probe.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Until when no call is made, where that is in the future.
    pub(super) fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Closed(until) | State::Probing(until) if until > now => Some(until),
            _ => None,
        }
    }

    /// A call starts.
    pub(super) fn pass(&mut self) -> CallPermit {
        if let State::Closed(until) = self.state {
            self.state = State::Probing(until);
        }
        CallPermit(self.closings)
    }

    /// No call before `until`; a longer pause stays.
    pub(super) fn close_until(&mut self, until: Timestamp) {
        self.state = match self.state {
            State::Open => {
                self.closings += 1;
                State::Closed(until)
            }
            State::Closed(earlier) => State::Closed(earlier.max(until)),
            State::Probing(earlier) => State::Probing(earlier.max(until)),
        };
    }

    /// A call has ended. Returns whether that opened the gate again.
    pub(super) fn record_outcome(&mut self, passage: CallPermit, call_outcome: CallOutcome, now: Timestamp) -> bool {
        let news = passage == CallPermit(self.closings);
        let counts = news || self.state == State::Open;
        let pause = match call_outcome {
            CallOutcome::Answers if news => {
                (self.refused_in_a_row, self.unauthorized_in_a_row, self.unavailable_in_a_row) = (0, 0, 0);
                self.refused_since = None;
                return self.answered(now);
            }
            CallOutcome::Answers => return false,
            CallOutcome::Unavailable => {
                if !counts {
                    return false;
                }
                self.unavailable_in_a_row = self.unavailable_in_a_row.saturating_add(1);
                let beyond = self.unavailable_in_a_row.checked_sub(UNAVAILABLE_IN_A_ROW);
                match (beyond, self.state) {
                    (None, State::Open) => return false,
                    (beyond, _) => doubled(UNAVAILABLE_PAUSES.0, beyond.unwrap_or(0), UNAVAILABLE_PAUSES.1),
                }
            }
            CallOutcome::Unauthorized => {
                self.unauthorized_in_a_row = self.unauthorized_in_a_row.saturating_add(u32::from(counts));
                let times = self.unauthorized_in_a_row.saturating_sub(1);
                doubled(UNAUTHORIZED_PAUSES.0, times, UNAUTHORIZED_PAUSES.1)
            }
            CallOutcome::Refused(refusal) => {
                self.refused_in_a_row = self.refused_in_a_row.saturating_add(u32::from(counts));
                let since = *self.refused_since.get_or_insert(now);
                refusal_pause(refusal, self.refused_in_a_row.saturating_sub(1), now.since(since))
            }
        };
        let until = now.plus(pause);
        if news && let State::Probing(earlier) = self.state {
            self.closings += 1;
            self.state = State::Closed(earlier.max(until));
        } else {
            self.close_until(until);
        }
        false
    }

    fn answered(&mut self, now: Timestamp) -> bool {
        let State::Probing(until) = self.state else { return false };
        if until > now {
            self.closings += 1;
            self.state = State::Closed(until);
            return false;
        }
        self.state = State::Open;
        true
    }
}

fn refusal_pause(refusal: RateLimitDetails, times: u32, refused_for: Duration) -> Duration {
    let first = match refusal.retry_after {
        Some(wanted) => wanted.clamp(RETRY_AFTER.0, RETRY_AFTER.1),
        None if refusal.hourly => HOURLY_PAUSE,
        None => MINUTE_PAUSE,
    };
    let grown = (refused_for / REFUSED_TIME_PARTS).clamp(MINUTE_PAUSE, LONGEST_REFUSAL_PAUSE);
    doubled(first, times, grown.max(first))
}

/// `first`, doubled so many times, up to a bound.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times.min(31))).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn refused(retry_after: Option<u64>, hourly: bool) -> CallOutcome {
        CallOutcome::Refused(RateLimitDetails { retry_after: retry_after.map(Duration::from_secs), hourly })
    }

    fn pause_after(verdicts: &[CallOutcome]) -> Duration {
        let mut gate = CircuitBreaker::new();
        let mut now = NOW;
        for &call_outcome in verdicts {
            now = gate.free_at(now).unwrap();
            let passage = gate.pass();
            gate.record_outcome(passage, call_outcome, now);
        }
        gate.paused_until(now).map_or(Duration::ZERO, |until| until.since(now))
    }

    #[test]
    fn a_pause_is_as_long_as_the_refusal_says() {
        for (call_outcome, seconds) in [
            (refused(None, false), 60),
            (refused(None, true), 300),
            (refused(Some(7), false), 7),
            (refused(Some(7), true), 7),
            (refused(Some(0), false), 1),
            (refused(Some(u64::MAX), false), 3600),
            (CallOutcome::Unauthorized, 30),
            (CallOutcome::Unavailable, 0),
            (CallOutcome::Answers, 0),
        ] {
            assert_eq!(pause_after(&[call_outcome]), Duration::from_secs(seconds), "{call_outcome:?}");
        }
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_a_success_resets_them() {
        let pauses = |call_outcome, times| pause_after(&vec![call_outcome; times]).as_secs();
        assert_eq!([1, 2, 10, 999].map(|times| pauses(refused(None, false), times)), [60, 60, 60, 900]);
        assert_eq!([1, 2, 10, 999].map(|times| pauses(refused(None, true), times)), [300, 300, 300, 900]);
        assert_eq!([1, 2, 3, 9].map(|times| pauses(refused(Some(1), false), times)), [1, 2, 4, 60]);
        assert_eq!([1, 2, 5, 9].map(|times| pauses(CallOutcome::Unauthorized, times)), [30, 60, 480, 600]);
        assert_eq!([4, 5, 6, 20].map(|times| pauses(CallOutcome::Unavailable, times)), [0, 1, 2, 30]);
        let verdicts =
            [refused(Some(7), false), refused(Some(7), false), CallOutcome::Answers, refused(Some(7), false)];
        assert_eq!(pause_after(&verdicts), Duration::from_secs(7));
    }

    #[test]
    fn thirty_refusals_of_one_moment_are_one() {
        let mut gate = CircuitBreaker::new();
        let passages: Vec<_> = (0..30).map(|_| gate.pass()).collect();
        for passage in passages {
            gate.record_outcome(passage, refused(None, false), NOW);
        }
        assert_eq!(gate.paused_until(NOW), Some(NOW.plus(Duration::from_secs(60))));
    }

    #[test]
    fn a_pause_ends_with_one_probe() {
        let mut gate = CircuitBreaker::new();
        let (early, late) = (gate.pass(), gate.pass());
        gate.record_outcome(early, refused(Some(10), false), NOW);
        let after = NOW.plus(Duration::from_secs(10));
        assert_eq!(gate.free_at(NOW), Some(after));
        let probe = gate.pass();
        assert_eq!(gate.free_at(after), None, "one probe at a time");
        gate.record_outcome(late, CallOutcome::Answers, after);
        assert_eq!(gate.free_at(after), None, "a call from before the pause proves nothing");
        assert!(gate.record_outcome(probe, CallOutcome::Answers, after));
        assert_eq!(gate.free_at(after), Some(after));
    }

    #[test]
    fn the_longest_pause_wins() {
        let mut gate = CircuitBreaker::new();
        gate.close_until(NOW.plus(Duration::from_secs(100)));
        gate.close_until(NOW.plus(Duration::from_secs(10)));
        assert_eq!(gate.paused_until(NOW), Some(NOW.plus(Duration::from_secs(100))));
    }
}
