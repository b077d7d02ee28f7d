//! The campaigns: jobs that belong together, counted as one. A campaign outlives its jobs.
//!
//! Each log entry is counted in one campaign: the one that its job has when the entry is counted. If a job gets another
//! campaign, later entries count there, and the job itself moves; what was counted stays where it is, because counters do
//! not fall. Entries of a job that had no campaign are counted in its first one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::campaign_entry::CampaignEntry;
use super::counting::count_tally;
use super::dirty::Dirty;
use super::dropped::Dropped;
use super::entry::Entry;
use crate::model::{
    Campaign, CampaignKey, CampaignShare, Channel, ChannelTally, DropReason, JobState, LabelValue, Reason,
    TerminalStatus, Timestamp,
};

/// Limit of campaigns over all bots. Beyond it, campaigns without tracked jobs make room, longest unchanged first; if
/// there is none, jobs of further campaigns carry the campaign `other`.
pub const MAX_CAMPAIGNS: usize = 10_000;

/// Limit of channels in one campaign; log entries on further ones are counted as `other`. The upstream documents six.
pub const MAX_CAMPAIGN_CHANNELS: usize = 16;

/// Campaigns that make room at once, so that looking for them is rare.
const EVICTED_AT_ONCE: usize = MAX_CAMPAIGNS / 100;

/// The campaign of jobs whose campaign is beyond [`MAX_CAMPAIGNS`].
pub(super) const OTHER_CAMPAIGN: &str = "other";

/// All campaigns.
#[derive(Debug, Default)]
pub(super) struct Campaigns {
    pub(super) table: BTreeMap<CampaignKey, CampaignEntry>,
    /// Changed, new or removed since `Store::take_changed_campaigns`.
    pub(super) changed: BTreeSet<CampaignKey>,
    /// Campaigns without tracked jobs.
    pub(super) idle: usize,
    pub(super) next_sweep: Timestamp,
}

