//! How jobs without series are remembered, and how they come back.
//!
//! The entry of such a job stays in memory until the database has its row (`retired`); then the index is all that is left of
//! it (`remembered`). If a source names the job again before it is over, its row is read first (`recalls`). With in-memory
//! storage all entries stay, up to a small limit.

use std::collections::HashSet;

use super::dirty::Dirty;
use super::entry::Entry;
use super::persisted::PersistedJob;
use super::recalls::Recall;
use super::remembered::Mark;
use super::retired::{MAX_IN_MEMORY, MAX_UNWRITTEN};
use super::sources::SourceIndex;
use super::store::{Settings, Store};
use crate::model::{BotName, JobKey, JobState, SourceId, SourceKind, Timestamp};

impl Store {
    /// Whether another job fits within `max_jobs`.
    pub(super) fn has_capacity(&self) -> bool {
        self.index.len() + self.recalls.len() < self.settings.max_jobs
    }

    /// Remembers a job without series.
    pub(super) fn retire(&mut self, entry: Entry) {
        let limit = if self.dirty.is_some() { MAX_UNWRITTEN } else { MAX_IN_MEMORY };
        self.remember(&entry);
        for dropped in self.retired.insert(entry, limit) {
            self.remembered.remove(&dropped);
            Dirty::mark_job(&mut self.dirty, &dropped);
        }
    }

    /// Adds a job to the index, if there is a database.
    fn remember(&mut self, entry: &Entry) {
        if let Some(dirty) = &mut self.dirty {
            let mark = mark(&self.settings, entry);
            dirty.forgotten.extend(self.remembered.insert(&entry.job.key, mark));
        }
    }

    /// A remembered job whose entry is in memory is tracked again.
    pub(super) fn take_remembered(&mut self, key: &JobKey) -> Option<Entry> {
        let entry = self.retired.take(key)?;
        self.remembered.remove(key);
        Some(entry)
    }

    /// Forgets the jobs of other bots.
    pub(super) fn retain_remembered(&mut self, configured: &HashSet<&BotName>) {
        for key in self.retired.retain(|entry| configured.contains(&entry.job.key.bot)) {
            Dirty::mark_job(&mut self.dirty, &key);
        }
        let removed = self.remembered.retain_bots(|bot| configured.contains(bot));
        if let Some(dirty) = &mut self.dirty {
            dirty.removed_bots.extend(removed);
        }
    }

    /// The database has these changes: entries that changed no further leave memory.
    pub fn changes_written(&mut self, written: &Dirty) {
        let Some(dirty) = &self.dirty else { return };
        for key in written.jobs.iter().filter(|key| !dirty.jobs.contains(*key)) {
            self.retired.take(key);
        }
    }

    /// The jobs whose rows are to be read for [`Self::recall`], at most `limit`.
    pub fn recalls(&self, limit: usize) -> Vec<JobKey> {
        self.recalls.keys(limit)
    }

    /// Whether a job waits for its row.
    pub fn awaits_recalls(&self) -> bool {
        self.recalls.len() > 0
    }

    /// Tracks a job again, with its row. Without a row it is a new job.
    pub fn recall(&mut self, key: &JobKey, row: Option<PersistedJob>, now: Timestamp) {
        self.now = now;
        let Some(Recall { references, registered }) = self.recalls.take(key) else { return };
        let revived = self.remembered.get(key).is_some_and(|mark| mark.state() == JobState::Polling);
        self.remembered.remove(key);
        if let Some(persisted) = row {
            let mut entry = self.restored_entry(persisted);
            entry.sources = Vec::new();
            if entry.job.state == JobState::Gone {
                if let Some(registered) = registered {
                    entry.revive();
                    entry.added = registered;
                } else if revived && entry.added.plus(self.settings.job_deadline) > now {
                    entry.revive();
                }
            }
            let expiry = entry.expires_at(self.settings.retention, self.settings.job_deadline);
            if expiry.is_some_and(|at| at <= now) {
                // A gone job, of which only the row says until when it is polled.
                self.remember(&entry);
                return;
            }
            Dirty::mark_job(&mut self.dirty, key);
            self.retire(entry);
        }
        for (index, target) in references {
            self.add_reference(index, &key.bot, target, true, now);
        }
    }

    /// Whether the database has the report of this job, which has ended and has no series any more.
    pub fn is_over_in_database(&self, key: &JobKey) -> bool {
        let state = self.remembered.get(key).map(|mark| mark.state());
        !self.retired.contains(key) && matches!(state, Some(JobState::Finished | JobState::Gone))
    }

    /// Whether the row of a remembered job has to be read before the job is tracked.
    pub(super) fn must_recall(&self, key: &JobKey) -> bool {
        !self.retired.contains(key) && self.remembered.get(key).is_some()
    }

    /// The last state of a job without series.
    pub(super) fn remembered_state(&self, key: &JobKey) -> Option<JobState> {
        match self.retired.get(key) {
            Some(entry) => Some(entry.job.state),
            None => self.remembered.get(key).map(|mark| mark.state()),
        }
    }

    /// Whether a job has ended and its series have expired: it is not tracked again.
    pub(super) fn is_retired(&self, key: &JobKey, now: Timestamp) -> bool {
        let Settings { retention, job_deadline, .. } = self.settings;
        let expiry = match self.retired.get(key) {
            Some(entry) => entry.expires_at(retention, job_deadline),
            None => self.remembered.get(key).and_then(|mark| match mark.state() {
                JobState::Polling => None,
                JobState::Gone => Some(mark.at().plus(retention.max(job_deadline))),
                JobState::Finished | JobState::Abandoned => Some(mark.at().plus(retention)),
            }),
        };
        expiry.is_some_and(|at| at <= now)
    }

    /// Drops the recalls of a source that names its jobs anew.
    pub(super) fn retain_recalls(&mut self, index: SourceIndex, named: &HashSet<&str>) {
        self.recalls.retain(|source, id| source != index || named.contains(id.as_str()));
    }

    /// The job API deletes a job that waits for its row; returns whether it did.
    pub(super) fn forget_recall(&mut self, key: &JobKey) -> bool {
        let source = SourceId { bot: key.bot.clone(), kind: SourceKind::Api, name: "api".into() };
        self.sources.find(&source).is_some_and(|index| self.recalls.drop_reference(key, index))
    }
}

/// What the index has of a job. The time of a gone job is such that its `job_deadline` decides as [`Store::is_retired`] does.
fn mark(settings: &Settings, entry: &Entry) -> Mark {
    let Settings { retention, job_deadline, .. } = *settings;
    let ended = entry.ended.or(entry.last_poll).unwrap_or(entry.added);
    let gone_until = entry.expires_at(retention, job_deadline).filter(|_| entry.job.state == JobState::Gone);
    Mark::new(entry.job.state, gone_until.map_or(ended, |at| at.minus(retention.max(job_deadline))))
}
