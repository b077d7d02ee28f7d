//! The client against local servers: for each behaviour the request that was sent, and the answer that came of it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

#[path = "upstream_client/answers.rs"]
mod answers;
#[path = "upstream_client/codings.rs"]
mod codings;
#[path = "upstream_client/programs.rs"]
mod programs;
#[path = "upstream_client/real_parts.rs"]
mod real_parts;
#[path = "upstream_client/refusals.rs"]
mod refusals;
#[path = "upstream_client/server.rs"]
mod server;
#[path = "upstream_client/settings.rs"]
mod settings;
#[path = "upstream_client/validators.rs"]
mod validators;
