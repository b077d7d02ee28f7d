//! Counters and gauges of one bot.

use std::collections::BTreeMap;

use super::{
    BotName, Channel, DELIVERY_BOUNDS, EntryStatus, Histogram, Inconsistency, JOB_DURATION_BOUNDS, JobState, JobStatus,
    Outcome, POLL_DELAY_BOUNDS, REQUEST_DURATION_BOUNDS, Reason, SourceKind, Timestamp, UnrecognizedKind,
};

/// A window of the call budget; the label `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BudgetWindow {
    /// Any 60 s.
    Minute,
    /// Any 3600 s.
    Hour,
}

impl BudgetWindow {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// The value of the label `window`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }
}

/// What is published about one bot. Arrays are in the order of the enum's `ALL`.
#[derive(Debug, Clone, PartialEq)]
pub struct BotTotals {
    /// The label `bot`.
    pub bot: BotName,
    /// Log entries by channel and status, each counted once. Configured channels are there from the start.
    pub notifications: BTreeMap<Channel, [u64; EntryStatus::ALL.len()]>,
    /// FAILURE entries by channel and reason, each counted once.
    pub failures: BTreeMap<(Channel, Reason), u64>,
    /// From the request to the entry, by channel.
    pub delivery: BTreeMap<Channel, Histogram>,
    /// Jobs seen finished, in the order of [`JobStatus::TERMINAL`].
    pub jobs_finished: [u64; JobStatus::TERMINAL.len()],
    /// From the request to the last entry, in the order of [`JobStatus::TERMINAL`].
    pub job_duration: [Histogram; JobStatus::TERMINAL.len()],
    /// Jobs by [`JobState`].
    pub jobs: [u64; JobState::ALL.len()],
    /// Calls by [`Outcome`].
    pub requests: [u64; Outcome::ALL.len()],
    /// How long calls took.
    pub request_duration: Histogram,
    /// Bytes of bodies received, after decompression.
    pub response_bytes: u64,
    /// Calls allowed by [`BudgetWindow`].
    pub budget: [u64; BudgetWindow::ALL.len()],
    /// Calls made within the [`BudgetWindow`] that ends now.
    pub budget_used: [u64; BudgetWindow::ALL.len()],
    /// Until when no call is made; `None` where calls are made.
    pub paused_until: Option<Timestamp>,
    /// When the token in use runs out; `None` where it does not say.
    pub token_expiry: Option<Timestamp>,
    /// Targets by [`SourceKind`]; `None` where the bot has no such source.
    pub targets: [Option<u64>; SourceKind::ALL.len()],
    /// Whether every source of the [`SourceKind`] could be read last time; `None` where there is none.
    pub source_up: [Option<bool>; SourceKind::ALL.len()],
    /// Jobs that are due and wait for the budget.
    pub polls_overdue: u64,
    /// How late a due poll started.
    pub poll_delay: Histogram,
    /// Words not known, by [`UnrecognizedKind`].
    pub unrecognized: [u64; UnrecognizedKind::ALL.len()],
    /// Things that cannot be so, by [`Inconsistency`].
    pub inconsistencies: [u64; Inconsistency::ALL.len()],
}

impl BotTotals {
    /// All zero, the given channels present.
    pub fn new(bot: BotName, channels: &[Channel]) -> Self {
        Self {
            bot,
            notifications: channels.iter().map(|c| (c.clone(), [0; 3])).collect(),
            failures: BTreeMap::new(),
            delivery: channels.iter().map(|c| (c.clone(), Histogram::new(DELIVERY_BOUNDS))).collect(),
            jobs_finished: [0; 3],
            job_duration: std::array::from_fn(|_| Histogram::new(JOB_DURATION_BOUNDS)),
            jobs: [0; 4],
            requests: [0; 10],
            request_duration: Histogram::new(REQUEST_DURATION_BOUNDS),
            response_bytes: 0,
            budget: [0; 2],
            budget_used: [0; 2],
            paused_until: None,
            token_expiry: None,
            targets: [None; 4],
            source_up: [None; 4],
            polls_overdue: 0,
            poll_delay: Histogram::new(POLL_DELAY_BOUNDS),
            unrecognized: [0; 4],
            inconsistencies: [0; 8],
        }
    }
}
