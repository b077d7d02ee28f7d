//! What one status body said, counted: no entry of it is kept.

use super::{Channel, DELIVERY_BOUNDS, EntryStatus, JobStatus, LabelValue, Reason, Timestamp};

/// A status body, read and counted. What was missing in the body is `None`, never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// `status`.
    pub status: JobStatus,
    /// `percentageComplete` / 100, clamped to 0..=1. Absent in V2.
    pub completion: Option<f64>,
    /// `store.identitiesCount`: recipients submitted.
    pub recipients: Option<u64>,
    /// `count`, as upstream says it.
    pub reported_entries: Option<u64>,
    /// The log entries that were in the body.
    pub entries: u64,
    /// `createdOn`.
    pub created: Option<Timestamp>,
    /// `requestedTime`.
    pub requested: Option<Timestamp>,
    /// The newest `statusLogs[].createdOn`.
    pub last_notification: Option<Timestamp>,
    /// `jobType`, where it fits a label.
    pub job_type: Option<LabelValue>,
    /// `action`, where it fits a label.
    pub action: Option<LabelValue>,
    /// Counts by channel, in the order of first appearance; no channel twice.
    pub tallies: Vec<ChannelTally>,
    /// What the body says that cannot be so.
    pub inconsistencies: Vec<Inconsistency>,
    /// Words that this exporter does not know; bounded, the first of each kind.
    pub unrecognized: Vec<Unrecognized>,
}

/// The counts of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelTally {
    /// The channel.
    pub channel: Channel,
    /// Entries by status, in the order of [`EntryStatus::ALL`].
    pub entries: [u64; EntryStatus::ALL.len()],
    /// FAILURE entries by reason; their sum is the FAILURE count.
    pub failures: Vec<(Reason, u64)>,
    /// Entries by the time from the request to the entry, by [`DELIVERY_BOUNDS`]; all zero where a time is missing.
    pub delivery: [u64; DELIVERY_BOUNDS.len() + 1],
    /// The sum of those times in seconds.
    pub delivery_sum: f64,
}

impl ChannelTally {
    /// One without entries.
    pub fn new(channel: Channel) -> Self {
        Self {
            channel,
            entries: [0; 3],
            failures: Vec::new(),
            delivery: [0; DELIVERY_BOUNDS.len() + 1],
            delivery_sum: 0.0,
        }
    }

    /// How many entries have this status.
    pub fn count(&self, status: EntryStatus) -> u64 {
        let [success, failure, unknown] = self.entries;
        match status {
            EntryStatus::Success => success,
            EntryStatus::Failure => failure,
            EntryStatus::Unknown => unknown,
        }
    }
}

/// What upstream says that cannot be so; the label `kind` of `koreai_exporter_inconsistencies_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Inconsistency {
    /// `count` differs from the number of log entries.
    CountMismatch,
    /// More log entries than `store.identitiesCount`.
    MoreEntriesThanRecipients,
    /// `percentageComplete` outside 0..=100.
    PercentageOutOfRange,
    /// `percentageComplete` lower than in an earlier report.
    PercentageDecreased,
    /// Fewer log entries of a channel and status than in an earlier report.
    EntriesDecreased,
    /// `lMod` before `createdOn`.
    ModifiedBeforeCreated,
    /// A timestamp that is none.
    BadTimestamp,
    /// A number that is none, or negative.
    BadNumber,
}

impl Inconsistency {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CountMismatch,
        Self::MoreEntriesThanRecipients,
        Self::PercentageOutOfRange,
        Self::PercentageDecreased,
        Self::EntriesDecreased,
        Self::ModifiedBeforeCreated,
        Self::BadTimestamp,
        Self::BadNumber,
    ];

    /// The value of the label `kind`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::CountMismatch => "count_mismatch",
            Self::MoreEntriesThanRecipients => "more_entries_than_recipients",
            Self::PercentageOutOfRange => "percentage_out_of_range",
            Self::PercentageDecreased => "percentage_decreased",
            Self::EntriesDecreased => "entries_decreased",
            Self::ModifiedBeforeCreated => "modified_before_created",
            Self::BadTimestamp => "bad_timestamp",
            Self::BadNumber => "bad_number",
        }
    }
}

/// Where a word that is not known stood; the label `kind` of `koreai_exporter_unrecognized_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnrecognizedKind {
    /// The job's `status`.
    JobStatus,
    /// A log entry's `status`.
    EntryStatus,
    /// A log entry's `channel` that is no channel name, or beyond the bound of learnt ones.
    Channel,
    /// A FAILURE entry's `comments` that no rule matches.
    FailureReason,
}

impl UnrecognizedKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::JobStatus, Self::EntryStatus, Self::Channel, Self::FailureReason];

    /// The value of the label `kind`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::JobStatus => "job_status",
            Self::EntryStatus => "entry_status",
            Self::Channel => "channel",
            Self::FailureReason => "failure_reason",
        }
    }
}

/// A word that is not known. Its text is there only for statuses, and only where it is a harmless word: what stands in
/// `channel` or `comments` may be personal and is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecognized {
    /// Where it stood.
    pub kind: UnrecognizedKind,
    /// The first such word of the body that is one: a letter and at most 47 characters of `[A-Za-z0-9_ -]`.
    pub sample: Option<String>,
    /// How many there were.
    pub count: u64,
}
