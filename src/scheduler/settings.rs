//! The intervals and limits of one bot.

use std::time::Duration;

/// The minimum time between the answer to a call and the next call for the same job. docs/UPSTREAM.md#rate-limits: status calls of one
/// request ID are limited to 1,800 an hour, one every 2 s. It runs from the answer, so that calls with different travel
/// times do not arrive closer together.
pub const MIN_GAP: Duration = Duration::from_secs(2);

/// The budget's minute and hour are longer than upstream's by this much: upstream counts arrivals, this exporter counts
/// starts, and calls have different travel times.
const TRAVEL_MARGIN: Duration = Duration::from_millis(250);

/// The length of the window of `per_minute`.
pub const MINUTE_SPAN: Duration = Duration::from_secs(60).saturating_add(TRAVEL_MARGIN);

/// The length of the window of `per_hour`.
pub const HOUR_SPAN: Duration = Duration::from_secs(3600).saturating_add(TRAVEL_MARGIN);

/// How long the calls of one second count, from the start of that second: the restored calls count as started at its end.
/// Whoever persists [`crate::scheduler::Scheduler::calls_by_second`] must store each second for this long.
pub const CALLS_RETENTION: Duration = HOUR_SPAN.saturating_add(Duration::from_secs(1));

/// The settings of one bot's scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The time between two polls of a job that makes progress; at least [`MIN_GAP`]. A job whose end is expected is polled
    /// sooner, but no sooner than [`MIN_GAP`] after its last answer.
    pub poll_interval: Duration,
    /// The limit of the interval of a job that makes no progress; at least `poll_interval`.
    pub max_poll_interval: Duration,
    /// Calls in any rolling minute; 0 disables polling.
    pub per_minute: u32,
    /// Calls in any rolling hour; 0 disables polling.
    pub per_hour: u32,
    /// Calls in flight at the same time; 0 disables polling.
    pub max_in_flight: usize,
}

impl Settings {
    /// The shortest interval in effect.
    pub(super) fn shortest_interval(&self) -> Duration {
        self.poll_interval.max(MIN_GAP)
    }

    /// The longest interval in effect.
    pub(super) fn longest_interval(&self) -> Duration {
        self.max_poll_interval.max(self.shortest_interval())
    }
}
