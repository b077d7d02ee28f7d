//! The intervals and limits of one bot.

use std::time::Duration;

/// The least time between the answer to a call and the next call for the same job. UPSTREAM §4: status calls of one
/// request ID are limited to 1,800 an hour, one every 2 s. Counted from the answer, so that no difference in the time
/// that two calls travel brings them nearer together where they arrive.
pub const MIN_GAP: Duration = Duration::from_secs(2);

/// The minute that is kept within `per_minute`. The upstream counts arrivals, we count starts: the 250 ms more than a
/// minute are for calls that travel at different speeds.
pub const MINUTE_SPAN: Duration = Duration::from_millis(60_250);

/// The hour that is kept within `per_hour`; see [`MINUTE_SPAN`].
pub const HOUR_SPAN: Duration = Duration::from_millis(3_600_250);

/// What one bot's scheduler goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The time between two polls of a job that moves. Where a job's end is foreseen it is asked sooner, at least
    /// [`MIN_GAP`] after its last answer. Less than [`MIN_GAP`] counts as [`MIN_GAP`].
    pub poll_interval: Duration,
    /// What the interval grows to while a job does not move. Less than `poll_interval` counts as `poll_interval`.
    pub max_poll_interval: Duration,
    /// Calls in any rolling minute; with 0 nothing is ever asked.
    pub per_minute: u32,
    /// Calls in any rolling hour; with 0 nothing is ever asked.
    pub per_hour: u32,
    /// Calls under way at once; with 0 nothing is ever asked.
    pub max_in_flight: usize,
}

impl Settings {
    /// The shortest interval, as it applies.
    pub(super) fn shortest_interval(&self) -> Duration {
        self.poll_interval.max(MIN_GAP)
    }

    /// The longest interval, as it applies.
    pub(super) fn longest_interval(&self) -> Duration {
        self.max_poll_interval.max(self.shortest_interval())
    }
}
