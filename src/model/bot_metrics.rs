//! Counters and gauges of one bot.

use std::collections::BTreeMap;

use enum_map::{Enum, EnumMap};

use super::closed_set::closed_set;
use super::{
    BotName, Channel, CreationTimes, DELIVERY_BOUNDS, EntryStatus, Histogram, Inconsistency, JOB_DURATION_BOUNDS,
    JobState, Outcome, POLL_DELAY_BOUNDS, REQUEST_DURATION_BOUNDS, Reason, SourceKind, TerminalStatus, Timestamp,
    UnrecognizedKind,
};

closed_set! {
    /// A window of the request budget; the label `window`.
    pub enum BudgetWindow {
        /// Any 60 s.
        Minute = "minute",
        /// Any 3600 s.
        Hour = "hour",
    }
}

closed_set! {
    /// Where a token comes from; the label `kind` of `koreai_upstream_token_expiry_timestamp_seconds`.
    pub enum TokenKind {
        /// The exporter signs it, and signs another before it expires.
        Signed = "signed",
        /// It is in a `token_file`, which somebody else has to replace.
        File = "file",
    }
}

/// A counter of a bot without further labels. `exposition` has its name and help, `database` its stored code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum BotCounter {
    /// Bytes of response bodies, after decompression.
    ResponseBytes,
    /// Bytes of response bodies as received, before decompression.
    ReceivedBytes,
    /// Responses with the status 304; they also count in `requests` as [`Outcome::Ok`].
    NotModified,
}

/// Everything that is published about one bot.
///
/// The type decides what survives a restart: counters are persisted, gauges are computed.
#[derive(Debug, Clone, PartialEq)]
pub struct BotMetrics {
    /// The label `bot`.
    pub bot: BotName,
    /// Persisted.
    pub counters: BotCounters,
    /// Computed for every page.
    pub gauges: BotGauges,
}

impl BotMetrics {
    /// Metrics of a bot that has counted nothing.
    pub fn new(bot: BotName, channels: &[Channel]) -> Self {
        Self { bot, counters: BotCounters::new(channels), gauges: BotGauges::default() }
    }
}

/// The counters of one bot. They only grow, and the database stores them.
#[derive(Debug, Clone, PartialEq)]
pub struct BotCounters {
    /// Log entries by channel and status, each counted once. Configured channels are initialised to 0.
    pub notifications: BTreeMap<Channel, EnumMap<EntryStatus, u64>>,
    /// FAILURE entries by channel and reason, each counted once.
    pub failures: BTreeMap<(Channel, Reason), u64>,
    /// Seconds from the request of a job to each of its log entries, by channel.
    pub delivery: BTreeMap<Channel, Histogram>,
    /// Finished jobs.
    pub jobs_finished: EnumMap<TerminalStatus, u64>,
    /// Seconds from the request of a job to its last log entry.
    pub job_duration: EnumMap<TerminalStatus, Histogram>,
    /// Requests to the upstream.
    pub requests: EnumMap<Outcome, u64>,
    /// Duration of requests in seconds.
    pub request_duration: Histogram,
    /// Counters without further labels.
    pub unlabelled: EnumMap<BotCounter, u64>,
    /// Seconds from when a poll was due to its start.
    pub poll_delay: Histogram,
    /// Unrecognized values in reports.
    pub unrecognized: EnumMap<UnrecognizedKind, u64>,
    /// Contradictions in reports.
    pub inconsistencies: EnumMap<Inconsistency, u64>,
    /// When the counters began.
    pub created: CreationTimes,
}

impl BotCounters {
    /// All zero, with the given channels.
    pub fn new(channels: &[Channel]) -> Self {
        Self {
            notifications: channels.iter().map(|channel| (channel.clone(), EnumMap::default())).collect(),
            failures: BTreeMap::new(),
            delivery: channels.iter().map(|channel| (channel.clone(), Histogram::new(DELIVERY_BOUNDS))).collect(),
            jobs_finished: EnumMap::default(),
            job_duration: EnumMap::from_fn(|_| Histogram::new(JOB_DURATION_BOUNDS)),
            requests: EnumMap::default(),
            request_duration: Histogram::new(REQUEST_DURATION_BOUNDS),
            unlabelled: EnumMap::default(),
            poll_delay: Histogram::new(POLL_DELAY_BOUNDS),
            unrecognized: EnumMap::default(),
            inconsistencies: EnumMap::default(),
            created: CreationTimes::default(),
        }
    }

    /// Adds to a counter without labels.
    pub fn add(&mut self, counter: BotCounter, more: u64) {
        self.unlabelled[counter] = self.unlabelled[counter].saturating_add(more);
    }
}

/// The gauges of one bot. They are computed from jobs, sources and the scheduler, and never stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BotGauges {
    /// Tracked jobs.
    pub jobs: EnumMap<JobState, u64>,
    /// Requests that the configuration allows.
    pub budget: EnumMap<BudgetWindow, u64>,
    /// Requests made within the window that ends now.
    pub budget_used: EnumMap<BudgetWindow, u64>,
    /// End of the current pause; `None` if requests are made.
    pub paused_until: Option<Timestamp>,
    /// Whether the last attempt to create or read a token succeeded; `None` before the first.
    pub token_up: Option<bool>,
    /// Expiry of the token in use, and where it comes from; `None` if the token does not say.
    pub token_expiry: Option<(TokenKind, Timestamp)>,
    /// When the upstream last answered a request, whatever the answer; `None` before the first.
    pub last_answer: Option<Timestamp>,
    /// Targets; `None` if the bot has no source of the kind.
    pub targets: EnumMap<SourceKind, Option<u64>>,
    /// Whether the last read of every source of the kind succeeded; `None` if there is no such source.
    pub source_up: EnumMap<SourceKind, Option<bool>>,
    /// Jobs that are due and wait for the budget.
    pub polls_overdue: u64,
}
