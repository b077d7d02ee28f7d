//! Keeps schedulers and pages in step with the jobs of the store.

use rand::RngExt;

use super::run::Poller;
use crate::model::{Job, JobNumber, JobSlot, JobState, Timestamp};
use crate::scheduler::{LastPoll, Progress, Start};
use crate::store::Change;

impl Poller {
    /// Applies the changes of the store to schedulers and pages.
    pub(super) fn apply_job_changes(&mut self, now: Timestamp) {
        for change in self.store.take_changes() {
            match change {
                Change::Added(slot) => {
                    self.pages.mark_changed(slot);
                    self.start_polling(slot, now);
                }
                Change::Changed(slot) => self.pages.mark_changed(slot),
                Change::Ended(slot) => {
                    self.pages.mark_changed(slot);
                    self.bots.stop_polling(slot, now);
                    if self.persister.is_enabled() {
                        // Written at once, so that the job is hardly ever polled again after a crash.
                        self.pages.request_now(now);
                    }
                }
                Change::Removed(slot) => {
                    self.pages.mark_changed(slot);
                    self.job_removed(slot, now);
                }
            }
            self.pages.request();
        }
    }

    /// Starts polling a job, unless a call for it is in flight: it may have been removed and added again, or probed. Then
    /// polling starts when that call ends.
    pub(super) fn start_polling(&mut self, slot: JobSlot, now: Timestamp) {
        let Some(entry) = self.store.entry(slot) else { return };
        let key = &entry.job.key;
        self.bots.set_owner(slot, key.bot.clone());
        // The scheduler handles a call of its own.
        let waits = self.calls.contains(key) && !self.bots.is_scheduled(slot);
        if waits || !self.store.is_polled(slot, now) {
            return;
        }
        let last = entry.last_poll().max(self.recent_calls.last(key, now));
        let progress = entry.job.last_poll_success.map(|_| progress_of(&entry.job));
        let start = Start {
            jitter: self.rng.random(),
            last: last.map(|answered| LastPoll { answered, progress }),
            gone: entry.job.state == JobState::Gone,
            campaign: entry.job.campaign.clone(),
        };
        self.bots.start_polling(slot, now, start);
    }

    fn job_removed(&mut self, slot: JobSlot, now: Timestamp) {
        self.bots.remove_job(slot, now);
        if !self.calls.mark_removed(slot) {
            self.store.release(slot);
        }
    }
}

/// The progress of a job as of its last report.
pub(super) fn progress_of(job: &Job) -> Progress {
    Progress { completion: job.completion, entries: job.entries(), recipients: job.numbers[JobNumber::Recipients] }
}
