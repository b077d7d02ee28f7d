//! The scheduler's inputs: the result of a call, and what is known about a job when it is added.

use std::time::Duration;

use crate::model::{LabelValue, Timestamp};

/// The result of a call, as far as it matters for scheduling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observation {
    /// A report of a running job.
    Progress {
        /// The progress of the job.
        progress: Progress,
        /// Whether the report differs from the previous one; `true` for the first report.
        changed: bool,
    },
    /// A report of a finished job. The job leaves the scheduler and is never polled again.
    Finished {
        /// Log entries of a job that ran to its end, from which its siblings learn; `None` if it ended otherwise.
        entries: Option<u64>,
    },
    /// The upstream does not know the job, for long enough that it is gone. It is polled at a slow, growing interval.
    Gone,
    /// An answer without a report: unknown ID, another 4xx, a body that is not a report or is too large. The job backs off.
    /// For the circuit breaker it is a success, because the upstream answered.
    Unusable,
    /// No answer, or a server error (timeout, network, 5xx). The job backs off; after several in a row, the bot does too.
    Unavailable,
    /// 401 or 403. The bot backs off: 30 s, growing to 10 min.
    Unauthorized,
    /// No request could be made, for example because a secret file is missing. The bot pauses for 30 s.
    NotSent,
    /// The upstream's rate limit. The bot pauses, or only the job if the rate limit follows the job while others succeed.
    RateLimited(RateLimitDetails),
}

/// The progress of a job, from one report. Values that the report does not have are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// The completed fraction, 0 to 1. Absent in V2.
    pub completion: Option<f64>,
    /// Log entries in the report.
    pub entries: u64,
    /// Recipients submitted.
    pub recipients: Option<u64>,
}

/// Details of a rate-limited call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimitDetails {
    /// `Retry-After`, if present. The scheduler clamps it to 1 s to 1 h.
    pub retry_after: Option<Duration>,
    /// Whether the text mentions the hourly limit, which takes minutes to pass, not seconds.
    pub hourly: bool,
}

/// What is known about a job when it is added.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Start {
    /// The campaign of the job: its other jobs are siblings.
    pub campaign: Option<LabelValue>,
    /// A number from 0 to 1 that spreads the first polls of jobs that are added at the same moment.
    pub jitter: f64,
    /// The last poll before the job was added, if there was one.
    pub last: Option<LastPoll>,
    /// The job is gone and is polled at a slow, growing interval.
    pub gone: bool,
}

/// A poll that was made before the job was added, for example before a restart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LastPoll {
    /// The time of the answer.
    pub answered: Timestamp,
    /// The progress of the last report, if there was one.
    pub progress: Option<Progress>,
}
