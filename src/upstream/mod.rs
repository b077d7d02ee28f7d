//! One GET to the upstream: URL, call, streamed body → `Report`, or an error with a closed `Outcome`.
//!
//! The only room that knows the service's JSON and URLs. [`Client::fetch_status`] makes a call; [`report`] reads a body, from a
//! call or from a file; [`failure_reasons`] is the table that `comments` are read by.
mod body_budget;
mod client;
mod delivery;
mod endpoint;
mod entries;
mod error;
pub mod failure_reasons;
mod http_answer;
mod http_client;
mod json_fields;
mod lenient_object;
mod lossy_utf8;
mod refusal;
pub mod report_reader;
mod settings;
mod value;

pub use body_budget::BodyBudget;
pub use client::{Client, StatusResponse};
pub use error::{ClientError, PollError};
pub use failure_reasons::ReasonTable;
pub use refusal::Refusal;
pub use settings::ClientSettings;
