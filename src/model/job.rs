//! A followed job as users see it.

use std::sync::Arc;

use super::{ApiVersion, ChannelTally, JobKey, JobStatus, LabelName, LabelValue, Timestamp};

/// What this exporter does about a job; the label `state` of `koreai_jobs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobState {
    /// It is asked about.
    Polling,
    /// Upstream is done with it; it is not asked about again.
    Finished,
    /// Upstream does not know it (any more); its last values stay until `retention` is over.
    Gone,
    /// Unfinished at `job_deadline`; given up.
    Abandoned,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Polling, Self::Finished, Self::Gone, Self::Abandoned];

    /// The value of the label `state`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Finished => "finished",
            Self::Gone => "gone",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Everything that is published about one job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Bot and request ID.
    pub key: JobKey,
    /// The label `campaign`, where the target has one.
    pub campaign: Option<LabelValue>,
    /// The target's other labels, sorted by name; they stand on `koreai_job_info` only.
    pub labels: Arc<[(LabelName, LabelValue)]>,
    /// Which API it is read from.
    pub api: ApiVersion,
    /// What we do about it.
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
    /// Recipients, of the last report that had them.
    pub recipients: Option<u64>,
    /// `count`, of the last report that had it.
    pub reported_entries: Option<u64>,
    /// `createdOn`.
    pub created: Option<Timestamp>,
    /// `requestedTime`.
    pub requested: Option<Timestamp>,
    /// The newest log entry.
    pub last_notification: Option<Timestamp>,
    /// When a report last differed from the one before it.
    pub last_change: Option<Timestamp>,
    /// When we first saw it finished.
    pub finished: Option<Timestamp>,
    /// Whether the last poll told us something; `None` before the first.
    pub poll_up: Option<bool>,
    /// When a poll last told us something.
    pub last_poll_success: Option<Timestamp>,
}

impl Job {
    /// One that was never asked about.
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
            recipients: None,
            reported_entries: None,
            created: None,
            requested: None,
            last_notification: None,
            last_change: None,
            finished: None,
            poll_up: None,
            last_poll_success: None,
        }
    }
}
