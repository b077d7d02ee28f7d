//! How jobs enter and leave campaigns, and how campaigns expire.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::campaign_entry::CampaignEntry;
use super::campaigns::{Counted, MAX_CAMPAIGN_CHANNELS, OTHER_CAMPAIGN, initialise};
use super::dirty::Dirty;
use super::entry::Entry;
use super::store::{Change, Store};
use crate::model::{
    BotName, Campaign, CampaignKey, CampaignShare, DropReason, HistoryPoint, JobSlot, JobState, LabelValue, Timestamp,
};

/// How often expired campaigns are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

impl Store {
    /// All campaigns, by bot and name.
    pub fn campaigns(&self) -> impl Iterator<Item = &Arc<Campaign>> {
        self.campaigns.table.values().map(|entry| &entry.campaign)
    }

    /// One campaign.
    pub fn campaign(&self, key: &CampaignKey) -> Option<&Campaign> {
        self.campaigns.table.get(key).map(|entry| entry.campaign.as_ref())
    }

    /// One campaign, shared, and its course since the start of this process.
    pub fn campaign_with_history(&self, key: &CampaignKey) -> Option<(Arc<Campaign>, Vec<HistoryPoint>)> {
        let entry = self.campaigns.table.get(key)?;
        Some((entry.campaign.clone(), entry.history.points().to_vec()))
    }

    /// The campaigns that changed, are new or were removed since the last call.
    pub fn take_changed_campaigns(&mut self) -> BTreeSet<CampaignKey> {
        std::mem::take(&mut self.campaigns.changed)
    }

    /// Sets when a polled job is expected to end.
    pub fn set_expected_end(&mut self, slot: JobSlot, end: Option<Timestamp>) {
        let Some(entry) = self.entry_mut(slot).filter(|entry| entry.job.state == JobState::Polling) else { return };
        if entry.job.expected_end != end {
            entry.job.expected_end = end;
            self.note(Change::Changed(slot));
        }
    }

    /// Makes the campaigns agree with a tracked job.
    pub(super) fn settle(&mut self, slot: JobSlot) {
        let Some(entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::as_mut) else { return };
        let mut counted = Counted { dropped: &mut self.dropped, dirty: &mut self.dirty, now: self.now };
        self.campaigns.settle(entry, true, &mut counted);
    }

    /// A tracked job enters a campaign; returns the campaign that it gets.
    pub(super) fn enter_campaign(&mut self, bot: &BotName, name: Option<LabelValue>) -> Option<LabelValue> {
        let mut key = CampaignKey { bot: bot.clone(), name: name? };
        if !self.campaigns.admits(&key) {
            self.dropped.add(DropReason::MaxCampaigns, 1);
            key.name = LabelValue::parse(OTHER_CAMPAIGN).ok()?;
        }
        self.ensure_campaign(&key, self.now);
        if let Some(entry) = self.campaigns.table.get_mut(&key) {
            self.campaigns.idle -= usize::from(entry.tracked == 0);
            entry.tracked += 1;
        }
        Some(key.name)
    }

    /// Whether a job can enter this campaign.
    pub(super) fn admits_campaign(&self, bot: &BotName, name: &LabelValue) -> bool {
        self.campaigns.admits(&CampaignKey { bot: bot.clone(), name: name.clone() })
    }

    /// A tracked job leaves its campaign.
    pub(super) fn leave_campaign(&mut self, bot: &BotName, name: Option<&LabelValue>) {
        let Some(name) = name else { return };
        let key = CampaignKey { bot: bot.clone(), name: name.clone() };
        if let Some(entry) = self.campaigns.table.get_mut(&key) {
            entry.tracked = entry.tracked.saturating_sub(1);
            self.campaigns.idle += usize::from(entry.tracked == 0);
        }
    }

    /// Creates a campaign if it is new, with the configured channels of its bot initialised to 0.
    fn ensure_campaign(&mut self, key: &CampaignKey, now: Timestamp) {
        if self.campaigns.table.contains_key(key) {
            return;
        }
        self.campaigns.make_room(&mut self.dropped, &mut self.dirty);
        let mut campaign = Campaign::new(key.clone(), now);
        let configured = self.bots.get(&key.bot).map(|bot| bot.channels.as_slice()).unwrap_or_default();
        for channel in configured.iter().take(MAX_CAMPAIGN_CHANNELS) {
            initialise(&mut campaign, channel, now);
        }
        self.campaigns.insert(campaign, &mut self.dirty);
    }

    /// Removes campaigns whose retention is over.
    pub(super) fn expire_campaigns(&mut self, now: Timestamp) {
        if now < self.campaigns.next_sweep {
            return;
        }
        self.campaigns.next_sweep = now.plus(SWEEP_INTERVAL);
        let retention = self.settings.campaign_retention;
        let over = |entry: &CampaignEntry| entry.tracked == 0 && entry.campaign.last_change.plus(retention) <= now;
        let expired = self.campaigns.table.iter().filter(|(_, entry)| over(entry));
        for key in expired.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.campaigns.remove(&key, &mut self.dirty);
        }
    }

    /// Removes the campaigns of bots that are not configured any more.
    pub(super) fn remove_foreign_campaigns(&mut self) {
        let foreign = self.campaigns.table.keys().filter(|key| !self.bots.contains_key(&key.bot));
        for key in foreign.cloned().collect::<Vec<_>>() {
            self.campaigns.remove(&key, &mut self.dirty);
        }
    }

    /// Continues with the campaigns of an earlier run; those of bots that are not configured are to be deleted.
    pub(super) fn restore_campaigns(&mut self, campaigns: Vec<Campaign>) {
        for campaign in campaigns {
            if self.bots.contains_key(&campaign.key.bot) {
                self.campaigns.insert(campaign, &mut None);
            } else {
                Dirty::mark_campaign(&mut self.dirty, &campaign.key);
            }
        }
    }

    /// A job returns whose campaign has expired meanwhile: the campaign begins again.
    pub(super) fn forget_lost_share(&self, entry: &mut Entry) {
        let bot = &entry.job.key.bot;
        let lost = |share: &CampaignShare| {
            let key = CampaignKey { bot: bot.clone(), name: share.campaign.clone() };
            !self.campaigns.table.contains_key(&key)
        };
        if entry.share.as_ref().is_some_and(lost) {
            entry.share = None;
        }
    }

    /// Makes the campaigns agree with a job of an earlier run that has no series.
    pub(super) fn settle_retired(&mut self, entry: &mut Entry, now: Timestamp) {
        if let Some(name) = entry.job.campaign.clone().filter(|_| entry.campaign_since.is_none()) {
            let key = CampaignKey { bot: entry.job.key.bot.clone(), name };
            if self.campaigns.admits(&key) {
                self.ensure_campaign(&key, now);
            }
            Dirty::mark_job(&mut self.dirty, &entry.job.key);
        }
        let member = entry.job.state != JobState::Polling;
        let mut counted = Counted { dropped: &mut self.dropped, dirty: &mut self.dirty, now };
        self.campaigns.settle(entry, member, &mut counted);
    }
}
