//! Jobs that are asked about by probes: who waits, and what was learnt.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::oneshot;

use super::ProbeError;
use crate::model::{Job, JobKey, JobState, Timestamp};
use crate::scheduler::MIN_GAP;

/// The most answers to probes that are kept; the oldest make room. An answer takes about 1 KB. A finished job that has
/// been pushed out is asked once more when it is probed again, so the bound is far above the number of targets that a
/// Prometheus probes at a time.
const MAX_KEPT: usize = 10_000;

/// What a probe comes to.
pub(super) type ProbeReply = Result<Box<Job>, ProbeError>;

/// The probes of all bots.
///
/// One call answers all who ask for the job meanwhile and within [`MIN_GAP`] after it; a job that was seen finished is
/// answered from here for good.
#[derive(Default)]
pub(super) struct Probes {
    kept: HashMap<JobKey, Kept>,
    /// Keys of `kept` by age.
    by_age: BTreeMap<u64, JobKey>,
    next_age: u64,
    /// Who waits for the call under way; as many as there are connections, at most.
    waiting: HashMap<JobKey, Vec<oneshot::Sender<ProbeReply>>>,
}

struct Kept {
    answer: ProbeReply,
    at: Timestamp,
    age: u64,
}

impl Probes {
    /// What is known without a call.
    pub(super) fn known(&self, key: &JobKey, now: Timestamp) -> Option<ProbeReply> {
        let kept = self.kept.get(key)?;
        let finished = kept.answer.as_ref().is_ok_and(|job| job.state == JobState::Finished);
        (finished || kept.at.plus(MIN_GAP) > now).then(|| kept.answer.clone())
    }

    /// When a probe's call for the job last ended; for [`MIN_GAP`], should the job be followed now.
    pub(super) fn last_asked(&self, key: &JobKey) -> Option<Timestamp> {
        self.kept.get(key).map(|kept| kept.at)
    }

    /// Whether a call for the job is under way.
    pub(super) fn is_asking(&self, key: &JobKey) -> bool {
        self.waiting.contains_key(key)
    }

    /// Answers when the call for the job ends.
    pub(super) fn wait(&mut self, key: JobKey, reply: oneshot::Sender<ProbeReply>) {
        let waiting = self.waiting.entry(key).or_default();
        waiting.retain(|earlier| !earlier.is_closed());
        waiting.push(reply);
    }

    /// The call for the job has ended.
    pub(super) fn answered(&mut self, key: JobKey, answer: ProbeReply, now: Timestamp) {
        for reply in self.waiting.remove(&key).unwrap_or_default() {
            // The one who asked may have gone.
            let _gone = reply.send(answer.clone());
        }
        let age = self.next_age;
        self.next_age += 1;
        if let Some(before) = self.kept.insert(key.clone(), Kept { answer, at: now, age }) {
            self.by_age.remove(&before.age);
        }
        self.by_age.insert(age, key);
        while self.kept.len() > MAX_KEPT {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.kept.remove(&oldest);
        }
    }

    /// How many elements each collection has.
    pub(super) fn sizes(&self) -> [(&'static str, usize); 3] {
        [
            ("probes.kept", self.kept.len()),
            ("probes.by_age", self.by_age.len()),
            ("probes.waiting", self.waiting.values().map(Vec::len).sum()),
        ]
    }

    /// Forgets what `keep` does not want.
    pub(super) fn retain(&mut self, keep: impl Fn(&JobKey) -> bool) {
        self.kept.retain(|key, _| keep(key));
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

    fn job(number: usize, state: JobState) -> ProbeReply {
        Ok(Box::new(Job { state, ..Job::new(key(number), ApiVersion::V1, None, [].into()) }))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_running_job_is_known_for_the_least_gap_and_a_finished_one_for_good() {
        let mut probes = Probes::default();
        probes.answered(key(1), job(1, JobState::Polling), at(0));
        probes.answered(key(2), job(2, JobState::Finished), at(0));
        probes.answered(key(3), Err(ProbeError::Failed("x".to_owned())), at(0));
        let known = |seconds| [1, 2, 3].map(|number| probes.known(&key(number), at(seconds)).is_some());
        assert_eq!(known(1), [true, true, true]);
        assert_eq!(known(2), [false, true, false]);
        assert_eq!(known(1_000_000), [false, true, false]);
        assert_eq!(probes.last_asked(&key(1)), Some(at(0)));
    }

    #[test]
    fn all_who_wait_get_the_answer_of_one_call() {
        let mut probes = Probes::default();
        let mut receivers = Vec::new();
        for _ in 0..3 {
            let (reply, receiver) = oneshot::channel();
            probes.wait(key(1), reply);
            receivers.push(receiver);
        }
        assert!(probes.is_asking(&key(1)));
        probes.answered(key(1), job(1, JobState::Finished), at(0));
        assert!(!probes.is_asking(&key(1)));
        for mut receiver in receivers {
            assert_eq!(receiver.try_recv().unwrap(), job(1, JobState::Finished));
        }
    }

    #[test]
    fn the_oldest_answers_make_room() {
        let mut probes = Probes::default();
        for number in 0..=MAX_KEPT {
            // The first is asked again and again, so it is never the oldest.
            probes.answered(key(0), job(0, JobState::Polling), at(0));
            probes.answered(key(number), job(number, JobState::Finished), at(0));
        }
        assert_eq!((probes.kept.len(), probes.by_age.len()), (MAX_KEPT, MAX_KEPT));
        assert!(probes.known(&key(0), at(1)).is_some());
        assert!(probes.known(&key(1), at(1)).is_none());
        probes.retain(|key| key.id.as_str() == "ds-2");
        assert_eq!((probes.kept.len(), probes.by_age.len()), (1, 1));
    }
}
