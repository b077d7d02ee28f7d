//! Shows a counter series at 0 before it counts.
//!
//! Prometheus computes an increase from two scrapes. A series that appears with its full value has had no increase; one
//! that appears at 0 has. So a new series stays at 0 until a scrape has taken it, or [`MAX_ZERO_TIME`] is over.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::model::Timestamp;

/// How long a new series stays at 0 if nobody scrapes: longer than a usual scrape interval.
pub const MAX_ZERO_TIME: Duration = Duration::from_secs(120);

/// What decides how long a series stays at 0.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    /// The number of the page that is rendered.
    pub(super) page: u64,
    /// The number of the latest page that a scrape has taken.
    pub(super) scraped: u64,
    pub(super) now: Timestamp,
    /// The page continues the counters of an earlier run, which scrapes have seen.
    pub(super) restoring: bool,
}

impl Moment {
    /// Whether a series that is at 0 since a page and a time has been at 0 for long enough.
    pub(super) fn ends(&self, (page, since): (u64, Timestamp)) -> bool {
        self.scraped >= page || since.plus(MAX_ZERO_TIME) <= self.now
    }
}

/// Which counter series of one bot or campaign are at 0, and since when. A series is known by the hash of its name and
/// labels.
#[derive(Debug, Default)]
pub(super) struct ZeroFirst {
    counting: HashSet<u64>,
    zero: HashMap<u64, (u64, Timestamp)>,
}

impl ZeroFirst {
    /// The value to show.
    pub(super) fn value(&mut self, series: &str, value: u64, moment: &Moment) -> u64 {
        let series = xxh3_64(series.as_bytes());
        if self.counting.contains(&series) {
            return value;
        }
        let since = *self.zero.entry(series).or_insert((moment.page, moment.now));
        if moment.ends(since) || (moment.restoring && value > 0) {
            self.zero.remove(&series);
            self.counting.insert(series);
            return value;
        }
        0
    }

    /// Since when the longest series is at 0.
    pub(super) fn longest(&self) -> Option<(u64, Timestamp)> {
        self.zero.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(page: u64, scraped: u64, seconds: i64) -> Moment {
        Moment { page, scraped, now: Timestamp::from_millis(seconds * 1000), restoring: false }
    }

    #[test]
    fn a_series_is_at_0_until_a_scrape_has_taken_it() {
        let mut zero = ZeroFirst::default();
        assert_eq!(zero.value("a", 7, &moment(3, 2, 0)), 0);
        assert_eq!(zero.value("a", 8, &moment(4, 2, 1)), 0, "no scrape since");
        assert_eq!(zero.value("a", 9, &moment(5, 3, 2)), 9, "page 3 was scraped");
        assert_eq!(zero.value("a", 10, &moment(6, 3, 3)), 10);
        assert_eq!(zero.longest(), None);
    }

    #[test]
    fn without_scrapes_it_waits_no_longer_than_its_bound() {
        let mut zero = ZeroFirst::default();
        let bound = i64::try_from(MAX_ZERO_TIME.as_secs()).unwrap();
        assert_eq!(zero.value("a", 7, &moment(3, 0, 0)), 0);
        assert_eq!(zero.value("a", 7, &moment(4, 0, bound - 1)), 0);
        assert_eq!(zero.value("a", 7, &moment(5, 0, bound)), 7);
    }

    #[test]
    fn counts_of_an_earlier_run_are_shown_at_once() {
        let mut zero = ZeroFirst::default();
        let first = Moment { restoring: true, ..moment(1, 0, 0) };
        assert_eq!((zero.value("old", 7, &first), zero.value("unused", 0, &first)), (7, 0));
        assert_eq!((zero.value("old", 8, &moment(2, 0, 1)), zero.value("unused", 1, &moment(2, 0, 1))), (8, 0));
    }
}
