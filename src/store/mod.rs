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

mod book;
mod books;
mod counting;
mod dirty;
mod entry;
mod gauges;
mod kept;
mod look;
mod record;
mod retired;
mod sources;
mod wanted;

pub use book::{MAX_CAMPAIGNS, MAX_CHANNELS};
pub use books::{BotSpec, Change, RegisterError, Registered, Settings, Store};
pub use dirty::Dirty;
pub use entry::Entry;
pub use kept::KeptJob;
pub use record::{NOT_FOUND_LIMIT, Recorded, Standing};
pub use sources::REMOVAL_GRACE;

#[cfg(test)]
mod tests;
