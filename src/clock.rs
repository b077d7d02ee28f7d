//! The one place that asks the system for the time.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// How far the system's clock may run ahead of ours before we follow it: a machine that slept, or a clock set forward.
const STEP: Duration = Duration::from_secs(2);

/// A clock that never goes back. It runs on the monotonic clock from the time at start, so that budgets hold when the
/// system's clock is set back; where the system's clock has leapt ahead (a machine that slept) it follows.
pub struct Clock {
    anchor: Mutex<(tokio::time::Instant, Timestamp)>,
    system: Option<Box<dyn Fn() -> Timestamp + Send + Sync>>,
}

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        Self::following(system_time)
    }

    /// Another clock than the system's in its place, which may be set while this one runs.
    pub fn following(system: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { anchor: Mutex::new((tokio::time::Instant::now(), system())), system: Some(Box::new(system)) }
    }

    /// For tests: starts at a given time and moves with tokio's clock, which a test may pause and advance.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { anchor: Mutex::new((tokio::time::Instant::now(), start)), system: None }
    }

    /// The time now; never less than what was returned before.
    pub fn now(&self) -> Timestamp {
        let mut anchor = self.anchor.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let instant = tokio::time::Instant::now();
        let ours = anchor.1.plus(instant.duration_since(anchor.0));
        if let Some(system) = &self.system {
            let system = system();
            if system.since(ours) > STEP {
                *anchor = (instant, system);
                return system;
            }
        }
        ours
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that asks")]
fn system_time() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_moves_with_the_monotonic_clock() {
        let clock = Clock::starting_at(Timestamp::from_millis(1_000));
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(2_500));
    }
}
