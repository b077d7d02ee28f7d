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
    by_key: HashMap<JobKey, Box<Entry>>,
    order: VecDeque<JobKey>,
}

impl Retired {
    /// Remembers an entry; the longest remembered make room for it. Returns those that did.
    #[must_use]
    pub(super) fn insert(&mut self, entry: Entry) -> Vec<JobKey> {
        let key = entry.job.key.clone();
        if self.by_key.insert(key.clone(), Box::new(entry)).is_none() {
            self.order.push_back(key);
        }
        let mut forgotten = Vec::new();
        while self.by_key.len() > MAX_RETIRED {
            let Some(oldest) = self.order.pop_front() else { break };
            if self.by_key.remove(&oldest).is_some() {
                forgotten.push(oldest);
            }
        }
        // Keys of entries that were taken out stay in `order` until they come to the front; keep that bounded too.
        if self.order.len() > 2 * MAX_RETIRED {
            let by_key = &self.by_key;
            self.order.retain(|key| by_key.contains_key(key));
        }
        forgotten
    }

    pub(super) fn get(&self, key: &JobKey) -> Option<&Entry> {
        self.by_key.get(key).map(Box::as_ref)
    }

    pub(super) fn take(&mut self, key: &JobKey) -> Option<Entry> {
        self.by_key.remove(key).map(|entry| *entry)
    }

    /// Forgets those that `keep` does not want; returns them.
    pub(super) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) -> Vec<JobKey> {
        self.by_key.extract_if(|_, entry| !keep(entry)).map(|(key, _)| key).collect()
    }
}
