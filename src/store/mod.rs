//! The state of every job, and counters that count each event once.
//!
//! One task owns the [`Store`] and is its only writer (see `poller`). Every function takes `now`; no I/O. In reading
//! order:
//!
//! - `store`: [`Store`]: fields, accessors, configuration, and what happens as time passes.
//! - `references`: which sources name which jobs, and the removal of jobs without a source.
//! - `record`: applies the outcome of a poll to its job and to the counters.
//! - `unchanged`: polls that find nothing new.
//! - `counting`: counts each log entry once.
//! - `campaigns`, `campaign_jobs`: count jobs that belong together as one, beyond the life of their series.
//! - `gauges`: gauges that are computed from jobs and sources.
//! - `persisted`, `dirty`: what the database stores, and what changed since the last batch.
//! - `remember`: how jobs without series are remembered: `retired`, `remembered`, `recalls`.
//! - `entry`, `bot`, `sources`, `campaign_entry`: one job, one bot, the table of sources, one campaign.

mod bot;
mod campaign_entry;
mod campaign_jobs;
mod campaigns;
mod counting;
mod dirty;
mod dropped;
mod entry;
mod gauges;
mod gone;
mod persisted;
mod recalls;
mod record;
mod references;
mod remember;
mod remembered;
mod retired;
mod sizes;
mod sources;
#[expect(clippy::module_inception, reason = "the type `Store` is in the file of its name")]
mod store;
mod unchanged;

pub use bot::MAX_CHANNELS;
pub use campaigns::{MAX_CAMPAIGN_CHANNELS, MAX_CAMPAIGNS};
pub use dirty::Dirty;
pub use entry::Entry;
pub use persisted::PersistedJob;
pub use record::{NOT_FOUND_LIMIT, NOT_FOUND_MIN_TIME, RecordOutcome, Transition};
pub use remembered::{Digest, DigestKey, Mark, RememberedMarks};
pub use sources::{REMOVAL_GRACE, SourceStatus};
pub use store::{BotSpec, Change, RegisterError, Registered, Settings, Store};

#[cfg(test)]
mod tests;
