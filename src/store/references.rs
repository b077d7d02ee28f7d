//! References of sources and the job API to jobs, and the removal of jobs without a reference.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::campaigns::{Counted, OTHER_CAMPAIGN};
use super::dirty::Dirty;
use super::entry::Entry;
use super::sources::{MAX_WAITING, SourceIndex};
use super::store::{Change, RegisterError, Registered, Settings, Store};
use crate::model::{
    BotName, DropReason, Job, JobHistory, JobKey, JobSlot, JobState, RequestId, SourceId, SourceKind, Target,
    TargetUpdate, Timestamp,
};

impl Store {
    /// Applies an update of a source.
    pub fn apply(&mut self, update: TargetUpdate, now: Timestamp) {
        self.now = now;
        // An update from a source of an earlier configuration is ignored.
        let Some(index) = self.sources.find(&update.source) else { return };
        let Some(source) = self.sources.get_mut(index) else { return };
        source.up = update.up;
        source.down_since = if update.up { None } else { source.down_since.or(Some(now)) };
        self.dropped.add(DropReason::InvalidTarget, update.invalid.saturating_sub(source.invalid));
        source.invalid = update.invalid;
        if let Some(targets) = update.targets {
            source.targets = u64::try_from(targets.len()).unwrap_or(u64::MAX);
            let named: HashSet<&str> = targets.iter().map(|target| target.id.as_str()).collect();
            let mut dropped = Vec::new();
            for slot in self.slots() {
                // A source that is down drops no job: its unreadable part may still name it.
                if let Some(entry) = self.entry(slot).filter(|_| update.up)
                    && entry.sources.contains(&index)
                    && !named.contains(entry.job.key.id.as_str())
                {
                    dropped.push(slot);
                }
            }
            for slot in dropped {
                self.drop_reference(slot, index, now);
            }
            if update.up {
                self.retain_recalls(index, &named);
            }
            let was_waiting: HashSet<RequestId> = self
                .sources
                .waiting
                .iter()
                .filter(|(source, _)| *source == index)
                .map(|(_, target)| target.id.clone())
                .collect();
            self.sources.waiting.retain(|(source, _)| *source != index);
            for target in targets {
                let counted_before = was_waiting.contains(&target.id);
                self.add_reference(index, &update.source.bot, target, counted_before, now);
            }
        }
        self.count_sources();
    }

    /// Registers a job through the job API; a gone job is revived. Call [`Self::recount`] after the last of several.
    pub fn register(&mut self, bot: &BotName, target: Target, now: Timestamp) -> Result<Registered, RegisterError> {
        self.now = now;
        if !self.bots.contains_key(bot) {
            return Err(RegisterError::UnknownBot);
        }
        let key = JobKey { bot: bot.clone(), id: target.id.clone() };
        let is_gone = self.remembered_state(&key) == Some(JobState::Gone);
        let is_tracked = self.index.contains_key(&key) || self.recalls.contains(&key);
        let known = is_tracked || (self.is_retired(&key, now) && !is_gone);
        if !known && !self.has_capacity() {
            self.dropped.add(DropReason::MaxJobs, 1);
            return Err(RegisterError::Full);
        }
        self.revive_registered(&key, now);
        let source = SourceId { bot: bot.clone(), kind: SourceKind::Api, name: "api".into() };
        if let Some(index) = self.sources.find_or_insert(&source) {
            self.add_reference(index, bot, target, true, now);
            self.recalls.mark_registered(&key, now);
        }
        Ok(if known { Registered::Known } else { Registered::New })
    }

    /// Deletes a job that was registered through the job API: its series end at once unless another source names it. Its
    /// counts are remembered, so that a job that is registered again is not counted again. `false`: no such job.
    pub fn forget(&mut self, key: &JobKey, now: Timestamp) -> bool {
        self.now = now;
        let Some(slot) = self.index.get(key).copied() else { return self.forget_recall(key) };
        let source = SourceId { bot: key.bot.clone(), kind: SourceKind::Api, name: "api".into() };
        let Some(index) = self.sources.find_or_insert(&source) else { return false };
        let Some(entry) = self.entry(slot) else { return false };
        if !entry.sources.contains(&index) {
            return false;
        }
        self.drop_reference(slot, index, now);
        if self.orphaned.contains(&slot) {
            self.remove(slot);
        }
        self.count_sources();
        true
    }

