//! Plain data that every module uses: identifiers, reports, jobs, counters, time.
//!
//! No I/O, no JSON, no metric names. Types are valid by construction.

mod bot_metrics;
mod campaign;
mod channel;
mod closed_set;
mod creation_times;
mod entity_tag;
mod error_chain;
mod histogram;
mod history;
mod ids;
mod job;
mod job_number;
mod labels;
mod outcome;
mod reason;
mod report;
mod shard;
mod slot;
mod status;
mod storage_operation;
mod target;
mod time;

pub use bot_metrics::{BotCounter, BotCounters, BotGauges, BotMetrics, BudgetWindow, TokenKind};
pub use campaign::{Campaign, CampaignKey, CampaignShare, CampaignTotals, Completion, CompletionSum};
pub use channel::{Channel, MAX_CHANNEL_CHARS};
pub use creation_times::CreationTimes;
pub use entity_tag::{EntityTag, MAX_ENTITY_TAG_BYTES};
pub use error_chain::error_chain;
pub use histogram::{DELIVERY_BOUNDS, Histogram, JOB_DURATION_BOUNDS, POLL_DELAY_BOUNDS, REQUEST_DURATION_BOUNDS};
pub use history::{CampaignHistory, HistoryPoint, JobHistory, MAX_CAMPAIGN_POINTS, MAX_JOB_POINTS};
pub use ids::{BotName, InvalidId, JobKey, RequestId};
pub use job::{Job, JobSeries, JobState};
pub use job_number::{JobNumber, JobNumbers};
pub use labels::{InvalidLabel, LabelName, LabelValue, MAX_LABEL_VALUE_CHARS};
pub use outcome::Outcome;
pub use reason::Reason;
pub use report::{ChannelTally, Inconsistency, Report, Unrecognized, UnrecognizedKind};
pub use shard::Shard;
pub use slot::JobSlot;
pub use status::{ApiVersion, EntryStatus, JobStatus, TerminalStatus};
pub use storage_operation::StorageOperation;
pub use target::{DropReason, MAX_TARGET_LABELS, SourceId, SourceKind, Target, TargetUpdate};
pub use time::Timestamp;
