//! What differs from the database.

use std::collections::HashSet;

use crate::model::{BotName, JobKey};

use super::Store;

/// Jobs and bots of which something changed. Bounded by the jobs that are followed and remembered, and those that were
/// forgotten since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Jobs: those that [`Store::persisted_job`] does not have are to be forgotten.
    pub jobs: HashSet<JobKey>,
    /// Bots: those that [`Store::persisted_totals`] does not have are to be forgotten.
    pub bots: HashSet<BotName>,
}

impl Dirty {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.bots.is_empty()
    }

    pub(super) fn job(dirty: &mut Option<Self>, key: &JobKey) {
        if let Some(dirty) = dirty
            && !dirty.jobs.contains(key)
        {
            dirty.jobs.insert(key.clone());
        }
    }

    pub(super) fn bot(dirty: &mut Option<Self>, name: &BotName) {
        if let Some(dirty) = dirty
            && !dirty.bots.contains(name)
        {
            dirty.bots.insert(name.clone());
        }
    }
}

impl Store {
    /// From now on remembers what changes, for [`Self::take_dirty`].
    pub fn track(&mut self) {
        self.dirty.get_or_insert_default();
    }

    /// What changed since this was last called.
    pub fn take_dirty(&mut self) -> Dirty {
        self.dirty.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Gives back what could not be written.
    pub fn return_dirty(&mut self, unwritten: Dirty) {
        if let Some(dirty) = &mut self.dirty {
            dirty.jobs.extend(unwritten.jobs);
            dirty.bots.extend(unwritten.bots);
        }
    }
}
