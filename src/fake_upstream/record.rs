//! The calls that the fake upstream received, so that a test can state "this ID was polled 4 times, at least 2 s apart, and
//! never after it had finished".

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// Calls remembered; the oldest are dropped first. A million are nearly an hour at 300 a second.
const MAX_CALLS: usize = 1_000_000;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCall {
    /// When its headers had arrived: real time since the start.
    pub at: Duration,
    /// The bot ID in the path; empty for an unknown path.
    pub bot_id: Arc<str>,
    /// The request ID in the path; `None` for a send.
    pub request_id: Option<Arc<str>>,
    /// `GET`, `POST`, ….
    pub method: Arc<str>,
    /// The HTTP code of the response; `None` if there was none.
    pub status: Option<u16>,
    /// Whether the token was valid.
    pub authorized: bool,
    /// Whether an earlier response had already reported that the job has finished.
    pub after_finish: bool,
    /// A hash of the header `auth`, to distinguish tokens without storing them.
    pub token: Option<u64>,
}

/// The newest calls, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Record {
    calls: VecDeque<RecordedCall>,
}

impl Record {
    /// All calls.
    pub fn calls(&self) -> impl Iterator<Item = &RecordedCall> {
        self.calls.iter()
    }

    /// The calls for one request ID.
    pub fn calls_for(&self, request_id: &str) -> impl Iterator<Item = &RecordedCall> {
        self.calls.iter().filter(move |call| call.request_id.as_deref() == Some(request_id))
    }

    /// The shortest time between two calls for one request ID; `None` with fewer than two.
    pub fn min_gap(&self, request_id: &str) -> Option<Duration> {
        let times: Vec<Duration> = self.calls_for(request_id).map(|call| call.at).collect();
        times.iter().zip(times.iter().skip(1)).map(|(earlier, later)| later.saturating_sub(*earlier)).min()
    }

    /// The most calls for one bot within any window of this length.
    pub fn max_in_window(&self, bot_id: &str, window: Duration) -> usize {
        let mut inside: VecDeque<Duration> = VecDeque::new();
        let mut most = 0;
        for call in self.calls.iter().filter(|call| *call.bot_id == *bot_id) {
            while inside.front().is_some_and(|at| *at + window <= call.at) {
                inside.pop_front();
            }
            inside.push_back(call.at);
            most = most.max(inside.len());
        }
        most
    }

    /// The HTTP methods used.
    pub fn methods(&self) -> BTreeSet<String> {
        self.calls.iter().map(|call| call.method.to_string()).collect()
    }

    pub(super) fn push(&mut self, call: RecordedCall) {
        if self.calls.len() >= MAX_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }
}

/// A hash that distinguishes tokens.
pub(super) fn fingerprint(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seconds: &[u64]) -> Record {
        let mut record = Record::default();
        for second in seconds {
            record.push(RecordedCall {
                at: Duration::from_secs(*second),
                bot_id: "st-1".into(),
                request_id: Some("ds-1".into()),
                method: "GET".into(),
                status: Some(200),
                authorized: true,
                after_finish: false,
                token: None,
            });
        }
        record
    }

    #[test]
    fn the_gap_is_the_shortest_one() {
        assert_eq!(record(&[0, 10, 13, 30]).min_gap("ds-1"), Some(Duration::from_secs(3)));
        assert_eq!(record(&[0]).min_gap("ds-1"), None);
    }

    #[test]
    fn a_window_holds_calls_younger_than_its_length() {
        let record = record(&[0, 1, 2, 60, 61]);
        assert_eq!(record.max_in_window("st-1", Duration::from_secs(60)), 3);
        assert_eq!(record.max_in_window("st-1", Duration::from_secs(61)), 4);
        assert_eq!(record.max_in_window("st-2", Duration::from_secs(60)), 0);
    }
}
