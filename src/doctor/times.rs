//! Times and durations for people.

use std::time::Duration;

use crate::model::Timestamp;
use crate::yaml::format_duration;

/// RFC 3339, in UTC, to the second.
pub(super) fn rfc3339(time: Timestamp) -> String {
    let seconds = time.as_millis().div_euclid(1000);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("{seconds} s since 1970"), |time| time.to_string())
}

/// The distance of two times, in whole seconds.
pub(super) fn distance(a: Timestamp, b: Timestamp) -> Duration {
    Duration::from_secs(a.since(b).max(b.since(a)).as_secs())
}

/// A duration such as `1h30m`.
pub(super) fn rounded(duration: Duration) -> String {
    format_duration(Duration::from_secs(duration.as_secs()))
}
