//! Status bodies, and the report that is read from each.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is wrong"
)]

#[path = "upstream_report/published.rs"]
mod published;
#[path = "upstream_report/reading.rs"]
mod reading;
#[path = "upstream_report/shapes.rs"]
mod shapes;
#[path = "upstream_report/values.rs"]
mod values;
