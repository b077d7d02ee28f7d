//! One GET to the upstream: URL, call, streamed body → `Report`, or an error with a closed `Outcome`.
//!
//! The only room that knows the service's JSON and URLs.
mod body;
mod delivery;
mod entries;
pub mod failure_reasons;
mod lenient;
mod refusal;
mod repaired;
pub mod report;
mod value;
