//! Lines that many jobs cause at the same time: the first is logged, the others are counted.

use std::time::Duration;

use crate::model::Timestamp;

/// How long lines are counted after the first, before the count is logged.
const PERIOD: Duration = Duration::from_secs(60);

/// One kind of line of one bot.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// Time of the line that was logged.
    logged: Option<Timestamp>,
    counted: u64,
}

impl Repeats {
    /// Whether to log this line; counts it otherwise.
    pub(super) fn is_first(&mut self, now: Timestamp) -> bool {
        if self.logged.is_some() {
            self.counted = self.counted.saturating_add(1);
            return false;
        }
        self.logged = Some(now);
        true
    }

    /// The count to log, once the period has ended.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<u64> {
        self.logged.take_if(|logged| now.since(*logged) >= PERIOD)?;
        Some(std::mem::take(&mut self.counted)).filter(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_hundred_lines_are_one_line_and_a_count() {
        let start = Timestamp::from_millis(0);
        let mut repeats = Repeats::default();
        assert_eq!((0..300).filter(|_| repeats.is_first(start)).count(), 1);
        assert_eq!(repeats.take(start.plus(PERIOD / 2)), None);
        assert_eq!(repeats.take(start.plus(PERIOD)), Some(299));
        assert_eq!(repeats.take(start.plus(PERIOD)), None, "nothing is counted twice");
        assert!(repeats.is_first(start.plus(2 * PERIOD)));
        assert_eq!(repeats.take(start.plus(4 * PERIOD)), None, "a single line has no count");
    }
}
