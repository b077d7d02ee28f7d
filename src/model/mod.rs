//! Plain data that every room speaks: identifiers, reports, jobs, counters, time.
//!
//! Nothing here does I/O, knows JSON or names a metric. A value that exists is valid.

mod channel;
mod error_chain;
mod histogram;
mod ids;
mod job;
mod labels;
mod outcome;
mod reason;
mod report;
mod shard;
mod slot;
mod status;
mod target;
mod time;
mod totals;

pub use channel::{Channel, MAX_CHANNEL_CHARS};
pub use error_chain::error_chain;
pub use histogram::{DELIVERY_BOUNDS, Histogram, JOB_DURATION_BOUNDS, POLL_DELAY_BOUNDS, REQUEST_DURATION_BOUNDS};
pub use ids::{BotName, InvalidId, JobKey, RequestId};
pub use job::{Job, JobState};
pub use labels::{InvalidLabel, LabelName, LabelValue, MAX_LABEL_VALUE_CHARS};
pub use outcome::Outcome;
pub use reason::Reason;
pub use report::{ChannelTally, Inconsistency, Report, Unrecognized, UnrecognizedKind};
pub use shard::Shard;
pub use slot::JobSlot;
pub use status::{ApiVersion, EntryStatus, JobStatus};
pub use target::{DropReason, SourceId, SourceKind, Target, TargetUpdate};
pub use time::Timestamp;
pub use totals::{BotTotals, BudgetWindow};
