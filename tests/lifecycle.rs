//! Jobs appear and disappear: the whole exporter against the fake upstream, from outside.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "lifecycle/documented.rs"]
mod documented;
#[path = "lifecycle/expiry.rs"]
mod expiry;
#[path = "lifecycle/files.rs"]
mod files;
#[path = "lifecycle/http_sd.rs"]
mod http_sd;
#[path = "lifecycle/job_api.rs"]
mod job_api;
#[path = "lifecycle/probe.rs"]
mod probe;
#[path = "lifecycle/process.rs"]
mod process;
#[path = "lifecycle/reload.rs"]
mod reload;
#[path = "lifecycle/shards.rs"]
mod shards;
#[path = "lifecycle/support.rs"]
mod support;
