//! The loop: the one task that changes anything.
//!
//! It owns the store, a scheduler a bot, and the writing side of the exposition. Target sets, commands and answers come
//! in; calls and pages go out. Nobody else writes, so nothing is locked.
//!
//! - [`Poller`]: the loop itself; `answers`, `obey` and `follow` are what it does with answers, commands and targets.
//! - `persister`: what goes to the database, and what waits for it; `probes`: jobs that are only asked about.
//! - [`Setup`]: what a configuration comes to; a reload hands over another one.
//! - [`Handle`]: how other tasks ask the loop for something.
//! - [`Published`]: what readers may look at without asking: the page, readiness, the heartbeat.

mod bot;
mod call;
mod call_results;
mod commands;
mod follow;
mod handle;
mod logging;
mod persister;
mod probes;
mod published;
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
