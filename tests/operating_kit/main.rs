//! Dashboards, rules, runbook and catalogue agree on names and thresholds.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod alerts;
mod boards;
mod demo;
mod expression;
mod files;
mod names;
mod runbook;
mod thresholds;
