//! What became of a call, and what is known of a job when it is taken on.

use std::time::Duration;

use crate::model::Timestamp;

/// What became of a call, in the words that matter for what to ask next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observation {
    /// A report of a job that still runs.
    Progress {
        /// How far it is.
        progress: Progress,
        /// Whether anything differs from the report before; `true` for the first.
        changed: bool,
    },
    /// A report of a job that has ended. It leaves the scheduler and is never asked about again.
    Finished,
    /// An answer that does not help with this job: unknown ID, another 4xx, a body that is no report or too large. The
    /// job backs off; that the upstream answers is good news for the others.
    Unusable,
    /// No answer or a server error (timeout, network, 5xx). The job backs off, and after several in a row the bot.
    Unavailable,
    /// 401 or 403. The bot backs off: 30 s, growing to 10 min.
    Unauthorized,
    /// The upstream's rate limit. The bot pauses.
    Refused(RateLimitDetails),
}

/// What one report says of a job's progress; what it did not say is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// The part that is done, 0 to 1. Absent in V2.
    pub completion: Option<f64>,
    /// Log entries in the report.
    pub entries: u64,
    /// Recipients submitted.
    pub recipients: Option<u64>,
}

/// What a refusal said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimitDetails {
    /// `Retry-After`, if there was one. It is kept within 1 s and 1 h.
    pub retry_after: Option<Duration>,
    /// Whether the text spoke of the hourly limit: that takes minutes to pass, not seconds.
    pub hourly: bool,
}

/// What is known of a job when it is taken on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Start {
    /// A random number from 0 to 1 that spreads the first polls of jobs taken on at the same moment.
    pub jitter: f64,
    /// The last poll of an earlier run, if there was one.
    pub last: Option<LastPoll>,
}

/// A poll that an earlier run of this process made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LastPoll {
    /// When it was answered.
    pub answered: Timestamp,
    /// What the last report said, where there was one.
    pub progress: Option<Progress>,
}
