//! What differs from the database.

use std::collections::HashSet;

use super::remembered::Digest;
use crate::model::{BotName, CampaignKey, JobKey};

/// Jobs, bots and campaigns that changed since the last batch. Bounded by those that are tracked and remembered, plus
/// those that were deleted since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Jobs; one that [`super::Store::persisted_job`] does not return is to be deleted.
    pub jobs: HashSet<JobKey>,
    /// Bots; one that [`super::Store::persisted_counters`] does not return is to be deleted.
    pub bots: HashSet<BotName>,
    /// Campaigns; one that [`super::Store::campaign`] does not return is to be deleted.
    pub campaigns: HashSet<CampaignKey>,
    /// Bots that were removed: their remembered jobs are to be deleted, before anything else is written.
    pub removed_bots: HashSet<BotName>,
    /// Remembered jobs to be deleted, before jobs are written.
    pub forgotten: HashSet<(BotName, Digest)>,
    /// Bots whose gone jobs are to be marked as revived, before jobs are written.
    pub revived_bots: HashSet<BotName>,
}

impl Dirty {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
            && self.bots.is_empty()
            && self.campaigns.is_empty()
            && self.removed_bots.is_empty()
            && self.forgotten.is_empty()
            && self.revived_bots.is_empty()
    }

    pub(super) fn mark_job(dirty: &mut Option<Self>, key: &JobKey) {
        if let Some(dirty) = dirty
            && !dirty.jobs.contains(key)
        {
            dirty.jobs.insert(key.clone());
        }
    }

    pub(super) fn mark_revived(dirty: &mut Option<Self>, bot: &BotName) {
        if let Some(dirty) = dirty {
            dirty.revived_bots.insert(bot.clone());
        }
    }

    pub(super) fn mark_campaign(dirty: &mut Option<Self>, key: &CampaignKey) {
        if let Some(dirty) = dirty
            && !dirty.campaigns.contains(key)
        {
            dirty.campaigns.insert(key.clone());
        }
    }

    pub(super) fn mark_bot(dirty: &mut Option<Self>, name: &BotName) {
        if let Some(dirty) = dirty
            && !dirty.bots.contains(name)
        {
            dirty.bots.insert(name.clone());
        }
    }
}
