//! A campaign: many jobs that belong together, counted as one.

use std::collections::BTreeMap;
use std::time::Duration;

use enum_map::EnumMap;

use super::{
    BotName, Channel, CreationTimes, EntryStatus, Job, JobNumber, JobState, LabelValue, Reason, TerminalStatus,
    Timestamp,
};

/// One campaign of one bot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CampaignKey {
    /// The bot that sends it.
    pub bot: BotName,
    /// The label `campaign` of its jobs.
    pub name: LabelValue,
}

/// Everything that is published about one campaign. It outlives the series of its jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// Bot and name.
    pub key: CampaignKey,
    /// Log entries by channel and status, each counted once.
    pub notifications: BTreeMap<Channel, EnumMap<EntryStatus, u64>>,
    /// FAILURE entries by channel and reason, each counted once.
    pub failures: BTreeMap<(Channel, Reason), u64>,
    /// Finished jobs.
    pub jobs_finished: EnumMap<TerminalStatus, u64>,
    /// When the counters began.
    pub created: CreationTimes,
    /// Jobs, sizes and completion, summed over the jobs.
    pub totals: CampaignTotals,
    /// Time of the earliest log entry.
    pub first_entry: Option<Timestamp>,
    /// Time of the latest log entry.
    pub last_entry: Option<Timestamp>,
    /// When a job or a count last changed.
    pub last_change: Timestamp,
    /// When the last of its jobs is expected to end; `None` if that cannot be foreseen, or no job is polled. Computed.
    pub expected_end: Option<Timestamp>,
}

impl Campaign {
    /// A campaign without jobs.
    pub fn new(key: CampaignKey, now: Timestamp) -> Self {
        Self {
            key,
            notifications: BTreeMap::new(),
            failures: BTreeMap::new(),
            jobs_finished: EnumMap::default(),
            created: CreationTimes::new(now),
            totals: CampaignTotals::default(),
            first_entry: None,
            last_entry: None,
            last_change: now,
            expected_end: None,
        }
    }

    /// Log entries of one status, on all channels.
    pub fn entries(&self, status: EntryStatus) -> u64 {
        self.notifications.values().fold(0, |sum, counts| sum.saturating_add(counts[status]))
    }

    /// The time from the first log entry to the last.
    pub fn duration(&self) -> Option<Duration> {
        Some(self.last_entry?.since(self.first_entry?))
    }

    /// Delivered log entries as a share of all that have an outcome, 0..=1; `None` before the first.
    pub fn delivered_ratio(&self) -> Option<f64> {
        let (delivered, failed) = (self.entries(EntryStatus::Success), self.entries(EntryStatus::Failure));
        let all = delivered.saturating_add(failed);
        (all > 0).then(|| delivered as f64 / all as f64)
    }
}

/// Sums over the jobs of a campaign. What a job adds is exactly what it takes away when it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CampaignTotals {
    /// Jobs, also those whose own series have expired.
    pub jobs: EnumMap<JobState, u64>,
    /// Jobs that say how many recipients they have.
    pub sized: u64,
    /// The recipients of those jobs.
    pub recipients: u128,
    /// Jobs of known size and completion.
    pub weighted: CompletionSum,
    /// Recipients of the jobs in `weighted`.
    pub weight: u128,
    /// Jobs of known completion and unknown size.
    pub unweighted: CompletionSum,
    /// Jobs of unknown completion.
    pub unknown: u64,
}

/// A sum of completions in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompletionSum {
    /// Jobs in the sum.
    pub jobs: u64,
    /// The sum, weighted or not.
    pub millionths: u128,
}

const MILLION: f64 = 1e6;

impl CampaignTotals {
    /// Adds a job.
    pub fn add(&mut self, share: &CampaignShare) {
        self.apply(share, u64::saturating_add, u128::saturating_add);
    }

    /// Takes away what [`Self::add`] added.
    pub fn remove(&mut self, share: &CampaignShare) {
        self.apply(share, u64::saturating_sub, u128::saturating_sub);
    }

    fn apply(&mut self, share: &CampaignShare, one: fn(u64, u64) -> u64, sum: fn(u128, u128) -> u128) {
        let jobs = &mut self.jobs[share.state];
        *jobs = one(*jobs, 1);
        let size = share.recipients.map(u128::from);
        if let Some(size) = size {
            self.sized = one(self.sized, 1);
            self.recipients = sum(self.recipients, size);
        }
        match (share.completion, size) {
            (Completion::None, _) => {}
            (Completion::Unknown, _) => self.unknown = one(self.unknown, 1),
            (Completion::Millionths(part), Some(size)) => {
                self.weighted.jobs = one(self.weighted.jobs, 1);
                self.weighted.millionths = sum(self.weighted.millionths, size.saturating_mul(u128::from(part)));
                self.weight = sum(self.weight, size);
            }
            (Completion::Millionths(part), None) => {
                self.unweighted.jobs = one(self.unweighted.jobs, 1);
                self.unweighted.millionths = sum(self.unweighted.millionths, u128::from(part));
            }
        }
    }

