//! What is remembered of jobs whose series are gone, so that they are neither polled nor counted again.

use std::collections::{HashMap, VecDeque};

use crate::model::JobKey;

use super::Entry;

/// The most retired jobs that are remembered; the longest retired are forgotten first. An entry of a job with one channel
/// takes about 600 bytes, so the bound stands at 60 MB in the worst case.
pub(super) const MAX_RETIRED: usize = 100_000;

/// Jobs that were followed and whose series have gone.
#[derive(Debug, Default)]
pub(super) struct Retired {
    by_key: HashMap<JobKey, (u64, Box<Entry>)>,
    /// Keys by the number of their retirement. Those of entries that were taken out stay until they come to the front.
    order: VecDeque<(u64, JobKey)>,
    next: u64,
}

impl Retired {
    /// Remembers an entry; the longest remembered make room for it. Returns those that did.
    #[must_use]
    pub(super) fn insert(&mut self, entry: Entry) -> Vec<JobKey> {
        let (number, key) = (self.next, entry.job.key.clone());
        self.next = self.next.wrapping_add(1);
        self.by_key.insert(key.clone(), (number, Box::new(entry)));
        self.order.push_back((number, key));
        let mut forgotten = Vec::new();
        while self.by_key.len() > MAX_RETIRED {
            let Some((number, oldest)) = self.order.pop_front() else { break };
            if self.stands_at(number, &oldest) {
                self.by_key.remove(&oldest);
                forgotten.push(oldest);
            }
        }
        if self.order.len() > 2 * MAX_RETIRED {
            let order = std::mem::take(&mut self.order);
            self.order = order.into_iter().filter(|(number, key)| self.stands_at(*number, key)).collect();
        }
        forgotten
    }

    /// How many entries and places in the order there are.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.by_key.len(), self.order.len())
    }

    /// Whether a place in the order is still that of the entry.
    fn stands_at(&self, number: u64, key: &JobKey) -> bool {
        self.by_key.get(key).is_some_and(|(last, _)| *last == number)
    }

    pub(super) fn get(&self, key: &JobKey) -> Option<&Entry> {
        self.by_key.get(key).map(|(_, entry)| entry.as_ref())
    }

    pub(super) fn take(&mut self, key: &JobKey) -> Option<Entry> {
        self.by_key.remove(key).map(|(_, entry)| *entry)
    }

    /// Forgets those that `keep` does not want; returns them.
    pub(super) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) -> Vec<JobKey> {
        self.by_key.extract_if(|_, (_, entry)| !keep(entry)).map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApiVersion, BotName, Job, RequestId, Timestamp};

    fn key(number: usize) -> JobKey {
        JobKey { bot: BotName::parse("support").unwrap(), id: RequestId::parse(&format!("ds-{number}")).unwrap() }
    }

    fn entry(number: usize) -> Entry {
        Entry::new(Job::new(key(number), ApiVersion::V1, None, [].into()), Timestamp::from_millis(0))
    }

    #[test]
    fn the_longest_retired_are_forgotten_first() {
        let mut retired = Retired::default();
        (0..MAX_RETIRED).for_each(|number| assert_eq!(retired.insert(entry(number)), []));
        // The first one comes back and retires again: it is now the last.
        let again = retired.take(&key(0)).unwrap();
        assert_eq!(retired.insert(again), []);
        (0..2).for_each(|number| assert_eq!(retired.insert(entry(MAX_RETIRED + number)).len(), 1));
        assert_eq!([0, 1, 2, 3].map(|number| retired.get(&key(number)).is_some()), [true, false, false, true]);
    }

    #[test]
    fn jobs_that_come_and_go_take_no_more_room() {
        let mut retired = Retired::default();
        for _ in 0..3 * MAX_RETIRED {
            assert_eq!(retired.insert(entry(0)), []);
            retired.take(&key(0));
        }
        assert!(retired.order.len() <= 2 * MAX_RETIRED);
    }
}
