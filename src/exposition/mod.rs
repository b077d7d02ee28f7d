//! Jobs and totals become what `GET /metrics` answers with. Pure: no time, no I/O, no tasks.
//!
//! - the catalogue: [`JOB_FAMILIES`], [`BOT_FAMILIES`], [`EXPORTER_FAMILIES`], [`families`]: every metric family that
//!   this program serves, with its help, type and labels. Only this room knows metric names.
//! - [`JobBlocks`]: the writer's side. It is told which jobs changed and renders, when it publishes, only the segments of
//!   text in which something differs, and compresses only those.
//! - [`Page`]: what it publishes: immutable, cheap to clone; [`Page::response`] strings ready [`bytes::Bytes`] together
//!   and compresses nothing but the few lines that belong to the very scrape.
//! - [`render()`]: the plain way, everything at once, for a few jobs.
//! - [`negotiate`]: which format and encoding a scrape gets.
//!
//! Lines of a family stand together, jobs in the same order in every family: by block, oldest block first, within a
//! block in the order in which they came into it. Where a job stands may change from one page to the next.

mod block;
mod block_layout;
mod bot_families;
mod catalogue;
mod deflate;
mod exporter_families;
mod format;
mod job_families;
mod negotiation;
mod openmetrics;
mod page;
mod render;
mod sample;
mod segment;

pub use block::JobBlocks;
pub use bot_families::BOT_FAMILIES;
pub use catalogue::{Family, Kind, Row, families};
pub use exporter_families::{EXPORTER_FAMILIES, ExporterView, StorageView};
pub use format::{Encoding, Format};
pub use job_families::JOB_FAMILIES;
pub use negotiation::{Negotiated, negotiate};
pub use page::{Body, Page};
pub use render::render;
