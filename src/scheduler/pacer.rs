//! Spreads the calls of a window, so that no part of the window is left without calls.

use std::time::Duration;

use crate::model::Timestamp;

/// Allows `burst` calls at once and then one per `step` (the generic cell rate algorithm). The step is long enough that the
/// window's limit never blocks a call: after a full burst there is still one call per step, indefinitely.
/// Times and durations are in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacer {
    step: i64,
    burst: i64,
    span: i64,
    /// The theoretical arrival time: the time up to which calls are spent. A burst may move it ahead of now.
    spent_until: i64,
}

impl Pacer {
    /// A pacer for a window of `limit` calls: any `span` has at most `burst + (limit - burst + 1) - 1 = limit` calls.
    pub(super) fn new(span: Duration, limit: u32, burst: u32) -> Self {
        let burst = burst.clamp(1, limit.max(1));
        let steps = i64::from(limit.max(1) - burst) + 1;
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self { step: span.div_euclid(steps).saturating_add(1), burst: i64::from(burst), span, spent_until: i64::MIN }
    }

    /// Changes the limits; the calls made so far still count.
    pub(super) fn with_limits_of(self, other: Self) -> Self {
        Self { spent_until: self.spent_until, ..other }
    }

    /// The first time at which a call leaves `reserved` calls of the burst unused.
    pub(super) fn free_at(&self, reserved: u32) -> Timestamp {
        let ahead = (self.burst - 1 - i64::from(reserved)).max(0);
        let micros = self.spent_until.saturating_sub(ahead.saturating_mul(self.step));
        Timestamp::from_millis(micros.div_euclid(1000).saturating_add(i64::from(micros.rem_euclid(1000) != 0)))
    }

    /// Counts a call that starts now.
    pub(super) fn record(&mut self, now: Timestamp) {
        let spent = self.spent_until.max(micros(now)).saturating_add(self.step);
        // Calls that ignore the pace may run ahead of it, but calls that have left the window no longer count. A full burst
        // may reach beyond the window: dropping a part of it would release the window's last call at once.
        let farthest = self.span.max(self.burst.saturating_mul(self.step));
        self.spent_until = spent.min(micros(now).saturating_add(farthest));
    }

    /// Uses up the burst: from now on there is one call per step.
    pub(super) fn spend_burst(&mut self, now: Timestamp) {
        let full = micros(now).saturating_add((self.burst - 1).saturating_mul(self.step));
        self.spent_until = self.spent_until.max(full);
    }

    /// Replays calls of an earlier run, oldest first; afterwards a call is allowed at most one step after `now`.
    pub(super) fn restore(&mut self, calls: impl Iterator<Item = (Timestamp, u32)>, now: Timestamp) {
        let after = calls.fold(i64::MIN, |spent, (at, count)| {
            spent.max(micros(at)).saturating_add(self.step.saturating_mul(i64::from(count)))
        });
        self.spent_until = after.min(micros(now).saturating_add(self.step.saturating_mul(self.burst)));
    }

    /// The time between two calls at the steady rate.
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
    fn after_a_burst_there_is_one_call_per_step() {
        let mut pacer = Pacer::new(Duration::from_secs(60), 60, 3);
        let mut now = Timestamp::from_millis(0);
        let mut starts = Vec::new();
        for _ in 0..61 {
            now = now.max(pacer.free_at(0));
            pacer.record(now);
            starts.push(now.as_millis());
        }
        assert_eq!(starts[..5], [0, 0, 0, 1035, 2069]);
        assert!(starts[60] >= 60_000, "the 61st call is outside the minute: {}", starts[60]);
    }

    #[test]
    fn a_burst_that_reaches_beyond_the_window_is_used_up() {
        // 43 at once and then one every 171 s: the burst reaches two hours ahead.
        let mut pacer = Pacer::new(Duration::from_secs(3600), 63, 43);
        let now = Timestamp::from_millis(0);
        for _ in 0..43 {
            assert!(pacer.free_at(0) <= now);
            pacer.record(now);
        }
        assert!(pacer.free_at(0) > now, "the burst is spent");
    }

    #[test]
    fn reserved_calls_stay_unused() {
        let mut pacer = Pacer::new(Duration::from_secs(60), 60, 3);
        let now = Timestamp::from_millis(0);
        pacer.record(now);
        assert_eq!(pacer.free_at(0), now.minus(Duration::from_millis(1034)));
        assert!(pacer.free_at(2) > now);
    }
}
