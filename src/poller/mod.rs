//! The polling loop: the one task that changes state.
//!
//! It owns the store, one scheduler per bot, and the writing side of the exposition. Commands, target updates and results
//! of calls come in; calls and pages go out. There is no other writer, so there are no locks.
//!
//! - `run`: [`Poller`], the loop. `commands`, `configuration`, `job_changes` and `call_results` are its reactions.
//! - `inbox`: incoming commands and target updates. `in_flight`: the calls in flight. `bots`: the bots, and which of them
//!   owns each job. `pages`: when pages are rendered and published, and readiness. `persister`: what is written to the
//!   database, and what waits for that. `recall`, `recalls`: rows that are read from it. `probes`: jobs that are only probed. `recent_calls`: the last calls of all jobs.
//! - [`Setup`]: a configuration as the loop needs it; a reload sends another one.
//! - [`Handle`]: how other tasks send commands to the loop.
//! - [`Published`]: what readers share with the loop: the page, readiness, the heartbeat.

mod bot;
mod bots;
mod call;
mod call_results;
mod commands;
mod configuration;
mod handle;
mod in_flight;
mod inbox;
mod job_changes;
mod log_dedup;
mod logging;
mod pages;
mod persister;
mod probes;
mod published;
mod recall;
mod recalls;
mod recent_calls;
mod repeats;
mod run;
mod setup;
mod sizes;

pub use bot::BotStatus;
pub use handle::{Filter, Handle, ListedJob, Listing, MAX_LISTED, ProbeError, Unavailable};
pub use published::Published;
pub use run::{Parts, Poller};
pub use setup::{BotSetup, Setup};

#[cfg(test)]
mod tests;
