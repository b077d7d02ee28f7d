//! A rolling window that counts calls exactly.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::Timestamp;

/// The calls of the last `span`, and their limit. Holds at most `limit` entries of 16 bytes.
#[derive(Debug, Clone)]
pub(super) struct RollingWindow {
    span: Duration,
    limit: u64,
    used: u64,
    /// Calls by time, oldest first; no time twice.
    calls: VecDeque<(Timestamp, u32)>,
}

impl RollingWindow {
    pub(super) fn new(span: Duration, limit: u32) -> Self {
        Self { span, limit: u64::from(limit), used: 0, calls: VecDeque::new() }
    }

    pub(super) fn set_limit(&mut self, limit: u32) {
        self.limit = u64::from(limit);
    }

    /// The first time at which one more call is within the limit; `None` if the limit is 0.
    pub(super) fn free_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.drop_old(now);
        if self.limit == 0 {
            return None;
        }
        if self.used < self.limit {
            return Some(now);
        }
        // After a reload lowered the limit, more than one call has to leave the window.
        let mut left = self.used;
        self.calls.iter().find_map(|&(at, count)| {
            left = left.saturating_sub(u64::from(count));
            (left < self.limit).then(|| at.plus(self.span))
        })
    }

    /// Counts a call that starts now.
    pub(super) fn record(&mut self, now: Timestamp) {
        self.used += 1;
        match self.calls.back_mut() {
            Some((at, count)) if *at >= now => *count = count.saturating_add(1),
            _ => self.calls.push_back((now, 1)),
        }
    }

    /// Counts calls of an earlier run, in any order.
    pub(super) fn restore(&mut self, earlier: impl IntoIterator<Item = (Timestamp, u32)>, now: Timestamp) {
        let mut all: Vec<_> = std::mem::take(&mut self.calls).into();
        all.extend(earlier.into_iter().map(|(at, count)| (at.min(now), count)));
        all.sort_unstable();
        self.used = 0;
        for (at, count) in all.into_iter().filter(|&(at, _)| at.plus(self.span) > now) {
            self.used += u64::from(count);
            match self.calls.back_mut() {
                Some((last, sum)) if *last == at => *sum = sum.saturating_add(count),
                _ => self.calls.push_back((at, count)),
            }
        }
    }

    /// The calls that the window holds at `now`, oldest first.
    pub(super) fn calls(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, u32)> {
        self.calls.iter().copied().skip_while(move |&(at, _)| at.plus(self.span) <= now)
    }

    /// The last call, if the window holds any.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.calls.back().map(|&(at, _)| at)
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    fn drop_old(&mut self, now: Timestamp) {
        while let Some(&(at, count)) = self.calls.front()
            && at.plus(self.span) <= now
        {
            self.used = self.used.saturating_sub(u64::from(count));
            self.calls.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_full_window_allows_a_call_when_its_oldest_has_left() {
        let mut window = RollingWindow::new(Duration::from_secs(60), 2);
        window.record(at(0));
        window.record(at(10));
        assert_eq!(window.free_at(at(20)), Some(at(60_000)));
        assert_eq!(window.free_at(at(60_000)), Some(at(60_000)));
        window.record(at(60_000));
        assert_eq!(window.free_at(at(60_000)), Some(at(60_010)));
    }

    #[test]
    fn a_lowered_limit_waits_until_enough_calls_have_left() {
        let mut window = RollingWindow::new(Duration::from_secs(60), 3);
        for millis in [0, 10, 20] {
            window.record(at(millis));
        }
        window.set_limit(1);
        assert_eq!(window.free_at(at(30)), Some(at(60_020)));
        window.set_limit(0);
        assert_eq!(window.free_at(at(30)), None);
    }

    #[test]
    fn calls_of_an_earlier_run_count_even_if_the_clock_was_set_back() {
        let mut window = RollingWindow::new(Duration::from_secs(60), 3);
        window.record(at(50_000));
        window.restore([(at(90_000), 1), (at(20_000), 1), (at(-20_000), 7)], at(50_000));
        assert_eq!(window.calls(at(50_000)).collect::<Vec<_>>(), [(at(20_000), 1), (at(50_000), 2)]);
        assert_eq!(window.free_at(at(50_000)), Some(at(80_000)));
    }
}
