//! Dashboards, rules, runbook and catalogue say the same: a name that drifts in one of them fails here.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod alerts;
mod boards;
mod demo;
mod expression;
mod files;
mod names;
mod thresholds;
