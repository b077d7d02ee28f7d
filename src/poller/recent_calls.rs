//! The calls that ended within the last [`MIN_GAP`].

use std::collections::{HashMap, VecDeque};

use crate::model::{JobKey, Timestamp};
use crate::scheduler::MIN_GAP;

/// When the last call of each job ended, for polls and probes alike. A scheduler knows only the jobs that it polls; this also
/// covers jobs that were deleted, registered again, or only probed. Bounded by the calls of [`MIN_GAP`].
#[derive(Default)]
pub(super) struct RecentCalls {
    ended: HashMap<JobKey, Timestamp>,
    by_time: VecDeque<(Timestamp, JobKey)>,
}

impl RecentCalls {
    /// Records the end of a call.
    pub(super) fn record(&mut self, key: JobKey, now: Timestamp) {
        while let Some((at, oldest)) = self.by_time.front()
            && at.plus(MIN_GAP) <= now
        {
            if self.ended.get(oldest) == Some(at) {
                self.ended.remove(oldest);
            }
            self.by_time.pop_front();
        }
        self.ended.insert(key.clone(), now);
        self.by_time.push_back((now, key));
    }

    /// When the last call of the job ended, if that is less than [`MIN_GAP`] ago.
    pub(super) fn last(&self, key: &JobKey, now: Timestamp) -> Option<Timestamp> {
        self.ended.get(key).copied().filter(|ended| ended.plus(MIN_GAP) > now)
    }

    /// The number of elements of each collection.
    pub(super) fn sizes(&self) -> [(&'static str, usize); 2] {
        [("recent_calls.ended", self.ended.len()), ("recent_calls.by_time", self.by_time.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BotName, RequestId};

    #[test]
    fn a_call_is_recent_for_the_minimum_gap() {
        let key = |number: u32| JobKey {
            bot: BotName::parse("b").unwrap(),
            id: RequestId::parse(&format!("ds-{number}")).unwrap(),
        };
        let at = |millis| Timestamp::from_millis(millis);
        let mut recent = RecentCalls::default();
        recent.record(key(1), at(0));
        recent.record(key(1), at(1_500));
        assert_eq!(recent.last(&key(1), at(3_499)), Some(at(1_500)));
        assert_eq!(recent.last(&key(1), at(3_500)), None);
        for number in 2..1_000 {
            recent.record(key(number), at(10_000 + i64::from(number)));
        }
        recent.record(key(1_000), at(20_000));
        assert_eq!(recent.sizes().map(|(_, size)| size), [1, 1]);
    }
}
