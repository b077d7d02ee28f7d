//! What discovery passes on: complete sets of targets, by source.

use std::sync::Arc;

use super::closed_set::closed_set;
use super::{BotName, LabelName, LabelValue, RequestId};

/// The maximum number of labels of a target besides `campaign`: each is a label of its `koreai_job_info`.
pub const MAX_TARGET_LABELS: usize = 32;

/// A request ID to track, with its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The request ID.
    pub id: RequestId,
    /// The label `campaign`.
    pub campaign: Option<LabelValue>,
    /// The other labels, sorted by name.
    pub labels: Arc<[(LabelName, LabelValue)]>,
}

closed_set! {
    /// The kind of a source; the label `source`.
    pub enum SourceKind {
        /// `static_configs`.
        Static = "static",
        /// `file_sd_configs`.
        File = "file",
        /// `http_sd_configs`.
        Http = "http",
        /// `POST /api/v1/jobs`.
        Api = "api",
    }
}

/// One source of one bot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId {
    /// The bot that it provides targets for.
    pub bot: BotName,
    /// Its kind.
    pub kind: SourceKind,
    /// Its position in the configuration, for example `file_sd_configs[0]`.
    pub name: Arc<str>,
}

/// The current state of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetUpdate {
    /// The source.
    pub source: SourceId,
    /// The complete set of targets now. Targets of the previous set that are missing here lose this source, but only if
    /// the source is `up`.
    /// `None`: the source could not be read and its previous set stays in force; the log has the cause.
    pub targets: Option<Vec<Target>>,
    /// Whether the whole source could be read. A source of several files of which one is broken is down; its set then
    /// has the targets of the readable files and the previous targets of the broken one.
    pub up: bool,
    /// Targets that were rejected: invalid request ID, label out of bounds, too many targets.
    pub invalid: u64,
}

closed_set! {
    /// Why an item was rejected; the label `reason` of `koreai_exporter_dropped_total`.
    pub enum DropReason {
        /// A job beyond `max_jobs`.
        MaxJobs = "max_jobs",
        /// A campaign beyond the limit; its jobs carry the campaign `other`.
        MaxCampaigns = "max_campaigns",
        /// A channel beyond the limit; its entries are counted as `other`.
        MaxChannels = "max_channels",
        /// A target with an invalid request ID or a label out of bounds.
        InvalidTarget = "invalid_target",
    }
}
