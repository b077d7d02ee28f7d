//! The time of a world: tokio's paused clock, and what a sleeping machine or a hand on the clock adds to it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use koreai_exporter::model::Timestamp;
use tokio::time::Instant;

/// The system's time when a world begins, in milliseconds since the Unix epoch.
pub(crate) const BEGIN: i64 = 1_780_000_000_000;

/// The time of a world.
pub(crate) struct Time {
    origin: Instant,
    slept: AtomicI64,
    skew: AtomicI64,
}

impl Time {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), slept: AtomicI64::new(0), skew: AtomicI64::new(0) }
    }

    /// What has passed for the upstream, and for everybody but a machine that sleeps.
    pub(crate) fn now(&self) -> Duration {
        let slept = u64::try_from(self.slept.load(Ordering::Relaxed)).unwrap_or(0);
        self.origin.elapsed() + Duration::from_millis(slept)
    }

    /// What the system's clock says.
    pub(crate) fn system(&self) -> Timestamp {
        let now = i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(BEGIN + now + self.skew.load(Ordering::Relaxed))
    }

    /// The machine sleeps: its monotonic clock stands, the world goes on.
    pub(crate) fn sleep(&self, seconds: u64) {
        self.slept.fetch_add(i64::try_from(seconds * 1000).unwrap_or(0), Ordering::Relaxed);
    }

    /// Whether the system's clock says what time it is.
    pub(crate) fn was_set_back(&self) -> bool {
        self.skew.load(Ordering::Relaxed) != 0
    }

    /// The system's clock is set back.
    pub(crate) fn set_back(&self, seconds: u64) {
        self.skew.fetch_sub(i64::try_from(seconds * 1000).unwrap_or(0), Ordering::Relaxed);
    }
}
