//! Decides which job of a bot is polled next within the call budget. A pure core: no tasks, no sockets, no clock; every
//! function takes `now`.
//!
//! Each bot has one [`Scheduler`]. The polling loop calls [`Scheduler::next`] until it has to wait, starts the calls that
//! are returned, and hands the result of each call to [`Scheduler::observe`]. In reading order:
//!
//! - [`Settings`]: intervals and limits, and the constants that are facts about the upstream.
//! - [`Observation`]: the result of a call, as far as it matters for scheduling.
//! - `budget`: the call budget, from `window` (never more calls than the limit in any rolling window) and `pacer` (no part
//!   of a window without calls).
//! - `circuit_breaker`: blocks calls while the upstream fails or limits the rate; resumes after one successful trial call.
//! - `siblings`: what the jobs of a campaign teach about each other.
//! - `forecast`: the expected end of a job, from its progress so far and from its siblings.
//! - `load`: how long intervals are because the bot is busy.
//! - `poll_interval`: when one job is polled next.
//! - `queue`: which of the waiting jobs is next; no job starves.
//! - `scheduler`: [`Scheduler`] combines them.
//!
//! # Guarantees
//!
//! - No rolling minute or hour has more calls than its limit, counted by their start, including over a restart.
//! - Consecutive calls for one job are [`MIN_GAP`] apart, from the answer to the next call.
//! - A finished or removed job is never polled; a job with a call in flight is not chosen again.
//! - Probes respect the same limits as polls.
//! - While the upstream limits the rate, no call starts before the pause is over, and then only one until its answer.
//! - **No job starves.** With `n` jobs, a job that has waited for [`Scheduler::starvation_limit`] is polled before any job
//!   that was polled later, so at most `n - 1` further calls precede it. If the budget is the bottleneck, that is within
//!   `starvation_limit + n x step + MINUTE_SPAN`, where `step` is the time between two calls at the rate that the budget
//!   sustains, and the starvation limit is `max(max_poll_interval, 1.05 x n x step)`. The back-off of a job after a failed
//!   call is not part of the wait.
//!
//! # Comparison
//!
//! `examples/schedule_simulation` compares it with a fixed interval, with growing intervals alone, and with an oracle.

mod budget;
mod circuit_breaker;
mod forecast;
mod load;
mod observation;
mod pacer;
mod poll_interval;
mod queue;
mod scheduled_job;
mod scheduler;
mod settings;
mod siblings;
mod window;

pub use circuit_breaker::{CallPermit, MAX_UNAUTHORIZED_PAUSE};
pub use observation::{LastPoll, Observation, Progress, RateLimitDetails, Start};
pub use scheduler::{Next, Scheduler};
pub use settings::{CALLS_RETENTION, HOUR_SPAN, MIN_GAP, MINUTE_SPAN, Settings};

#[cfg(test)]
mod tests;