    /// A source names a target. `rejection_counted`: a rejection was counted before, or is reported in another way.
    pub(super) fn add_reference(
        &mut self,
        index: SourceIndex,
        bot: &BotName,
        target: Target,
        rejection_counted: bool,
        now: Timestamp,
    ) {
        let key = JobKey { bot: bot.clone(), id: target.id.clone() };
        if let Some(slot) = self.index.get(&key).copied() {
            self.update_reference(slot, index, target);
            return;
        }
        if self.is_retired(&key, now) {
            return;
        }
        if self.recalls.contains(&key) || (self.has_capacity() && self.must_recall(&key)) {
            return self.recalls.add(key, index, target);
        }
        let Some(slot) = self.has_capacity().then(|| self.free_slot()).flatten() else {
            if !rejection_counted {
                self.dropped.add(DropReason::MaxJobs, 1);
            }
            if self.sources.waiting.len() < MAX_WAITING {
                self.sources.waiting.push_back((index, target));
            }
            return;
        };
        let Some(api) = self.bots.get(bot).map(|bot| bot.api) else { return };
        let mut known = self.take_remembered(&key);
        if let Some(known) = &mut known {
            self.forget_lost_share(known);
        }
        let campaign = self.enter_campaign(bot, target.campaign);
        let mut entry = match known {
            Some(mut known) => {
                known.job.campaign = campaign;
                known.job.labels = target.labels;
                known.job.api = api;
                known
            }
            None => Entry::new(Job::new(key.clone(), api, campaign, target.labels), now),
        };
        entry.sources = vec![index];
        entry.orphaned_since = None;
        self.insert(slot, entry);
        self.mark_dirty(slot);
    }

    /// A source names a job that is tracked. The labels are those of the source with the longest reference.
    pub(super) fn update_reference(&mut self, slot: JobSlot, index: SourceIndex, target: Target) {
        self.orphaned.remove(&slot);
        let Some(entry) = self.entry_mut(slot) else { return };
        entry.orphaned_since = None;
        if !entry.sources.contains(&index) {
            entry.sources.push(index);
            self.mark_dirty(slot);
        }
        let Some(entry) = self.entry_mut(slot) else { return };
        if entry.sources.first() != Some(&index) {
            return;
        }
        if entry.job.labels != target.labels {
            entry.job.labels = target.labels;
            self.note(Change::Changed(slot));
        }
        let Some(job) = self.job(slot) else { return };
        let (bot, before) = (job.key.bot.clone(), job.campaign.clone());
        let stays_other = before.as_ref().is_some_and(|before| before.as_str() == OTHER_CAMPAIGN)
            && target.campaign.as_ref().is_some_and(|campaign| !self.admits_campaign(&bot, campaign));
        if before != target.campaign && !stays_other {
            let campaign = self.enter_campaign(&bot, target.campaign);
            self.leave_campaign(&bot, before.as_ref());
            if let Some(entry) = self.entry_mut(slot) {
                entry.job.campaign = campaign;
            }
            self.note(Change::Changed(slot));
        }
    }

    pub(super) fn drop_reference(&mut self, slot: JobSlot, index: SourceIndex, now: Timestamp) {
        let Some(entry) = self.entry_mut(slot) else { return };
        entry.sources.retain(|source| *source != index);
        if entry.sources.is_empty() {
            entry.orphaned_since = Some(now);
            self.orphaned.insert(slot);
        }
        self.mark_dirty(slot);
    }

    /// Removes a job and its series, and remembers its counts.
    pub(super) fn remove(&mut self, slot: JobSlot) {
        let Some(mut entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::take) else { return };
        self.orphaned.remove(&slot);
        self.index.remove(&entry.job.key);
        self.leave_campaign(&entry.job.key.bot, entry.job.campaign.as_ref());
        if entry.job.state == JobState::Polling {
            // It is not polled any more; what it counted stays.
            let mut counted = Counted { dropped: &mut self.dropped, dirty: &mut self.dirty, now: self.now };
            self.campaigns.settle(&mut entry, false, &mut counted);
        }
        entry.sources = Vec::new();
        entry.orphaned_since = None;
        entry.history = JobHistory::default();
        Dirty::mark_job(&mut self.dirty, &entry.job.key);
        if self.bots.contains_key(&entry.job.key.bot) {
            self.retire(entry);
        }
        self.changes.push(Change::Removed(slot));
        self.job_states_changed = true;
    }

    /// Inserts a job into its slot, and schedules its deadline or expiry.
    pub(super) fn insert(&mut self, slot: JobSlot, entry: Entry) {
        let Settings { retention, job_deadline, .. } = self.settings;
        self.expiries.extend(entry.expires_at(retention, job_deadline).map(|at| Reverse((at, slot))));
        if matches!(entry.job.state, JobState::Polling | JobState::Gone) {
            self.deadlines.push(Reverse((entry.added.plus(job_deadline), slot)));
        }
        if let Some(vacant) = self.entries.get_mut(slot.index() as usize) {
            self.index.insert(entry.job.key.clone(), slot);
            *vacant = Some(entry);
            self.settle(slot);
            self.changes.push(Change::Added(slot));
            self.job_states_changed = true;
        }
        self.prune_timers();
    }

    pub(super) fn free_slot(&mut self) -> Option<JobSlot> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        let slot = u32::try_from(self.entries.len()).ok()?;
        self.entries.push(None);
        Some(JobSlot::new(slot))
    }
}
