//! The validator of the last report of a job, and polls that find nothing new since that report.

use super::record::{RecordOutcome, Transition, point};
use super::store::{Change, Store};
use crate::model::{EntityTag, JobSlot, JobState, Timestamp};

impl Store {
    /// The validator of the last report of a job, if the next poll may say that nothing has changed since.
    pub fn entity_tag(&self, slot: JobSlot) -> Option<&EntityTag> {
        self.entry(slot)?.entity_tag.as_ref()
    }

    /// Sets the validator of the report that [`Store::record`] has just applied. It is in memory only, while the job is
    /// running.
    pub fn set_entity_tag(&mut self, slot: JobSlot, tag: Option<EntityTag>) {
        if let Some(entry) = self.entry_mut(slot).filter(|entry| entry.job.state == JobState::Polling) {
            entry.entity_tag = tag;
        }
    }

    /// Drops all validators, so that each job is read whole at its next poll.
    pub fn clear_entity_tags(&mut self) {
        for entry in self.entries.iter_mut().flatten() {
            entry.entity_tag = None;
        }
    }

    /// Applies a poll that found nothing new since the last report.
    pub fn record_unchanged(&mut self, slot: JobSlot, now: Timestamp) -> RecordOutcome {
        let mut recorded = RecordOutcome::of(Transition::NotTracked);
        let is_polled = self.is_polled(slot, now);
        let Some(entry) = self.entry_mut(slot).filter(|_| is_polled) else { return recorded };
        // The report was read while the job was running, and says that it is.
        if entry.job.state != JobState::Polling || entry.job.last_poll_success.is_none() {
            return recorded;
        }
        entry.last_poll = Some(now);
        entry.failing = None;
        entry.misses = 0;
        entry.not_found_since = None;
        entry.job.poll_up = Some(true);
        entry.job.last_poll_success = Some(now);
        entry.history.push(point(&entry.job, now));
        recorded.transition = Transition::Running { changed: false, entries: entry.job.entries() };
        self.now = now;
        self.note(Change::Changed(slot));
        recorded
    }
}
