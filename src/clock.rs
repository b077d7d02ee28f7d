//! The only place that reads the system's clock.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// How far this clock and the system's clock may be apart before this clock is corrected.
const TOLERANCE: Duration = Duration::from_secs(2);

/// While this clock is ahead of the system's, it runs slower by this factor.
const SLOWDOWN: u32 = 2;

/// Two readings of time.
///
/// [`Clock::now`] never goes back: budgets, pauses and intervals depend on that. It advances with the monotonic clock and is
/// corrected towards the system's clock. If the system's clock is ahead (the machine slept, or the clock was set forward), it
/// jumps forward. If the system's clock is behind (it was set back, for example after a wrong step forward), it runs at half
/// speed until both agree. Meanwhile there are fewer calls per real minute than the budget allows, never more.
///
/// [`Clock::system_now`] is the system's time at this moment, for timestamps that another machine checks.
pub struct Clock {
    reading: Mutex<Reading>,
    /// Reads the system's clock; `None`: there is only the monotonic clock.
    system: Option<Box<dyn Fn() -> Timestamp + Send + Sync>>,
}

/// The last reading. The time since the Unix epoch is exact, so that frequent readings do not add up rounding errors.
#[derive(Debug, Clone, Copy)]
struct Reading {
    instant: tokio::time::Instant,
    since_epoch: Duration,
}

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Self::following(system_time)
    }

    /// A clock that follows the given system clock. Tests and simulations step it forward and back.
    pub fn following(system: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let start = system();
        Self { system: Some(Box::new(system)), ..Self::starting_at(start) }
    }

    /// For tests: starts at a given time and advances with tokio's clock, which a test may pause and advance.
    pub fn starting_at(start: Timestamp) -> Self {
        let reading = Reading { instant: tokio::time::Instant::now(), since_epoch: since_epoch(start) };
        Self { reading: Mutex::new(reading), system: None }
    }

    /// The time now; never less than any time returned before.
    pub fn now(&self) -> Timestamp {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let instant = tokio::time::Instant::now();
        let elapsed = instant.duration_since(reading.instant);
        let expected = reading.since_epoch.saturating_add(elapsed);
        let since_epoch = match &self.system {
            None => expected,
            Some(system) => corrected(reading.since_epoch, elapsed, since_epoch(system())),
        };
        *reading = Reading { instant, since_epoch };
        timestamp(since_epoch)
    }

    /// The system's time now, for what another machine compares with its own clock, such as `iat` of a token. It may go back.
    pub fn system_now(&self) -> Timestamp {
        match &self.system {
            Some(system) => system(),
            None => self.now(),
        }
    }
}

/// The next reading after `elapsed`, corrected towards the system's clock.
fn corrected(last: Duration, elapsed: Duration, system: Duration) -> Duration {
    let expected = last.saturating_add(elapsed);
    if system > expected.saturating_add(TOLERANCE) {
        system
    } else if expected > system.saturating_add(TOLERANCE) {
        // Not below the system's clock: a long time between two readings must not overcorrect.
        last.saturating_add(elapsed / SLOWDOWN).max(system)
    } else {
        expected
    }
}

fn since_epoch(time: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0))
}

fn timestamp(since_epoch: Duration) -> Timestamp {
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("reading", &self.reading).finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "the only place that reads the system's clock")]
fn system_time() -> Timestamp {
    timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    const START: i64 = 1_700_000_000_000;

    /// A clock whose system clock is tokio's clock with an offset in milliseconds.
    fn clock_with_offset() -> (Clock, Arc<AtomicI64>) {
        let offset = Arc::new(AtomicI64::new(0));
        let (begin, shared) = (tokio::time::Instant::now(), offset.clone());
        let system = move || {
            let steady = START + i64::try_from(begin.elapsed().as_millis()).unwrap();
            Timestamp::from_millis(steady + shared.load(Ordering::Relaxed))
        };
        (Clock::following(system), offset)
    }

    /// How far the clock is ahead of the true time, which tokio's clock measures since `begin`.
    fn ahead(clock: &Clock, begin: tokio::time::Instant) -> i64 {
        clock.now().as_millis() - START - i64::try_from(begin.elapsed().as_millis()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_advances_with_the_monotonic_clock() {
        let clock = Clock::starting_at(Timestamp::from_millis(1_000));
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(2_500));
    }

    #[tokio::test(start_paused = true)]
    async fn it_follows_a_machine_that_slept() {
        let (clock, offset) = clock_with_offset();
        offset.store(3_600_000, Ordering::Relaxed);
        assert_eq!(clock.now(), Timestamp::from_millis(START + 3_600_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_step_forward_is_corrected_without_going_back() {
        let (clock, offset) = clock_with_offset();
        let begin = tokio::time::Instant::now();
        offset.store(60_000, Ordering::Relaxed);
        assert_eq!(ahead(&clock, begin), 60_000);
        offset.store(0, Ordering::Relaxed);
        assert_eq!(clock.system_now(), Timestamp::from_millis(START), "tokens use the system's time at once");

        let mut last = clock.now();
        // A step that is not a multiple of a millisecond: frequent readings must not lose time.
        for _ in 0..30_000 {
            tokio::time::advance(Duration::from_micros(1_001)).await;
            let now = clock.now();
            assert!(now >= last, "the clock went back from {last:?} to {now:?}");
            last = now;
        }
        let after_30_s = ahead(&clock, begin);
        assert!((44_900..=45_100).contains(&after_30_s), "half speed corrects 15 s in 30 s: {after_30_s} ms ahead");
        for _ in 0..200 {
            tokio::time::advance(Duration::from_secs(1)).await;
            clock.now();
        }
        let corrected = ahead(&clock, begin);
        assert!((0..=2_000).contains(&corrected), "{corrected} ms ahead");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(ahead(&clock, begin), corrected, "back at full speed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_time_between_readings_does_not_overcorrect() {
        let (clock, offset) = clock_with_offset();
        let begin = tokio::time::Instant::now();
        offset.store(60_000, Ordering::Relaxed);
        clock.now();
        offset.store(0, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(600)).await;
        assert!((0..=2_000).contains(&ahead(&clock, begin)), "{} ms ahead", ahead(&clock, begin));
    }
}
