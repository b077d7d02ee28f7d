//! Calls within any rolling minute and hour.

use std::collections::VecDeque;
use std::time::Duration;

pub(super) const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The window in which too much was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Minute,
    Hour,
}

/// Counts calls and says which of them is one too many. The window is half open: a call leaves it exactly 60 s later.
#[derive(Debug)]
pub(super) struct RollingBudget {
    per_minute: usize,
    per_hour: usize,
    refused_calls_count: bool,
    /// When a call was counted, ascending; never longer than the larger of the limits.
    counted: VecDeque<Duration>,
}

impl RollingBudget {
    pub(super) fn new(per_minute: u32, per_hour: u32, refused_calls_count: bool) -> Self {
        let size = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        Self { per_minute: size(per_minute), per_hour: size(per_hour), refused_calls_count, counted: VecDeque::new() }
    }

    /// Takes one call at `now`, or names the window that has no room left. The hour goes first: while it is full, a free
    /// minute does not help (UPSTREAM §4).
    pub(super) fn admit(&mut self, now: Duration) -> Result<(), Limit> {
        while self.counted.front().is_some_and(|at| *at + HOUR <= now) {
            self.counted.pop_front();
        }
        let older_than_a_minute = self.counted.partition_point(|at| *at + MINUTE <= now);
        let refused = if self.counted.len() >= self.per_hour {
            Some(Limit::Hour)
        } else if self.counted.len() - older_than_a_minute >= self.per_minute {
            Some(Limit::Minute)
        } else {
            None
        };
        if refused.is_none() || self.refused_calls_count {
            self.counted.push_back(now);
            if self.counted.len() > self.per_hour.max(self.per_minute) {
                self.counted.pop_front();
            }
        }
        refused.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_rolling_minute_has_room_again_when_its_oldest_call_is_60_s_old() {
        let mut budget = RollingBudget::new(2, 100, false);
        assert_eq!(budget.admit(at(0)), Ok(()));
        assert_eq!(budget.admit(at(50)), Ok(()));
        assert_eq!(budget.admit(at(59)), Err(Limit::Minute));
        assert_eq!(budget.admit(at(60)), Ok(()));
        assert_eq!(budget.admit(at(109)), Err(Limit::Minute));
        assert_eq!(budget.admit(at(110)), Ok(()));
    }

    #[test]
    fn a_full_hour_refuses_although_the_minute_is_free() {
        let mut budget = RollingBudget::new(2, 3, false);
        for second in [0, 100, 200] {
            assert_eq!(budget.admit(at(second)), Ok(()));
        }
        assert_eq!(budget.admit(at(3599)), Err(Limit::Hour));
        assert_eq!(budget.admit(at(3600)), Ok(()));
    }

    #[test]
    fn refused_calls_use_up_budget_only_where_told() {
        let mut budget = RollingBudget::new(1, 100, true);
        assert_eq!(budget.admit(at(0)), Ok(()));
        assert_eq!(budget.admit(at(30)), Err(Limit::Minute));
        assert_eq!(budget.admit(at(61)), Err(Limit::Minute), "the refused call at 30 s is still in the window");
    }
}
