//! One campaign with the store's bookkeeping.

use std::collections::BTreeMap;
use std::sync::Arc;

use enum_map::EnumMap;

use crate::model::{Campaign, CampaignHistory, CampaignShare, HistoryPoint, JobState, Timestamp};

/// A campaign and its bookkeeping.
#[derive(Debug)]
pub(super) struct CampaignEntry {
    /// Shared with readers; copied when it changes while a reader has it.
    pub(super) campaign: Arc<Campaign>,
    /// Tracked jobs. A campaign that has any does not expire.
    pub(super) tracked: usize,
    /// The expected ends of its polled jobs, with the number of jobs.
    ends: BTreeMap<Timestamp, u64>,
    /// Its course, in memory only.
    pub(super) history: CampaignHistory,
}

impl CampaignEntry {
    pub(super) fn new(campaign: Campaign) -> Self {
        Self { campaign: Arc::new(campaign), tracked: 0, ends: BTreeMap::new(), history: CampaignHistory::default() }
    }

    pub(super) fn add(&mut self, share: &CampaignShare) {
        Arc::make_mut(&mut self.campaign).totals.add(share);
        if let Some(end) = share.expected_end {
            *self.ends.entry(end).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, share: &CampaignShare) {
        Arc::make_mut(&mut self.campaign).totals.remove(share);
        if let Some(end) = share.expected_end
            && let Some(jobs) = self.ends.get_mut(&end)
        {
            *jobs = jobs.saturating_sub(1);
            if *jobs == 0 {
                self.ends.remove(&end);
            }
        }
    }

    /// The end of the campaign is foreseen when the end of every polled job is.
    pub(super) fn foresee(&mut self) {
        let polled = self.campaign.totals.jobs[JobState::Polling];
        let foreseen: u64 = self.ends.values().sum();
        let end = if foreseen == polled { self.ends.last_key_value().map(|(end, _)| *end) } else { None };
        if self.campaign.expected_end != end {
            Arc::make_mut(&mut self.campaign).expected_end = end;
        }
    }

    /// Adds the numbers of this time to its course.
    pub(super) fn remember(&mut self, at: Timestamp) {
        let entries = EnumMap::from_fn(|status| self.campaign.entries(status));
        let completion = self.campaign.totals.completion();
        self.history.push(HistoryPoint { at, status: None, completion, entries });
    }
}
