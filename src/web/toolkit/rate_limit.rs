//! The `rate_limit`, a token bucket.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::settings::RateLimit;

/// The tokens at the time of the last request; initially full.
#[derive(Debug, Default)]
pub(super) struct TokenBucket(Mutex<Option<(f64, Instant)>>);

impl TokenBucket {
    /// Takes a token; false if there is none.
    pub(super) fn take(&self, limit: RateLimit, now: Instant) -> bool {
        let burst = f64::from(limit.burst);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, since) = state.unwrap_or((burst, now));
        let gained = now.saturating_duration_since(since).as_secs_f64() / limit.interval.as_secs_f64();
        let tokens = (tokens + gained).min(burst);
        let taken = tokens >= 1.0;
        *state = Some((if taken { tokens - 1.0 } else { tokens }, now.max(since)));
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn after_a_burst_one_request_passes_per_interval() {
        let (bucket, start) = (TokenBucket::default(), Instant::now());
        let limit = RateLimit { interval: Duration::from_secs(1), burst: 2 };
        let taken = [0, 0, 0, 999, 1_001, 1_002, 9_000, 9_000, 9_000]
            .map(|millis| bucket.take(limit, start + Duration::from_millis(millis)));
        assert_eq!(taken, [true, true, false, false, true, false, true, true, false]);
    }
}
