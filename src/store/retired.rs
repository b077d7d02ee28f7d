//! Jobs without series whose entries are in memory: with a database those that are not written yet, without one all.

use std::collections::{HashMap, VecDeque};

use super::entry::Entry;
use crate::model::{JobKey, JobState};

/// Limit with a database: jobs that lost their series at once and wait for a batch, or for a disk that fails. An entry with
/// one channel takes about 600 bytes.
pub(super) const MAX_UNWRITTEN: usize = 100_000;

/// Limit of remembered jobs with in-memory storage; about 6 MB.
pub(super) const MAX_IN_MEMORY: usize = 10_000;

/// Outdated keys that are tolerated in the order besides one for each entry.
const SPARE_KEYS: usize = 64;

/// Entries of jobs that were tracked and have no series any more; the longest retired are dropped first.
#[derive(Debug, Default)]
pub(super) struct Retired {
    by_key: HashMap<JobKey, (u64, Box<Entry>)>,
    /// Keys with their sequence number, oldest first. Keys of entries that were taken out stay until they are at the front.
    order: VecDeque<(u64, JobKey)>,
    next: u64,
}

impl Retired {
    /// Adds an entry. Returns the keys that were dropped to stay within the limit.
    #[must_use]
    pub(super) fn insert(&mut self, entry: Entry, limit: usize) -> Vec<JobKey> {
        let (number, key) = (self.next, entry.job.key.clone());
        self.next = self.next.wrapping_add(1);
        self.by_key.insert(key.clone(), (number, Box::new(entry)));
        self.order.push_back((number, key));
        let mut dropped = Vec::new();
        while self.by_key.len() > limit {
            let Some((number, oldest)) = self.order.pop_front() else { break };
            if self.is_current(number, &oldest) {
                self.by_key.remove(&oldest);
                dropped.push(oldest);
            }
        }
        self.prune();
        dropped
    }

    /// The number of entries, and the length of the order.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.by_key.len(), self.order.len())
    }

    /// Whether the entry of the key still has this sequence number.
    fn is_current(&self, number: u64, key: &JobKey) -> bool {
        self.by_key.get(key).is_some_and(|(last, _)| *last == number)
    }

    /// Drops outdated keys, and memory that is not needed any more.
    fn prune(&mut self) {
        if self.order.len() <= 2 * self.by_key.len() + SPARE_KEYS {
            return;
        }
        let order = std::mem::take(&mut self.order);
        self.order = order.into_iter().filter(|(number, key)| self.is_current(*number, key)).collect();
        self.order.shrink_to_fit();
        self.by_key.shrink_to(self.order.len() + SPARE_KEYS);
    }

    pub(super) fn contains(&self, key: &JobKey) -> bool {
        self.by_key.contains_key(key)
    }

    pub(super) fn get(&self, key: &JobKey) -> Option<&Entry> {
        self.by_key.get(key).map(|(_, entry)| entry.as_ref())
    }

    pub(super) fn get_mut(&mut self, key: &JobKey) -> Option<&mut Entry> {
        self.by_key.get_mut(key).map(|(_, entry)| entry.as_mut())
    }

    /// Revives the gone jobs among those that `admits`; returns their keys. Visits all entries.
    pub(super) fn revive(&mut self, admits: impl Fn(&Entry) -> bool) -> Vec<JobKey> {
        let mut revived = Vec::new();
        for (key, (_, entry)) in &mut self.by_key {
            if entry.job.state == JobState::Gone && admits(entry) {
                entry.revive();
                revived.push(key.clone());
            }
        }
        revived
    }

    pub(super) fn take(&mut self, key: &JobKey) -> Option<Entry> {
        let taken = self.by_key.remove(key).map(|(_, entry)| *entry);
        self.prune();
        taken
    }

    /// Drops the entries for which `keep` is false; returns their keys.
    pub(super) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) -> Vec<JobKey> {
        let dropped = self.by_key.extract_if(|_, (_, entry)| !keep(entry)).map(|(key, _)| key).collect();
        self.prune();
        dropped
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
    fn the_longest_retired_are_dropped_first() {
        let mut retired = Retired::default();
        (0..MAX_IN_MEMORY).for_each(|number| assert_eq!(retired.insert(entry(number), MAX_IN_MEMORY), []));
        // The first one comes back and retires again: it is now the last.
        let again = retired.take(&key(0)).unwrap();
        assert_eq!(retired.insert(again, MAX_IN_MEMORY), []);
        (0..2).for_each(|number| assert_eq!(retired.insert(entry(MAX_IN_MEMORY + number), MAX_IN_MEMORY).len(), 1));
        assert_eq!([0, 1, 2, 3].map(|number| retired.get(&key(number)).is_some()), [true, false, false, true]);
    }

    #[test]
    fn jobs_that_come_and_go_do_not_grow_the_order() {
        let mut retired = Retired::default();
        for _ in 0..3 * MAX_IN_MEMORY {
            assert_eq!(retired.insert(entry(0), MAX_IN_MEMORY), []);
            retired.take(&key(0));
        }
        assert!(retired.order.len() <= SPARE_KEYS);
    }
}
