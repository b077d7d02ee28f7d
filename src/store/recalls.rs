//! Recalls: a source names a remembered job that is not over, and its row has to be read from the database first.

use std::collections::BTreeMap;

use super::sources::SourceIndex;
use crate::model::{JobKey, RequestId, Target, Timestamp};

/// The jobs that wait for their row. They count as tracked within `max_jobs`.
#[derive(Debug, Default)]
pub(super) struct Recalls {
    pending: BTreeMap<JobKey, Recall>,
}

/// What waits for a row.
#[derive(Debug, Default)]
pub(super) struct Recall {
    /// The sources that name the job, longest reference first.
    pub(super) references: Vec<(SourceIndex, Target)>,
    /// When it was registered through the job API, which revives a gone job.
    pub(super) registered: Option<Timestamp>,
}

impl Recalls {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// The first jobs, at most `limit`.
    pub(super) fn keys(&self, limit: usize) -> Vec<JobKey> {
        self.pending.keys().take(limit).cloned().collect()
    }

    pub(super) fn take(&mut self, key: &JobKey) -> Option<Recall> {
        self.pending.remove(key)
    }

    pub(super) fn contains(&self, key: &JobKey) -> bool {
        self.pending.contains_key(key)
    }

    pub(super) fn add(&mut self, key: JobKey, index: SourceIndex, target: Target) {
        let references = &mut self.pending.entry(key).or_default().references;
        match references.iter_mut().find(|(source, _)| *source == index) {
            Some((_, earlier)) => *earlier = target,
            None => references.push((index, target)),
        }
    }

    pub(super) fn mark_registered(&mut self, key: &JobKey, now: Timestamp) {
        if let Some(recall) = self.pending.get_mut(key) {
            recall.registered = Some(now);
        }
    }

    /// Drops one reference; returns whether there was one.
    pub(super) fn drop_reference(&mut self, key: &JobKey, index: SourceIndex) -> bool {
        let Some(recall) = self.pending.get_mut(key) else { return false };
        let before = recall.references.len();
        recall.references.retain(|(source, _)| *source != index);
        let dropped = recall.references.len() < before;
        if recall.references.is_empty() {
            self.pending.remove(key);
        }
        dropped
    }

    /// Drops the references for which `keep` is false.
    pub(super) fn retain(&mut self, keep: impl Fn(SourceIndex, &RequestId) -> bool) {
        self.pending.retain(|key, recall| {
            recall.references.retain(|(source, _)| keep(*source, &key.id));
            !recall.references.is_empty()
        });
    }
}
