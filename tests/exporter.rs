//! The main task from outside: the exporter gets request IDs, the fake upstream answers, and the tests read the pages.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "exporter/browser.rs"]
mod browser;
#[path = "exporter/campaigns.rs"]
mod campaigns;
#[path = "exporter/check.rs"]
mod check;
#[path = "exporter/command_line.rs"]
mod command_line;
#[path = "exporter/doctor.rs"]
mod doctor;
#[path = "exporter/doctor_network.rs"]
mod doctor_network;
#[path = "exporter/life.rs"]
mod life;
#[path = "exporter/pages.rs"]
mod pages;
#[path = "exporter/personal.rs"]
mod personal;
#[path = "exporter/refusals.rs"]
mod refusals;
#[path = "exporter/reloads.rs"]
mod reloads;
#[path = "exporter/serving.rs"]
mod serving;
mod support;
#[path = "exporter/tokens.rs"]
mod tokens;
#[path = "exporter/tracking.rs"]
mod tracking;
#[path = "exporter/wire.rs"]
mod wire;
