//! koreai_exporter follows Kore.ai proactive notification jobs to their end and publishes what became of them.
//!
//! The rooms, in reading order; imports point from the bottom of this list to its top, and a test keeps it so:
//!
//! - [`model`]: plain data: [`model::RequestId`], [`model::Report`], [`model::Job`]. No I/O, no serde.
//! - [`clock`]: the one place that asks the system for the time.
//! - [`cli`], [`telemetry`]: flags, log.
//! - [`input`]: bounded reads and change detection of files.
//! - [`transport`]: how a request becomes a response.
//! - [`yaml`]: a bounded YAML tree and a decoder that collects every mistake.
//! - [`client_tls`]: TLS settings of outgoing connections.
//! - [`config`]: file and environment → values that cannot be wrong.
//! - [`discovery`]: files and HTTP → whole sets of targets.
//! - [`auth`]: signs and caches tokens.
//! - [`upstream`]: one GET → a report, or an error with a closed outcome.
//! - [`scheduler`]: what to ask next, within the budget; pure.
//! - [`store`]: job states and once-only counters.
//! - [`database`]: keeps what the store knows in one file.
//! - [`exposition`]: the metric catalogue, text, blocks, compression; pure.
//! - [`poller`]: the loop: the single writer that joins the rooms above.
//! - [`ui`]: the status page.
//! - [`web`]: routes, authentication, TLS.
//! - [`fake_upstream`]: a strict stand-in for the upstream; imports none of the rooms above.
//! - [`app`]: wiring, life and death.
//!
//! What is absent is part of the design: there is no global registry, no lazily made client, no `Arc<Mutex<State>>`
//! passed around. Only `upstream` knows the service's JSON and URLs; only `exposition` knows metric names.
pub mod app;
pub mod auth;
pub mod cli;
pub mod client_tls;
pub mod clock;
pub mod config;
pub mod database;
pub mod discovery;
pub mod exposition;
pub mod fake_upstream;
pub mod input;
pub mod model;
pub mod poller;
pub mod scheduler;
pub mod store;
pub mod telemetry;
pub mod transport;
pub mod ui;
pub mod upstream;
pub mod web;
pub mod yaml;
