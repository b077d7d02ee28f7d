//! Gone jobs: until when they are polled, and what revives them.

use std::cmp::Reverse;

use super::dirty::Dirty;
use super::store::{Change, Store};
use crate::model::{BotName, JobKey, JobSlot, JobState, Timestamp};

impl Store {
    /// Whether a job is polled: until it ends, and rarely while it is gone, until its `job_deadline`.
    pub fn is_polled(&self, slot: JobSlot, now: Timestamp) -> bool {
        self.entry(slot).is_some_and(|entry| match entry.job.state {
            JobState::Polling => true,
            JobState::Gone => entry.added.plus(self.settings.job_deadline) > now,
            JobState::Finished | JobState::Abandoned => false,
        })
    }

    /// Revives the gone jobs of a bot whose `job_deadline` has not passed: its definition has changed, so that the upstream
    /// may know them now. Those whose series have expired are tracked again when a source names them.
    pub fn revive_gone(&mut self, bot: &BotName, now: Timestamp) {
        let deadline = self.settings.job_deadline;
        for slot in self.slots().collect::<Vec<_>>() {
            if self.entry(slot).is_some_and(|entry| entry.job.key.bot == *bot && entry.added.plus(deadline) > now) {
                self.revive(slot, None);
            }
        }
        let revived = self.retired.revive(|entry| entry.job.key.bot == *bot && entry.added.plus(deadline) > now);
        for key in revived {
            Dirty::mark_job(&mut self.dirty, &key);
        }
        if self.remembered.revive_all(bot) {
            Dirty::mark_revived(&mut self.dirty, bot);
        }
    }

    /// Revives a gone job that is registered through the job API. Its `job_deadline` starts again.
    pub(super) fn revive_registered(&mut self, key: &JobKey, now: Timestamp) {
        if let Some(slot) = self.find(key) {
            self.revive(slot, Some(now));
        } else if let Some(entry) = self.retired.get_mut(key).filter(|entry| entry.job.state == JobState::Gone) {
            entry.revive();
            entry.added = now;
            Dirty::mark_job(&mut self.dirty, key);
        } else {
            self.remembered.revive(key);
        }
    }

    fn revive(&mut self, slot: JobSlot, added: Option<Timestamp>) {
        let deadline = self.settings.job_deadline;
        let Some(entry) = self.entry_mut(slot).filter(|entry| entry.job.state == JobState::Gone) else { return };
        entry.revive();
        entry.added = added.unwrap_or(entry.added);
        let due = entry.added.plus(deadline);
        self.deadlines.push(Reverse((due, slot)));
        self.note(Change::Added(slot));
        self.job_states_changed = true;
        self.prune_timers();
    }
}
