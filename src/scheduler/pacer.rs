//! Spreads a window's calls, so that no part of it is left without any.

use std::time::Duration;

use crate::model::Timestamp;

/// Lets `burst` calls through at once and then one every `step` (a generic cell rate). The step is chosen such that the
/// window's limit is never what stops a call: after the greatest burst there is still one call a step, for ever.
/// Counts in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacer {
    step: i64,
    burst: i64,
    span: i64,
    /// The time up to which calls have been given out; the burst is how far it may be ahead.
    spent_until: i64,
}

impl Pacer {
    /// For a window of `limit` calls: in any `span` there are at most `burst + (limit - burst + 1) - 1 = limit`.
    pub(super) fn new(span: Duration, limit: u32, burst: u32) -> Self {
        let burst = burst.clamp(1, limit.max(1));
        let steps = i64::from(limit.max(1) - burst) + 1;
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self { step: span.div_euclid(steps).saturating_add(1), burst: i64::from(burst), span, spent_until: i64::MIN }
    }

    /// The same place in time under other limits.
    pub(super) fn replaced_by(self, other: Self) -> Self {
        Self { spent_until: self.spent_until, ..other }
    }

    /// The first time at which a call leaves `kept_back` calls of the burst to others.
    pub(super) fn free_at(&self, kept_back: u32) -> Timestamp {
        let ahead = (self.burst - 1 - i64::from(kept_back)).max(0);
        let micros = self.spent_until.saturating_sub(ahead.saturating_mul(self.step));
        Timestamp::from_millis(micros.div_euclid(1000).saturating_add(i64::from(micros.rem_euclid(1000) != 0)))
    }

    /// Counts a call that starts now.
    pub(super) fn record(&mut self, now: Timestamp) {
        let spent = self.spent_until.max(micros(now)).saturating_add(self.step);
        // Calls that do not keep to the pace may run ahead of it, but what has left the window is forgotten. A full burst
        // may reach farther than the window: forgetting some of it would let the window's last call go at once.
        let farthest = self.span.max(self.burst.saturating_mul(self.step));
        self.spent_until = spent.min(micros(now).saturating_add(farthest));
    }

    /// Forgets what was saved up for a burst: from now on one call a step.
    pub(super) fn spend_burst(&mut self, now: Timestamp) {
        let full = micros(now).saturating_add((self.burst - 1).saturating_mul(self.step));
        self.spent_until = self.spent_until.max(full);
    }

    /// Stands where these earlier calls, oldest first, have brought it; at most a step behind a full burst at `now`.
    pub(super) fn relive(&mut self, calls: impl Iterator<Item = (Timestamp, u32)>, now: Timestamp) {
        let after = calls.fold(i64::MIN, |spent, (at, count)| {
            spent.max(micros(at)).saturating_add(self.step.saturating_mul(i64::from(count)))
        });
        self.spent_until = after.min(micros(now).saturating_add(self.step.saturating_mul(self.burst)));
    }

    /// The time in which it allows one call, for ever.
    pub(super) fn step(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.step).unwrap_or(0))
    }
}

fn micros(time: Timestamp) -> i64 {
    time.as_millis().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_there_is_one_call_a_step() {
        let mut pace = Pacer::new(Duration::from_secs(60), 60, 3);
        let mut now = Timestamp::from_millis(0);
        let mut starts = Vec::new();
        for _ in 0..61 {
            now = now.max(pace.free_at(0));
            pace.record(now);
            starts.push(now.as_millis());
        }
        assert_eq!(starts[..5], [0, 0, 0, 1035, 2069]);
        assert!(starts[60] >= 60_000, "the 61st call is outside the minute: {}", starts[60]);
    }

    #[test]
    fn a_burst_that_reaches_beyond_the_window_leaves_it_a_call_a_step() {
        // 43 at once and then one every 171 s: the burst reaches two hours ahead.
        let mut pace = Pacer::new(Duration::from_secs(3600), 63, 43);
        let now = Timestamp::from_millis(0);
        for _ in 0..43 {
            assert!(pace.free_at(0) <= now);
            pace.record(now);
        }
        assert!(pace.free_at(0) > now, "the burst is spent");
    }

    #[test]
    fn what_is_kept_back_is_left_to_others() {
        let mut pace = Pacer::new(Duration::from_secs(60), 60, 3);
        let now = Timestamp::from_millis(0);
        pace.record(now);
        assert_eq!(pace.free_at(0), now.minus(Duration::from_millis(1034)));
        assert!(pace.free_at(2) > now);
    }
}
