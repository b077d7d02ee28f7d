//! One job with the store's bookkeeping.

use std::time::Duration;

use enum_map::EnumMap;

use super::sources::SourceIndex;
use crate::model::{
    CampaignShare, ChannelTally, EntityTag, EntryStatus, Inconsistency, Job, JobHistory, JobState, Outcome, Timestamp,
    UnrecognizedKind,
};

/// A tracked job and its bookkeeping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The published values.
    pub job: Job,
    /// When a source first named it; `job_deadline` starts here.
    pub(super) added: Timestamp,
    /// When it left the state `polling`; `retention` starts here.
    pub(super) ended: Option<Timestamp>,
    /// When the last poll ended, whatever its outcome.
    pub(super) last_poll: Option<Timestamp>,
    /// The outcome of the last poll, if it failed, and since when polls fail.
    pub(super) failing: Option<(Outcome, Timestamp)>,
    /// Consecutive polls with the outcome [`crate::model::Outcome::NotFound`].
    pub(super) misses: u8,
    /// Time of the first of them. A restart starts it again.
    pub(super) not_found_since: Option<Timestamp>,
    /// The highest counts of each channel, if they differ from `job.tallies`; of the status UNKNOWN the entries that were
    /// counted as such.
    pub(super) counted: Option<Box<[ChannelTally]>>,
    /// Kinds of inconsistency that were counted for this job; each kind is counted once per job.
    pub(super) inconsistencies: EnumMap<Inconsistency, bool>,
    /// Unrecognized values that were counted for this job.
    pub(super) unrecognized: EnumMap<UnrecognizedKind, u32>,
    /// The sources that name it, longest reference first.
    pub(super) sources: Vec<SourceIndex>,
    /// Since when no source names it.
    pub(super) orphaned_since: Option<Timestamp>,
    /// When its counts were added to its first campaign.
    pub(super) campaign_since: Option<Timestamp>,
    /// What it adds to the sums of its campaign now.
    pub(super) share: Option<CampaignShare>,
    /// The validator of its last report; in memory only, while it is running.
    pub(super) entity_tag: Option<EntityTag>,
    /// Its last reports; in memory only, while it has series.
    pub(super) history: JobHistory,
}

impl Entry {
    pub(super) fn new(job: Job, now: Timestamp) -> Self {
        Self {
            job,
            added: now,
            ended: None,
            last_poll: None,
            failing: None,
            misses: 0,
            not_found_since: None,
            counted: None,
            inconsistencies: EnumMap::default(),
            unrecognized: EnumMap::default(),
            sources: Vec::new(),
            orphaned_since: None,
            campaign_since: None,
            share: None,
            entity_tag: None,
            history: JobHistory::default(),
        }
    }

    /// When the last poll ended, whatever its outcome.
    pub fn last_poll(&self) -> Option<Timestamp> {
        self.last_poll
    }

    /// Its last reports since the start of this process.
    pub fn history(&self) -> &JobHistory {
        &self.history
    }

    /// The outcome of the last poll, if it failed, and since when polls fail. It is not persisted.
    pub fn failing(&self) -> Option<(Outcome, Timestamp)> {
        self.failing
    }

    /// When its series expire; `None` before its end. A gone job is polled until `job_deadline`, and has series as long.
    pub(super) fn expires_at(&self, retention: Duration, job_deadline: Duration) -> Option<Timestamp> {
        let retained = self.ended?.plus(retention);
        Some(match self.job.state {
            JobState::Gone => retained.max(self.added.plus(job_deadline)),
            JobState::Polling | JobState::Finished | JobState::Abandoned => retained,
        })
    }

    /// Ends the state `gone`.
    pub(super) fn revive(&mut self) {
        self.job.state = JobState::Polling;
        self.ended = None;
        self.misses = 0;
        self.not_found_since = None;
    }

    /// Marks the entries of unknown status as counted. Returns those that were not counted before.
    pub(super) fn count_unknown(&mut self) -> Vec<ChannelTally> {
        let mut added = Vec::new();
        // Without separate marks everything was counted.
        let Some(mut counted) = self.counted.take() else { return added };
        for tally in &self.job.tallies {
            let Some(mark) = counted.iter_mut().find(|mark| mark.channel == tally.channel) else { continue };
            let unknown = tally.entries[EntryStatus::Unknown];
            let new = unknown.saturating_sub(mark.entries[EntryStatus::Unknown]);
            if new > 0 {
                mark.entries[EntryStatus::Unknown] = unknown;
                let mut plus = ChannelTally::new(tally.channel.clone());
                plus.entries[EntryStatus::Unknown] = new;
                added.push(plus);
            }
        }
        self.counted = marks(counted.into_vec(), self.job.tallies.clone());
        added
    }

    /// The highest counts of each channel in all reports.
    pub(super) fn counted(&self) -> &[ChannelTally] {
        self.counted.as_deref().unwrap_or(&self.job.tallies)
    }

    /// Marks a kind of inconsistency as counted; `true` the first time.
    pub(super) fn mark_counted(&mut self, kind: Inconsistency) -> bool {
        !std::mem::replace(&mut self.inconsistencies[kind], true)
    }
}

/// What is stored of the highest counts: nothing if they are those of the last report, as for most jobs.
pub(super) fn marks(mut counted: Vec<ChannelTally>, mut seen: Vec<ChannelTally>) -> Option<Box<[ChannelTally]>> {
    counted.sort_by(|a, b| a.channel.cmp(&b.channel));
    seen.sort_by(|a, b| a.channel.cmp(&b.channel));
    (counted != seen).then(|| counted.into_boxed_slice())
}
