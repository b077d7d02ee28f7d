//! What is known: the state of every job, and counters that count each thing once.
//!
//! One task owns the [`Store`] and is its only writer (see `poller`). Every function takes `now`; nothing here does I/O.
//! In reading order:
//!
//! - `books`: [`Store`]: what it is made of, configurations, and what the passing of time does.
//! - `wanted`: what sources and the job API want, and what becomes of jobs that nobody wants any more.
//! - `look`, `gauges`: what others may look at; what is counted, not kept.
//! - `record`: what an answer of upstream does to a job and to the counters.
//! - `counting`: once-only counting of log entries.
//! - `kept`, `dirty`: what a database has to keep, and what it has not been told yet.
//! - `entry`, `book`, `sources`, `retired`: one job, one bot's counters, who wants what, what is remembered.

mod bot;
mod counting;
mod dirty;
mod entry;
mod gauges;
mod look;
mod persisted;
mod record;
mod references;
mod retired;
mod sizes;
mod sources;
mod store;

pub use bot::{MAX_CAMPAIGNS, MAX_CHANNELS};
pub use dirty::Dirty;
pub use entry::Entry;
pub use persisted::PersistedJob;
pub use record::{NOT_FOUND_LIMIT, RecordOutcome, Transition};
pub use sources::REMOVAL_GRACE;
pub use store::{BotSpec, Change, RegisterError, Registered, Settings, Store};

#[cfg(test)]
mod tests;
