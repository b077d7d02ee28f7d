//! Probed jobs: the requests that wait, and cached results.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::oneshot;

use super::handle::ProbeError;
use crate::model::{Job, JobKey, JobState, Timestamp};
use crate::scheduler::MIN_GAP;

/// The most cached results; the oldest are evicted. A result takes about 1 KB. An evicted finished job is requested once
/// more when it is probed again, so the bound is far above the number of targets that a Prometheus server probes at a time.
const MAX_CACHED: usize = 10_000;

/// The result of a probe.
pub(super) type ProbeResult = Result<Box<Job>, ProbeError>;

/// The probes of all bots.
///
/// One call answers all probes of the job that arrive during the call and within [`MIN_GAP`] after it. A finished job is
/// answered from the cache until it is evicted.
#[derive(Default)]
pub(super) struct Probes {
    cached: HashMap<JobKey, CachedResult>,
    /// Keys of `cached` by insertion, oldest first.
    by_age: BTreeMap<u64, JobKey>,
    next_age: u64,
    /// The requests that wait for the call in flight; at most as many as there are connections.
    waiting: HashMap<JobKey, Vec<oneshot::Sender<ProbeResult>>>,
}

struct CachedResult {
    result: ProbeResult,
    at: Timestamp,
    age: u64,
}

impl Probes {
    /// The cached result, if it is still valid.
    pub(super) fn cached(&self, key: &JobKey, now: Timestamp) -> Option<ProbeResult> {
        let cached = self.cached.get(key)?;
        let finished = cached.result.as_ref().is_ok_and(|job| job.state == JobState::Finished);
        (finished || cached.at.plus(MIN_GAP) > now).then(|| cached.result.clone())
    }

    /// Whether a probe of the job is in flight.
    pub(super) fn is_in_flight(&self, key: &JobKey) -> bool {
        self.waiting.contains_key(key)
    }

    /// Replies when the probe of the job ends.
    pub(super) fn wait(&mut self, key: JobKey, reply: oneshot::Sender<ProbeResult>) {
        let waiting = self.waiting.entry(key).or_default();
        waiting.retain(|earlier| !earlier.is_closed());
        waiting.push(reply);
    }

    /// Records the result of a probe and replies to all who wait for it.
    pub(super) fn complete(&mut self, key: JobKey, result: ProbeResult, now: Timestamp) {
        for reply in self.waiting.remove(&key).unwrap_or_default() {
            // The client may have disconnected.
            let _disconnected = reply.send(result.clone());
        }
        let age = self.next_age;
        self.next_age += 1;
        if let Some(before) = self.cached.insert(key.clone(), CachedResult { result, at: now, age }) {
            self.by_age.remove(&before.age);
        }
        self.by_age.insert(age, key);
        while self.cached.len() > MAX_CACHED {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.cached.remove(&oldest);
        }
    }

    /// The number of elements of each collection.
    pub(super) fn sizes(&self) -> [(&'static str, usize); 3] {
        [
            ("probes.cached", self.cached.len()),
            ("probes.by_age", self.by_age.len()),
            ("probes.waiting", self.waiting.values().map(Vec::len).sum()),
        ]
    }

    /// Drops the cached results of other jobs than those that `keep` selects.
    pub(super) fn retain(&mut self, keep: impl Fn(&JobKey) -> bool) {
        self.cached.retain(|key, _| keep(key));
        self.by_age.retain(|_, key| keep(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApiVersion, BotName, RequestId};

    fn key(number: usize) -> JobKey {
        JobKey { bot: BotName::parse("b").unwrap(), id: RequestId::parse(&format!("ds-{number}")).unwrap() }
    }

    fn job(number: usize, state: JobState) -> ProbeResult {
        Ok(Box::new(Job { state, ..Job::new(key(number), ApiVersion::V1, None, [].into()) }))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_running_job_is_cached_for_the_minimum_gap_and_a_finished_one_for_good() {
        let mut probes = Probes::default();
        probes.complete(key(1), job(1, JobState::Polling), at(0));
        probes.complete(key(2), job(2, JobState::Finished), at(0));
        probes.complete(key(3), Err(ProbeError::Failed("x".to_owned())), at(0));
        let cached = |seconds| [1, 2, 3].map(|number| probes.cached(&key(number), at(seconds)).is_some());
        assert_eq!(cached(1), [true, true, true]);
        assert_eq!(cached(2), [false, true, false]);
        assert_eq!(cached(1_000_000), [false, true, false]);
    }

    #[test]
    fn all_waiting_requests_get_the_result_of_one_call() {
        let mut probes = Probes::default();
        let mut receivers = Vec::new();
        for _ in 0..3 {
            let (reply, receiver) = oneshot::channel();
            probes.wait(key(1), reply);
            receivers.push(receiver);
        }
        assert!(probes.is_in_flight(&key(1)));
        probes.complete(key(1), job(1, JobState::Finished), at(0));
        assert!(!probes.is_in_flight(&key(1)));
        for mut receiver in receivers {
            assert_eq!(receiver.try_recv().unwrap(), job(1, JobState::Finished));
        }
    }

    #[test]
    fn the_oldest_results_are_evicted() {
        let mut probes = Probes::default();
        for number in 0..=MAX_CACHED {
            // The first job is probed repeatedly, so it is never the oldest.
            probes.complete(key(0), job(0, JobState::Polling), at(0));
            probes.complete(key(number), job(number, JobState::Finished), at(0));
        }
        assert_eq!((probes.cached.len(), probes.by_age.len()), (MAX_CACHED, MAX_CACHED));
        assert!(probes.cached(&key(0), at(1)).is_some());
        assert!(probes.cached(&key(1), at(1)).is_none());
        probes.retain(|key| key.id.as_str() == "ds-2");
        assert_eq!((probes.cached.len(), probes.by_age.len()), (1, 1));
    }
}
