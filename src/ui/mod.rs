//! Pages: turns plain data into HTML. No time, no I/O; of the upstream's text only what `/metrics` also has.
//!
//! - [`status_page`], [`campaign_page`], [`job_page`]: the pages. Their templates are in `templates/`, which escape every value.
//! - `problems`: what is wrong besides bots and jobs. `rows`: the rows of tables. `wording`: how numbers, times and states are put.
//! - [`STYLE_SHEET`], [`REFRESH_SCRIPT`]: the files that the pages load.

mod bot_row;
mod campaign;
mod job;
mod problems;
mod rows;
mod status;
mod wording;

pub use campaign::campaign_page;
pub use job::job_page;
pub use status::{StatusFilter, StatusView, status_page};

/// What every page has around its content.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Version.
    pub version: &'a str,
    /// Commit.
    pub revision: &'a str,
    /// Prefix of every link.
    pub prefix: &'a str,
    /// Path of the metrics.
    pub telemetry_path: &'a str,
    /// Readiness.
    pub ready: bool,
    /// Whether jobs can be registered by `POST /api/v1/jobs`.
    pub job_api: bool,
    /// The current time, for ages.
    pub now: crate::model::Timestamp,
}

/// The style sheet of all pages.
pub const STYLE_SHEET: &str = include_str!("style.css");

/// The script that refreshes a page; the pages are complete without it.
pub const REFRESH_SCRIPT: &str = include_str!("refresh.js");
