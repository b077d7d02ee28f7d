//! One job in the scheduler.

use super::circuit_breaker::CallPermit;
use super::poll_interval::{NextPoll, PollInterval};
use crate::model::{LabelValue, Timestamp};

/// One scheduled job.
#[derive(Debug, Clone)]
pub(super) struct ScheduledJob {
    /// Its campaign.
    pub(super) campaign: Option<LabelValue>,
    pub(super) poll_interval: PollInterval,
    pub(super) next: NextPoll,
    pub(super) call: Option<Call>,
    /// When the job was last rate limited.
    pub(super) rate_limited: Option<RateLimited>,
    /// Time of the last answer, for `MIN_GAP`.
    pub(super) answered: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RateLimited {
    pub(super) at: Timestamp,
    /// `Scheduler::accepted_calls` at that time, plus the job's own accepted calls since: the difference is what other jobs
    /// were granted.
    pub(super) accepted_calls: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) started: Timestamp,
    pub(super) permit: CallPermit,
    /// The job was removed during the call and leaves the scheduler when the call ends.
    pub(super) removed: bool,
}
