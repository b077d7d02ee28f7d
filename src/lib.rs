//! koreai_exporter polls Kore.ai proactive notification jobs until they end and publishes their results as metrics.
//!
//! The modules, in reading order. A module imports only modules above it; `tests/structure.rs` enforces this, and the table of
//! `docs/ARCHITECTURE.md` has the details.
//!
//! - [`model`]: plain data: [`model::RequestId`], [`model::Report`], [`model::Job`].
//! - [`clock`]: the only place that asks the system for the time.
//! - [`input`]: bounded reads and change detection of files.
//! - [`transport`]: sends an HTTP request, over the network or into a simulation.
//! - [`yaml`]: a bounded YAML tree, and a decoder that reports every mistake.
//! - [`client_tls`]: TLS settings of outgoing connections.
//! - [`cli`], [`telemetry`]: flags, logging.
//! - [`config`]: reads and validates the configuration file.
//! - [`discovery`]: reads complete sets of targets from files and HTTP.
//! - [`auth`]: signs and caches tokens.
//! - [`upstream`]: one GET, its report or its error.
//! - [`scheduler`]: decides which job to poll next within the budget.
//! - [`doctor`]: checks a call step by step, and names the cause of a failure.
//! - [`store`]: job states, and counters that count everything once.
//! - [`database`]: persists the store in one file.
//! - [`exposition`]: the metric catalogue, text, blocks, compression.
//! - [`poller`]: the polling loop, the only writer of all state.
//! - [`ui`]: the status page.
//! - [`web`]: routes, authentication, TLS.
//! - [`fake_upstream`]: a strict fake upstream; imports no other module.
//! - [`app`]: wiring, startup and shutdown.
//! - `fuzzing`: everything that reads input, as fuzz targets; only for tests.
//!
//! There is no global registry, no lazily created client, and no `Arc<Mutex<State>>` passed around. Only [`upstream`] knows the
//! JSON and the URLs of the service; only [`exposition`] knows metric names.
pub mod app;
pub mod auth;
pub mod cli;
pub mod client_tls;
pub mod clock;
pub mod config;
pub mod database;
pub mod discovery;
pub mod doctor;
pub mod exposition;
pub mod fake_upstream;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
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
