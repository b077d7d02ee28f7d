//! What discovery hands on: targets, in whole sets, by source.

use std::sync::Arc;

use super::{BotName, LabelName, LabelValue, RequestId};

/// A request ID that someone wants followed, with the labels it brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The request ID.
    pub id: RequestId,
    /// The label `campaign`.
    pub campaign: Option<LabelValue>,
    /// The other labels, sorted by name.
    pub labels: Arc<[(LabelName, LabelValue)]>,
}

/// The kind of a source; the label `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceKind {
    /// `static_configs`.
    Static,
    /// `file_sd_configs`.
    File,
    /// `http_sd_configs`.
    Http,
    /// `POST /api/v1/jobs`.
    Api,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Static, Self::File, Self::Http, Self::Api];

    /// The value of the label `source`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::File => "file",
            Self::Http => "http",
            Self::Api => "api",
        }
    }
}

/// One source of one bot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId {
    /// The bot it feeds.
    pub bot: BotName,
    /// What it is.
    pub kind: SourceKind,
    /// Which one of its kind: where it stands in the configuration, `file_sd_configs[0]`.
    pub name: Arc<str>,
}

/// What a source says now.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetUpdate {
    /// Who says it.
    pub source: SourceId,
    /// The whole set that it names now: what it named before and does not name here is no longer wanted by it, unless it
    /// is not `up`: then nothing is taken away.
    /// `None`: it could not be read, its last set stands; the reason is in the log.
    pub targets: Option<Vec<Target>>,
    /// Whether all of it could be read. A source of many files of which one is broken is down, and still says what the
    /// others name, with what the broken one named last.
    pub up: bool,
    /// Targets that the set would have had, but that were turned away: no request ID, a label out of bounds, one too many.
    pub invalid: u64,
}

/// Why something was turned away; the label `reason` of `koreai_exporter_dropped_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// A job beyond `max_jobs`.
    MaxJobs,
    /// A campaign beyond the bound; its jobs carry the campaign `other`.
    MaxCampaigns,
    /// A channel beyond the bound; its entries are counted as `other`.
    MaxChannels,
    /// A target that is no request ID, or with a label out of bounds.
    InvalidTarget,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::MaxJobs, Self::MaxCampaigns, Self::MaxChannels, Self::InvalidTarget];

    /// The value of the label `reason`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::MaxJobs => "max_jobs",
            Self::MaxCampaigns => "max_campaigns",
            Self::MaxChannels => "max_channels",
            Self::InvalidTarget => "invalid_target",
        }
    }
}
