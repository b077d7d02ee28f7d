//! What sources and the job API want, and what becomes of jobs that nobody wants any more.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::Entry;
use super::bot::MAX_CAMPAIGNS;
use super::dirty::Dirty;
use super::sources::{MAX_WAITING, SourceIndex};
use super::store::{Change, RegisterError, Registered, Store};
use crate::model::{
    BotName, DropReason, Job, JobKey, JobSlot, LabelValue, SourceId, SourceKind, Target, TargetUpdate, Timestamp,
};

/// The campaign of jobs whose own is beyond [`MAX_CAMPAIGNS`].
const OTHER_CAMPAIGN: &str = "other";

impl Store {
    /// Takes what a source says now.
    pub fn apply(&mut self, update: TargetUpdate, now: Timestamp) {
        // What a source of an earlier configuration still had to say is passed over.
        let Some(index) = self.sources.find(&update.source) else { return };
        let Some(source) = self.sources.get_mut(index) else { return };
        source.up = update.up;
        self.dropped.add(DropReason::InvalidTarget, update.invalid.saturating_sub(source.invalid));
        source.invalid = update.invalid;
        if let Some(targets) = update.targets {
            source.targets = u64::try_from(targets.len()).unwrap_or(u64::MAX);
            let named: HashSet<&str> = targets.iter().map(|target| target.id.as_str()).collect();
            let mut unnamed = Vec::new();
            for slot in self.slots() {
                // A source of which a part cannot be read takes nothing away: that part may name it.
                if let Some(entry) = self.entry(slot).filter(|_| update.up)
                    && entry.wanted_by.contains(&index)
                    && !named.contains(entry.job.key.id.as_str())
                {
                    unnamed.push(slot);
                }
            }
            for slot in unnamed {
                self.drop_reference(slot, index, now);
            }
            let was_waiting: HashSet<crate::model::RequestId> = self
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

    /// Takes one job in through the job API. After the last of several, [`Self::recount`] is due.
    pub fn register(&mut self, bot: &BotName, target: Target, now: Timestamp) -> Result<Registered, RegisterError> {
        if !self.bots.contains_key(bot) {
            return Err(RegisterError::UnknownBot);
        }
        let key = JobKey { bot: bot.clone(), id: target.id.clone() };
        let known = self.index.contains_key(&key) || self.is_over(&key, now);
        if !known && self.index.len() >= self.settings.max_jobs {
            self.dropped.add(DropReason::MaxJobs, 1);
            return Err(RegisterError::Full);
        }
        let source = SourceId { bot: bot.clone(), kind: SourceKind::Api, name: "api".into() };
        if let Some(index) = self.sources.place(&source) {
            self.add_reference(index, bot, target, true, now);
        }
        Ok(if known { Registered::Known } else { Registered::New })
    }

    /// Forgets a job that the job API took in: its series go at once unless another source wants it. What was counted is
    /// remembered, so that a job taken in again is not counted again. `false`: there was none.
    pub fn forget(&mut self, key: &JobKey, now: Timestamp) -> bool {
        let Some(slot) = self.index.get(key).copied() else { return false };
        let source = SourceId { bot: key.bot.clone(), kind: SourceKind::Api, name: "api".into() };
        let Some(index) = self.sources.place(&source) else { return false };
        let Some(entry) = self.entry(slot) else { return false };
        if !entry.wanted_by.contains(&index) {
            return false;
        }
        self.drop_reference(slot, index, now);
        if self.orphaned.contains(&slot) {
            self.remove(slot);
        }
        self.count_sources();
        true
    }

    /// Whether a job was followed to its end and its series have expired: it is not taken in again.
    pub(super) fn is_over(&self, key: &JobKey, now: Timestamp) -> bool {
        let ended = self.retired.get(key).and_then(|entry| entry.ended);
        ended.is_some_and(|ended| ended.plus(self.settings.retention) <= now)
    }

    /// A source names a target. `refused_before`: that it has no room was counted already, or is told otherwise.
    pub(super) fn add_reference(
        &mut self,
        index: SourceIndex,
        bot: &BotName,
        target: Target,
        refused_before: bool,
        now: Timestamp,
    ) {
        let key = JobKey { bot: bot.clone(), id: target.id.clone() };
        if let Some(slot) = self.index.get(&key).copied() {
            self.update_reference(slot, index, target);
            return;
        }
        if self.is_over(&key, now) {
            return;
        }
        let Some(slot) = (self.index.len() < self.settings.max_jobs).then(|| self.free_slot()).flatten() else {
            if !refused_before {
                self.dropped.add(DropReason::MaxJobs, 1);
            }
            if self.sources.waiting.len() < MAX_WAITING {
                self.sources.waiting.push_back((index, target));
            }
            return;
        };
        let Some(api) = self.bots.get(bot).map(|bot| bot.api()) else { return };
        let campaign = self.enter_campaign(target.campaign);
        let mut entry = match self.retired.take(&key) {
            Some(mut known) => {
                known.job.campaign = campaign;
                known.job.labels = target.labels;
                known.job.api = api;
                known
            }
            None => Entry::new(Job::new(key.clone(), api, campaign, target.labels), now),
        };
        entry.wanted_by = vec![index];
        entry.unwanted_since = None;
        self.insert(slot, entry);
        self.mark_dirty(slot);
    }

    /// A source names a job that is followed. Its labels are those of the source that has wanted it longest.
    pub(super) fn update_reference(&mut self, slot: JobSlot, index: SourceIndex, target: Target) {
        self.orphaned.remove(&slot);
        let Some(entry) = self.entry_mut(slot) else { return };
        entry.unwanted_since = None;
        if !entry.wanted_by.contains(&index) {
            entry.wanted_by.push(index);
            self.mark_dirty(slot);
        }
        let Some(entry) = self.entry_mut(slot) else { return };
        if entry.wanted_by.first() != Some(&index) {
            return;
        }
        if entry.job.labels != target.labels {
            entry.job.labels = target.labels;
            self.note(Change::Changed(slot));
        }
        let Some(before) = self.entry(slot).map(|entry| entry.job.campaign.clone()) else { return };
        let stays_other = before.as_ref().is_some_and(|before| before.as_str() == OTHER_CAMPAIGN)
            && target.campaign.as_ref().is_some_and(|campaign| !self.admits_campaign(campaign));
        if before != target.campaign && !stays_other {
            let campaign = self.enter_campaign(target.campaign);
            self.leave_campaign(before.as_ref());
            if let Some(entry) = self.entry_mut(slot) {
                entry.job.campaign = campaign;
            }
            self.note(Change::Changed(slot));
        }
    }

    pub(super) fn drop_reference(&mut self, slot: JobSlot, index: SourceIndex, now: Timestamp) {
        let Some(entry) = self.entry_mut(slot) else { return };
        entry.wanted_by.retain(|source| *source != index);
        if entry.wanted_by.is_empty() {
            entry.unwanted_since = Some(now);
            self.orphaned.insert(slot);
        }
        self.mark_dirty(slot);
    }

    /// Takes a job's series away and remembers what was counted of it.
    pub(super) fn remove(&mut self, slot: JobSlot) {
        let Some(mut entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::take) else { return };
        self.orphaned.remove(&slot);
        self.index.remove(&entry.job.key);
        self.leave_campaign(entry.job.campaign.as_ref());
        entry.wanted_by = Vec::new();
        entry.unwanted_since = None;
        Dirty::job(&mut self.dirty, &entry.job.key);
        if self.bots.contains_key(&entry.job.key.bot) {
            self.retire(entry);
        }
        self.changes.push(Change::Removed(slot));
        self.states_moved = true;
    }

    /// Remembers a job without series.
    pub(super) fn retire(&mut self, entry: Entry) {
        for forgotten in self.retired.insert(entry) {
            Dirty::job(&mut self.dirty, &forgotten);
        }
    }

    /// Puts a job into its slot; its deadline or expiry goes by the times that it has.
    pub(super) fn insert(&mut self, slot: JobSlot, entry: Entry) {
        match entry.ended {
            Some(ended) => self.expiries.push(Reverse((ended.plus(self.settings.retention), slot))),
            None => self.deadlines.push(Reverse((entry.added.plus(self.settings.job_deadline), slot))),
        }
        if let Some(place) = self.entries.get_mut(slot.index() as usize) {
            self.index.insert(entry.job.key.clone(), slot);
            *place = Some(entry);
            self.changes.push(Change::Added(slot));
            self.states_moved = true;
        }
    }

    pub(super) fn free_slot(&mut self) -> Option<JobSlot> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        let slot = u32::try_from(self.entries.len()).ok()?;
        self.entries.push(None);
        Some(JobSlot::new(slot))
    }

    pub(super) fn enter_campaign(&mut self, campaign: Option<LabelValue>) -> Option<LabelValue> {
        let mut campaign = campaign?;
        if !self.admits_campaign(&campaign) {
            self.dropped.add(DropReason::MaxCampaigns, 1);
            campaign = LabelValue::parse(OTHER_CAMPAIGN).ok()?;
        }
        *self.campaigns.entry(campaign.clone()).or_default() += 1;
        Some(campaign)
    }

    pub(super) fn admits_campaign(&self, campaign: &LabelValue) -> bool {
        self.campaigns.len() < MAX_CAMPAIGNS || self.campaigns.contains_key(campaign)
    }

    pub(super) fn leave_campaign(&mut self, campaign: Option<&LabelValue>) {
        let Some(campaign) = campaign else { return };
        if let Some(jobs) = self.campaigns.get_mut(campaign) {
            *jobs = jobs.saturating_sub(1);
            if *jobs == 0 {
                self.campaigns.remove(campaign);
            }
        }
    }
}
