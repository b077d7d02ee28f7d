//! The families of the exporter itself.

use enum_map::EnumMap;

use super::row::{Row, row};
use super::sample::Samples;
use crate::model::{DropReason, Shard, StorageOperation, Timestamp};

/// What is published about the exporter itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ExporterView {
    /// The version of this program.
    pub version: String,
    /// The commit that it was built from.
    pub revision: String,
    /// The compiler that built it.
    pub rustversion: String,
    /// The shard of this instance.
    pub shard: Shard,
    /// When this process started: its own counters begin then.
    pub started: Timestamp,
    /// Whether the last attempt to load the configuration succeeded.
    pub config_last_reload_successful: bool,
    /// When the configuration was last loaded successfully.
    pub config_last_reload_success: Timestamp,
    /// Dropped targets, campaigns and log entries.
    pub dropped: EnumMap<DropReason, u64>,
    /// The embedded database; `None` with in-memory storage.
    pub storage: Option<StorageView>,
}

/// What is published about the embedded database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageView {
    /// Size of its file in bytes.
    pub size_bytes: u64,
    /// Failed operations.
    pub errors: EnumMap<StorageOperation, u64>,
}

/// The families of the exporter itself, in the order of the page.
pub static EXPORTER_FAMILIES: &[Row<ExporterView>] = &[
    row!(
        Gauge,
        "koreai_exporter_build_info",
        &["version", "revision", "rustversion"],
        "Version, revision and compiler of this exporter; always 1.",
        |view, samples| {
            let (revision, rust) = (("revision", view.revision.as_str()), ("rustversion", view.rustversion.as_str()));
            samples.sample(&[("version", &view.version), revision, rust], 1_u64);
        }
    ),
    row!(
        Gauge,
        "koreai_exporter_shard_info",
        &["index", "total"],
        "Shard of this exporter, from index 0; always 1. Without sharding, index 0 of 1.",
        |view, samples| {
            let (index, total) = (view.shard.index().to_string(), view.shard.total().to_string());
            samples.sample(&[("index", &index), ("total", &total)], 1_u64);
        }
    ),
    row!(
        Gauge,
        "koreai_exporter_config_last_reload_successful",
        &[],
        "Whether the last attempt to load the configuration succeeded (1) or failed (0).",
        |view, samples| samples.sample(&[], view.config_last_reload_successful)
    ),
    row!(
        Gauge,
        "koreai_exporter_config_last_reload_success_timestamp_seconds",
        &[],
        "Time of the last successful load of the configuration, in Unix seconds.",
        |view, samples| samples.sample(&[], view.config_last_reload_success)
    ),
    row!(
        Counter,
        "koreai_exporter_dropped_total",
        &["reason"],
        "Dropped targets, campaigns and log entries, by reason.",
        dropped
    ),
    row!(
        Gauge,
        "koreai_exporter_storage_size_bytes",
        &[],
        "Size of the database file in bytes; absent with in-memory storage.",
        |view, samples| {
            if let Some(storage) = &view.storage {
                samples.sample(&[], storage.size_bytes);
            }
        }
    ),
    row!(
        Counter,
        "koreai_exporter_storage_errors_total",
        &["operation"],
        "Failed operations of the database, by operation; absent with in-memory storage.",
        storage_errors
    ),
];

fn dropped(view: &ExporterView, samples: &mut Samples<'_>) {
    for (reason, count) in &view.dropped {
        samples.counter(&[("reason", reason.as_label())], *count, Some(view.started));
    }
}

fn storage_errors(view: &ExporterView, samples: &mut Samples<'_>) {
    for (operation, count) in view.storage.iter().flat_map(|storage| &storage.errors) {
        samples.counter(&[("operation", operation.as_label())], *count, Some(view.started));
    }
}
