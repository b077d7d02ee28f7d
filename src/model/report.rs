//! The content of a status body as counts: no log entry is stored.

use enum_map::EnumMap;

use super::closed_set::closed_set;
use super::{Channel, DELIVERY_BOUNDS, EntryStatus, JobNumbers, JobStatus, LabelValue, Reason, Timestamp};

/// A parsed status body. A field that the body does not have is `None`, never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// `status`.
    pub status: JobStatus,
    /// `percentageComplete` / 100, clamped to 0..=1. Absent in V2.
    pub completion: Option<f64>,
    /// The fields that are plain counts.
    pub numbers: JobNumbers,
    /// The number of log entries in the body.
    pub entries: u64,
    /// `createdOn`.
    pub created: Option<Timestamp>,
    /// `requestedTime`.
    pub requested: Option<Timestamp>,
    /// The earliest `statusLogs[].createdOn`.
    pub first_notification: Option<Timestamp>,
    /// The latest `statusLogs[].createdOn`.
    pub last_notification: Option<Timestamp>,
    /// `jobType`, if it is a valid label value.
    pub job_type: Option<LabelValue>,
    /// `action`, if it is a valid label value.
    pub action: Option<LabelValue>,
    /// Counts by channel, in the order of first appearance; each channel once.
    pub tallies: Vec<ChannelTally>,
    /// Contradictions in the body.
    pub inconsistencies: Vec<Inconsistency>,
    /// Unrecognized values, at most one of each kind.
    pub unrecognized: Vec<Unrecognized>,
}

/// The counts of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelTally {
    /// The channel.
    pub channel: Channel,
    /// Log entries by status.
    pub entries: EnumMap<EntryStatus, u64>,
    /// FAILURE entries by reason; their sum is the FAILURE count.
    pub failures: Vec<(Reason, u64)>,
    /// Log entries by the seconds from the request to the entry, in the buckets of [`DELIVERY_BOUNDS`]; all zero if a
    /// time is missing.
    pub delivery: [u64; DELIVERY_BOUNDS.len() + 1],
    /// The sum of those times in seconds.
    pub delivery_sum: f64,
}

impl ChannelTally {
    /// A tally without log entries.
    pub fn new(channel: Channel) -> Self {
        Self {
            channel,
            entries: EnumMap::default(),
            failures: Vec::new(),
            delivery: [0; DELIVERY_BOUNDS.len() + 1],
            delivery_sum: 0.0,
        }
    }
}

closed_set! {
    /// A contradiction in upstream reports; the label `kind` of `koreai_exporter_inconsistencies_total`.
    pub enum Inconsistency {
        /// `count` differs from the number of log entries.
        CountMismatch = "count_mismatch",
        /// More log entries than `store.identitiesCount`.
        MoreEntriesThanRecipients = "more_entries_than_recipients",
        /// `percentageComplete` outside 0..=100.
        PercentageOutOfRange = "percentage_out_of_range",
        /// `percentageComplete` lower than in an earlier report.
        PercentageDecreased = "percentage_decreased",
        /// Fewer log entries of a channel and status than in an earlier report.
        EntriesDecreased = "entries_decreased",
        /// `lMod` before `createdOn`.
        ModifiedBeforeCreated = "modified_before_created",
        /// An invalid timestamp.
        BadTimestamp = "bad_timestamp",
        /// An invalid or negative number.
        BadNumber = "bad_number",
    }
}

closed_set! {
    /// The field of an unrecognized value; the label `kind` of `koreai_exporter_unrecognized_total`.
    pub enum UnrecognizedKind {
        /// The job's `status`.
        JobStatus = "job_status",
        /// A log entry's `status`.
        EntryStatus = "entry_status",
        /// A log entry's `channel` that is not a channel name, or is beyond the limit of learned channels.
        Channel = "channel",
        /// A FAILURE entry's `comments` that no rule matches.
        FailureReason = "failure_reason",
    }
}

/// An unrecognized value. Its text is present only for statuses, and only if it is a harmless word: `channel` and
/// `comments` may hold personal data and are never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecognized {
    /// The field.
    pub kind: UnrecognizedKind,
    /// The first value of the body that is a word: a letter and at most 47 characters of `[A-Za-z0-9_ -]`.
    pub sample: Option<String>,
    /// The number of such values.
    pub count: u64,
}
