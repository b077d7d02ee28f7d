//! A tracked job as users see it.

use std::sync::Arc;

use super::closed_set::closed_set;
use super::{ApiVersion, ChannelTally, JobKey, JobNumbers, JobStatus, LabelName, LabelValue, Timestamp};

closed_set! {
    /// The polling state of a job; the label `state` of `koreai_jobs`.
    pub enum JobState {
        /// The job is polled.
        Polling = "polling",
        /// The job has a terminal status and is not polled any more.
        Finished = "finished",
        /// The upstream does not know the job (any more); it is polled rarely, and its last values stay.
        Gone = "gone",
        /// The job was unfinished at `job_deadline` and is not polled any more.
        Abandoned = "abandoned",
    }
}

closed_set! {
    /// Which jobs have series of their own; the configuration key `job_series`.
    pub enum JobSeries {
        /// Every job, until `retention` is over.
        All = "all",
        /// Jobs that are polled.
        Unfinished = "unfinished",
        /// No job: campaigns and bots have series only.
        None = "none",
    }
}

impl JobSeries {
    /// Whether a job has series of its own.
    pub fn shows(self, job: &Job) -> bool {
        match self {
            Self::All => true,
            Self::Unfinished => job.state == JobState::Polling,
            Self::None => false,
        }
    }
}

/// Everything that is published about one job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Bot and request ID.
    pub key: JobKey,
    /// The label `campaign`, if the target has one.
    pub campaign: Option<LabelValue>,
    /// The target's other labels, sorted by name; they appear only on `koreai_job_info`.
    pub labels: Arc<[(LabelName, LabelValue)]>,
    /// The API that it is read from.
    pub api: ApiVersion,
    /// The polling state.
    pub state: JobState,
    /// `jobType` of the last report that had one.
    pub job_type: Option<LabelValue>,
    /// `action` of the last report that had one.
    pub action: Option<LabelValue>,
    /// The status of the last report; [`JobStatus::Unknown`] before the first.
    pub status: JobStatus,
    /// Completion of the last report that had one, 0..=1.
    pub completion: Option<f64>,
    /// Counts of the last report, by channel.
    pub tallies: Vec<ChannelTally>,
    /// Plain counts, each of the last report that had it.
    pub numbers: JobNumbers,
    /// `createdOn`.
    pub created: Option<Timestamp>,
    /// `requestedTime`.
    pub requested: Option<Timestamp>,
    /// Time of the earliest log entry.
    pub first_notification: Option<Timestamp>,
    /// Time of the latest log entry.
    pub last_notification: Option<Timestamp>,
    /// Time of the last poll whose report differed from the one before.
    pub last_change: Option<Timestamp>,
    /// Time of the first poll that found the job finished.
    pub finished: Option<Timestamp>,
    /// Whether the last poll succeeded; `None` before the first.
    pub poll_up: Option<bool>,
    /// Time of the last successful poll.
    pub last_poll_success: Option<Timestamp>,
    /// When the job is expected to end, from its progress so far. Computed, never stored.
    pub expected_end: Option<Timestamp>,
}

impl Job {
    /// Log entries in the last report.
    pub fn entries(&self) -> u64 {
        self.tallies.iter().flat_map(|tally| tally.entries.values()).sum()
    }

    /// A job that was never polled.
    pub fn new(
        key: JobKey,
        api: ApiVersion,
        campaign: Option<LabelValue>,
        labels: Arc<[(LabelName, LabelValue)]>,
    ) -> Self {
        Self {
            key,
            campaign,
            labels,
            api,
            state: JobState::Polling,
            job_type: None,
            action: None,
            status: JobStatus::Unknown,
            completion: None,
            tallies: Vec::new(),
            numbers: JobNumbers::default(),
            created: None,
            requested: None,
            first_notification: None,
            last_notification: None,
            last_change: None,
            finished: None,
            poll_up: None,
            last_poll_success: None,
            expected_end: None,
        }
    }
}