    /// The number of recipients; `None` if no job says how many it has.
    pub fn recipients(&self) -> Option<u64> {
        (self.sized > 0).then(|| u64::try_from(self.recipients).unwrap_or(u64::MAX))
    }

    /// Jobs in all states.
    pub fn all_jobs(&self) -> u64 {
        self.jobs.values().sum()
    }

    /// The completed share, 0..=1, weighted by recipients; a job of unknown size counts as one of average size. `None` if
    /// a job does not say how far it is, or no job does.
    pub fn completion(&self) -> Option<f64> {
        let average = if self.weighted.jobs > 0 { self.weight as f64 / self.weighted.jobs as f64 } else { 1.0 };
        let all = self.weight as f64 + average * self.unweighted.jobs as f64;
        let done = self.weighted.millionths as f64 + average * self.unweighted.millionths as f64;
        (self.unknown == 0 && all > 0.0).then(|| (done / MILLION / all).clamp(0.0, 1.0))
    }
}

/// What one job adds to the sums of its campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignShare {
    /// The campaign.
    pub campaign: LabelValue,
    /// The polling state of the job.
    pub state: JobState,
    /// Its recipients.
    pub recipients: Option<u64>,
    /// How far it is.
    pub completion: Completion,
    /// When it is expected to end, while it is polled.
    pub expected_end: Option<Timestamp>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// In millionths: 0 before the first report; 1,000,000 for a finished job whose API does not say.
    Millionths(u32),
    /// The job is under way, and its API does not say how far it is (V2).
    Unknown,
    /// The job is not polled any more, and never said how far it was.
    None,
}

impl CampaignShare {
    /// The share of a job; `None` if it has no campaign.
    pub fn of(job: &Job) -> Option<Self> {
        let campaign = job.campaign.clone()?;
        let completion = match (job.completion, job.state) {
            // Both bounds hold by construction; the cast cannot lose anything but a fraction.
            (Some(part), _) => Completion::Millionths((part.clamp(0.0, 1.0) * MILLION).round() as u32),
            (None, JobState::Finished) => Completion::Millionths(1_000_000),
            (None, JobState::Polling) if job.last_poll_success.is_none() => Completion::Millionths(0),
            (None, JobState::Polling) => Completion::Unknown,
            (None, JobState::Gone | JobState::Abandoned) => Completion::None,
        };
        let expected_end = job.expected_end.filter(|_| job.state == JobState::Polling);
        let recipients = job.numbers[JobNumber::Recipients];
        Some(Self { campaign, state: job.state, recipients, completion, expected_end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(recipients: Option<u64>, completion: Completion) -> CampaignShare {
        let campaign = LabelValue::parse("spring").unwrap();
        CampaignShare { campaign, state: JobState::Polling, recipients, completion, expected_end: None }
    }

    #[test]
    fn completion_is_weighted_by_recipients() {
        let mut totals = CampaignTotals::default();
        assert_eq!(totals.completion(), None, "no job");
        totals.add(&share(Some(900), Completion::Millionths(1_000_000)));
        totals.add(&share(Some(100), Completion::Millionths(0)));
        assert_eq!((totals.completion(), totals.recipients()), (Some(0.9), Some(1000)));
        totals.add(&share(None, Completion::Millionths(500_000)));
        let with_average = (900.0 + 0.5 * 500.0) / 1500.0;
        assert!((totals.completion().unwrap() - with_average).abs() < 1e-9);
        totals.add(&share(Some(5), Completion::Unknown));
        assert_eq!(totals.completion(), None, "a job does not say how far it is");
    }

    #[test]
    fn a_job_takes_away_what_it_added_whatever_its_size() {
        let shares = [
            share(Some(u64::MAX), Completion::Millionths(999_999)),
            share(None, Completion::Millionths(1)),
            share(Some(3), Completion::Unknown),
            share(Some(0), Completion::None),
        ];
        let mut totals = CampaignTotals::default();
        shares.iter().for_each(|share| totals.add(share));
        shares.iter().for_each(|share| totals.remove(share));
        assert_eq!(totals, CampaignTotals::default());
    }
}
