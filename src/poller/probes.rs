//! Answers of probes, kept for as long as the same ID must not be asked about again.

use std::collections::VecDeque;

use super::ProbeError;
use crate::model::{Job, JobKey, Timestamp};
use crate::scheduler::MIN_GAP;

/// Answers that are kept. At the upstream's 600 calls a minute, 20 come in within [`MIN_GAP`]; a higher budget than 50
/// times that has its oldest answers forgotten early.
const MAX_KEPT: usize = 1000;

/// What came of a probe.
pub(super) type Answer = Result<Box<Job>, ProbeError>;

/// The answers of the last [`MIN_GAP`].
#[derive(Debug, Default)]
pub(super) struct Probes(VecDeque<(Timestamp, JobKey, Answer)>);

impl Probes {
    /// Keeps an answer that came now.
    pub(super) fn keep(&mut self, key: JobKey, answer: Answer, now: Timestamp) {
        if self.0.len() >= MAX_KEPT {
            self.0.pop_front();
        }
        self.0.push_back((now, key, answer));
    }

    /// The answer for an ID that must not be asked about again yet.
    pub(super) fn find(&mut self, key: &JobKey, now: Timestamp) -> Option<&Answer> {
        while self.0.front().is_some_and(|(at, ..)| at.plus(MIN_GAP) <= now) {
            self.0.pop_front();
        }
        self.0.iter().find(|(_, known, _)| known == key).map(|(_, _, answer)| answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BotName, RequestId};

    fn key(number: usize) -> JobKey {
        JobKey { bot: BotName::parse("support").unwrap(), id: RequestId::parse(&format!("ds-{number}")).unwrap() }
    }

    #[test]
    fn an_answer_is_kept_for_the_gap_and_no_longer() {
        let (mut probes, now) = (Probes::default(), Timestamp::from_millis(5_000));
        probes.keep(key(1), Err(ProbeError::UnknownBot), now);
        let at = |probes: &mut Probes, millis| probes.find(&key(1), Timestamp::from_millis(millis)).is_some();
        assert_eq!([5_000, 6_999, 7_000].map(|millis| at(&mut probes, millis)), [true, true, false]);
    }

    #[test]
    fn answers_are_bounded() {
        let (mut probes, now) = (Probes::default(), Timestamp::from_millis(0));
        (0..2 * MAX_KEPT).for_each(|number| probes.keep(key(number), Err(ProbeError::UnknownBot), now));
        assert_eq!(probes.0.len(), MAX_KEPT);
        assert!(probes.find(&key(2 * MAX_KEPT - 1), now).is_some());
    }
}