impl Campaigns {
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.table.len(), self.changed.len())
    }

    fn get_mut(&mut self, key: &CampaignKey, dirty: &mut Option<Dirty>) -> Option<&mut CampaignEntry> {
        let entry = self.table.get_mut(key)?;
        if !self.changed.contains(key) {
            self.changed.insert(key.clone());
        }
        Dirty::mark_campaign(dirty, key);
        Some(entry)
    }

    pub(super) fn insert(&mut self, campaign: Campaign, dirty: &mut Option<Dirty>) {
        let key = campaign.key.clone();
        self.changed.insert(key.clone());
        Dirty::mark_campaign(dirty, &key);
        if self.table.insert(key, CampaignEntry::new(campaign)).is_none_or(|before| before.tracked > 0) {
            self.idle += 1;
        }
    }

    pub(super) fn remove(&mut self, key: &CampaignKey, dirty: &mut Option<Dirty>) {
        if let Some(removed) = self.table.remove(key) {
            self.idle -= usize::from(removed.tracked == 0);
            self.changed.insert(key.clone());
            Dirty::mark_campaign(dirty, key);
        }
    }

    pub(super) fn admits(&self, key: &CampaignKey) -> bool {
        self.table.len() < MAX_CAMPAIGNS
            || self.idle > 0
            || key.name.as_str() == OTHER_CAMPAIGN
            || self.table.contains_key(key)
    }

    /// Removes the longest unchanged campaigns without tracked jobs, if the table is full.
    pub(super) fn make_room(&mut self, dropped: &mut Dropped, dirty: &mut Option<Dirty>) {
        if self.table.len() < MAX_CAMPAIGNS {
            return;
        }
        let idle = self.table.iter().filter(|(_, entry)| entry.tracked == 0);
        let mut idle: Vec<_> = idle.map(|(key, entry)| (entry.campaign.last_change, key.clone())).collect();
        idle.sort_unstable();
        for (_, key) in idle.into_iter().take(EVICTED_AT_ONCE) {
            self.remove(&key, dirty);
            dropped.add(DropReason::MaxCampaigns, 1);
        }
    }

    /// Counts log entries that were not counted before.
    pub(super) fn count_entries(&mut self, key: &CampaignKey, added: &[ChannelTally], counted: &mut Counted<'_>) {
        if added.is_empty() {
            return;
        }
        let Some(entry) = self.get_mut(key, counted.dirty) else { return };
        let campaign = Arc::make_mut(&mut entry.campaign);
        for tally in added {
            let channel = limited(campaign, &tally.channel, counted.now);
            if channel != tally.channel {
                counted.dropped.add(DropReason::MaxChannels, tally.entries.values().sum());
            }
            let (notifications, failures) = (&mut campaign.notifications, &mut campaign.failures);
            count_tally(notifications, failures, &mut campaign.created, &channel, tally, counted.now);
        }
        campaign.last_change = campaign.last_change.max(counted.now);
    }

    /// Counts a finished job.
    pub(super) fn count_finished(&mut self, key: &CampaignKey, status: TerminalStatus, dirty: &mut Option<Dirty>) {
        if let Some(entry) = self.get_mut(key, dirty) {
            let finished = &mut Arc::make_mut(&mut entry.campaign).jobs_finished[status];
            *finished = finished.saturating_add(1);
        }
    }

    /// Widens the times of the first and the last log entry.
    pub(super) fn saw_entries(&mut self, key: &CampaignKey, first: Option<Timestamp>, last: Option<Timestamp>) {
        let Some(entry) = self.table.get_mut(key) else { return };
        let earliest = [entry.campaign.first_entry, first].into_iter().flatten().min();
        let latest = entry.campaign.last_entry.max(last);
        if (entry.campaign.first_entry, entry.campaign.last_entry) != (earliest, latest) {
            let campaign = Arc::make_mut(&mut entry.campaign);
            (campaign.first_entry, campaign.last_entry) = (earliest, latest);
        }
    }

    /// Adds the numbers of this time to the course of a campaign.
    pub(super) fn remember(&mut self, key: &CampaignKey, at: Timestamp) {
        if let Some(entry) = self.table.get_mut(key) {
            entry.remember(at);
        }
    }

    /// Makes the campaigns agree with a job: what it adds to the sums, and on its first campaign its counts so far.
    /// `member`: whether it is tracked, or has ended.
    pub(super) fn settle(&mut self, entry: &mut Entry, member: bool, counted: &mut Counted<'_>) {
        let share = CampaignShare::of(&entry.job).filter(|_| member);
        let first = entry.job.campaign.is_some() && entry.campaign_since.is_none();
        if share == entry.share && !first {
            return;
        }
        let bot = &entry.job.key.bot;
        let key_of = |name: &LabelValue| CampaignKey { bot: bot.clone(), name: name.clone() };
        if let Some(old) = entry.share.take()
            && let Some(entry) = self.get_mut(&key_of(&old.campaign), counted.dirty)
        {
            entry.remove(&old);
            entry.foresee();
        }
        if let Some(new) = &share
            && let Some(entry) = self.get_mut(&key_of(&new.campaign), counted.dirty)
        {
            entry.add(new);
            entry.foresee();
            let campaign = Arc::make_mut(&mut entry.campaign);
            campaign.last_change = campaign.last_change.max(counted.now);
        }
        entry.share = share;
        let key = entry.job.campaign.as_ref().map(key_of);
        if let Some(key) = key.filter(|_| first) {
            entry.campaign_since = Some(counted.now);
            self.absorb(&key, entry, counted);
        }
    }

    /// Counts what a job has counted so far.
    fn absorb(&mut self, key: &CampaignKey, entry: &Entry, counted: &mut Counted<'_>) {
        let mut tallies = entry.counted().to_vec();
        tallies.retain(|tally| tally.entries.values().any(|count| *count > 0));
        self.count_entries(key, &tallies, counted);
        self.saw_entries(key, entry.job.first_notification, entry.job.last_notification);
        if let Some(status) = entry.job.status.terminal().filter(|_| entry.job.state == JobState::Finished) {
            self.count_finished(key, status, counted.dirty);
        }
    }
}

/// What counting needs besides the campaign.
pub(super) struct Counted<'a> {
    pub(super) dropped: &'a mut Dropped,
    pub(super) dirty: &'a mut Option<Dirty>,
    pub(super) now: Timestamp,
}

/// The channel, or `other` if the campaign has too many. Initialises its series to 0.
fn limited(campaign: &mut Campaign, channel: &Channel, now: Timestamp) -> Channel {
    let full = campaign.notifications.len() >= MAX_CAMPAIGN_CHANNELS;
    let known = campaign.notifications.contains_key(channel);
    let channel = if full && !known { Channel::other() } else { channel.clone() };
    initialise(campaign, &channel, now);
    channel
}

/// Initialises the series of a channel to 0.
pub(super) fn initialise(campaign: &mut Campaign, channel: &Channel, now: Timestamp) {
    if !campaign.notifications.contains_key(channel) {
        campaign.notifications.insert(channel.clone(), Default::default());
        campaign.created.channels.insert(channel.clone(), now);
        campaign.failures.insert((channel.clone(), Reason::other()), 0);
        campaign.created.failures.insert((channel.clone(), Reason::other()), now);
    }
}
