//! Renders jobs, bots and the exporter itself as the response to `GET /metrics`. Pure: no time, no I/O, no tasks.
//!
//! - The catalogue: [`JOB_FAMILIES`], [`CAMPAIGN_FAMILIES`], [`BOT_FAMILIES`], [`EXPORTER_FAMILIES`], [`families`]: every metric family that
//!   this exporter serves, with help, type and labels. Only this module knows metric names.
//! - [`JobBlocks`]: the writer. It collects which jobs changed; a publication renders and compresses only the segments of
//!   text that differ.
//! - [`Page`]: the result of a publication: immutable, cheap to clone. [`Page::response`] concatenates prepared
//!   [`bytes::Bytes`] and compresses only the few lines that are specific to the scrape.
//! - `zero_first`: a counter series is at 0 before it counts.
//! - [`render()`]: renders everything at once, for a few jobs.
//! - [`negotiate`]: chooses format and encoding of a response.
//!
//! The lines of a family are adjacent. Jobs are in the same order in every family: by block, oldest block first, and
//! within a block in the order of insertion. The position of a job may change from one page to the next.

mod block;
mod block_layout;
mod blocks;
mod bot_families;
mod campaign_families;
mod catalogue;
mod deflate;
mod exporter_families;
mod family;
mod format;
mod job_families;
mod negotiation;
mod openmetrics;
mod page;
mod render;
mod row;
mod sample;
mod segment;
mod totals;
mod zero_first;

pub use block::JobBlocks;
pub use bot_families::BOT_FAMILIES;
pub use campaign_families::CAMPAIGN_FAMILIES;
pub use catalogue::families;
pub use exporter_families::{EXPORTER_FAMILIES, ExporterView, StorageView};
pub use family::{Family, Kind};
pub use format::{Encoding, Format};
pub use job_families::JOB_FAMILIES;
pub use negotiation::{Negotiated, negotiate};
pub use page::{Body, Page};
pub use render::render;
pub use row::Row;
pub use zero_first::MAX_ZERO_TIME;
