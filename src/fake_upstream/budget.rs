//! Calls within any rolling minute and hour.

use std::collections::VecDeque;
use std::time::Duration;

pub(super) const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The window whose limit was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Minute,
    Hour,
}

/// Counts calls and rejects those beyond a limit. Windows are half open: a call leaves the minute exactly 60 s later.
#[derive(Debug)]
pub(super) struct RollingBudget {
    per_minute: usize,
    per_hour: usize,
    rate_limited_calls_count: bool,
    /// When calls were counted, ascending; never longer than the larger limit.
    counted: VecDeque<Duration>,
}

impl RollingBudget {
    pub(super) fn new(per_minute: u32, per_hour: u32, rate_limited_calls_count: bool) -> Self {
        let size = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            per_minute: size(per_minute),
            per_hour: size(per_hour),
            rate_limited_calls_count,
            counted: VecDeque::new(),
        }
    }

    /// Counts a call at `now`, or returns the window that is full. The hour is checked first: while it is full, a free
    /// minute does not help (docs/UPSTREAM.md#rate-limits).
    pub(super) fn admit(&mut self, now: Duration) -> Result<(), Limit> {
        while self.counted.front().is_some_and(|at| *at + HOUR <= now) {
            self.counted.pop_front();
        }
        let older_than_a_minute = self.counted.partition_point(|at| *at + MINUTE <= now);
        let rate_limited = if self.counted.len() >= self.per_hour {
            Some(Limit::Hour)
        } else if self.counted.len() - older_than_a_minute >= self.per_minute {
            Some(Limit::Minute)
        } else {
            None
        };
        if rate_limited.is_none() || self.rate_limited_calls_count {
            self.counted.push_back(now);
            if self.counted.len() > self.per_hour.max(self.per_minute) {
                self.counted.pop_front();
            }
        }
        rate_limited.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_rolling_minute_admits_calls_again_when_its_oldest_call_is_60_s_old() {
        let mut budget = RollingBudget::new(2, 100, false);
        assert_eq!(budget.admit(at(0)), Ok(()));
        assert_eq!(budget.admit(at(50)), Ok(()));
        assert_eq!(budget.admit(at(59)), Err(Limit::Minute));
        assert_eq!(budget.admit(at(60)), Ok(()));
        assert_eq!(budget.admit(at(109)), Err(Limit::Minute));
        assert_eq!(budget.admit(at(110)), Ok(()));
    }

    #[test]
    fn a_full_hour_rejects_calls_although_the_minute_is_free() {
        let mut budget = RollingBudget::new(2, 3, false);
        for second in [0, 100, 200] {
            assert_eq!(budget.admit(at(second)), Ok(()));
        }
        assert_eq!(budget.admit(at(3599)), Err(Limit::Hour));
        assert_eq!(budget.admit(at(3600)), Ok(()));
    }

    #[test]
    fn rejected_calls_use_budget_only_when_configured() {
        let mut budget = RollingBudget::new(1, 100, true);
        assert_eq!(budget.admit(at(0)), Ok(()));
        assert_eq!(budget.admit(at(30)), Err(Limit::Minute));
        assert_eq!(budget.admit(at(61)), Err(Limit::Minute), "the rejected call at 30 s is still in the window");
    }
}
