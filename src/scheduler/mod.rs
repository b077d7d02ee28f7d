//! What to ask next within the budget: a pure core. No task, socket or clock is in here; every function takes `now`.
//!
//! One [`Scheduler`] serves one bot. The loop around it asks [`Scheduler::next`] until it has to wait, starts the calls it
//! is told to start, and hands what became of each to [`Scheduler::observe`]. In reading order:
//!
//! - [`Settings`]: intervals and limits, and the constants that are facts about the upstream.
//! - [`Observation`]: what became of a call, in the words that matter for the choice.
//! - `budget`, on `window` (never more than the limit in any rolling window) and `pace` (never blind for the rest of one).
//! - `gate`: closed while the upstream refuses; resumes with one probing call.
//! - `forecast`: when a job will end, from how it moved so far.
//! - `cadence`: when one job is wanted next.
//! - `queue`: whose turn it is; no job starves.
//! - `core`: [`Scheduler`] joins them.
//!
//! # What is guaranteed
//!
//! - No rolling minute or hour has more calls than its limit, counted from when they start, also over a restart.
//! - Calls for one job lie [`MIN_GAP`] apart, from the answer to the next call.
//! - A finished or removed job is never asked about; a job with a call under way is not chosen again.
//! - While the upstream refuses, no call is made before the pause is over, and then only one until it is answered.
//! - **No job starves.** With `n` jobs, a job that has waited for [`Scheduler::patience`] is asked before any job that was
//!   asked later, so at most `n - 1` further calls precede it. Where the budget is the bottleneck that is within
//!   `patience + n x step + MINUTE_SPAN`, `step` being the time in which the budget allows one call for ever; and the
//!   patience is `max(max_poll_interval, 1.05 x n x step)`. A job's back-off after a failed call is not waiting.
//!
//! # How well it chooses
//!
//! `examples/schedule_simulation` compares it with a fixed interval, with growth alone, and with an oracle.

mod budget;
mod circuit_breaker;
mod core;
mod forecast;
mod observation;
mod pacer;
mod poll_interval;
mod queue;
mod settings;
mod window;

pub use self::core::{Next, Scheduler};
pub use observation::{LastPoll, Observation, Progress, RateLimitDetails, Start};
pub use settings::{HOUR_SPAN, MIN_GAP, MINUTE_SPAN, Settings};

#[cfg(test)]
mod tests;
