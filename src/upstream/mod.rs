//! Polls the upstream: one GET per poll, whose streamed body becomes a `Report`, or an error with an `Outcome`.
//!
//! The only module that knows the JSON and the URLs of the upstream. [`Client::fetch_status`] polls a job;
//! [`report_reader`] reads a body, from a response or a file; [`failure_reasons`] classifies `comments`.

mod body_budget;
mod client;
mod delivery;
mod endpoint;
mod error;
pub mod failure_reasons;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod http_answer;
mod http_client;
mod json_fields;
mod lenient_object;
mod lenient_value;
mod log_entries;
mod lossy_utf8;
mod refusal;
pub mod report_reader;
mod response_body;
mod settings;

pub use body_budget::BodyBudget;
pub use client::{Client, StatusResponse, TaggedReport};
pub use endpoint::status_url;
pub use error::{ClientError, PollError};
pub use failure_reasons::ReasonTable;
pub use http_answer::ResponseHead;
pub use refusal::{Phrase, Refusal};
pub use settings::ClientSettings;
