//! The families of the exporter itself.

use super::Row;
use super::catalogue::row;
use super::sample::Samples;
use crate::model::{DropReason, Timestamp};

/// What is published about the exporter itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ExporterView {
    /// The version of this program.
    pub version: String,
    /// The commit that it was built from.
    pub revision: String,
    /// The compiler that built it.
    pub rustversion: String,
    /// Whether the last attempt to load the configuration succeeded.
    pub config_last_reload_successful: bool,
    /// When one last succeeded.
    pub config_last_reload_success: Timestamp,
    /// What was turned away, in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// The embedded database; `None` where all is kept in memory.
    pub storage: Option<StorageView>,
}

/// What is published about the embedded database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageView {
    /// Size of its file in bytes.
    pub size_bytes: u64,
    /// Failed operations, by the label `operation`, no operation twice; known ones are there from the start.
    pub errors: Vec<(&'static str, u64)>,
}

/// The families of the exporter itself, in the order of the page.
pub static EXPORTER_FAMILIES: &[Row<ExporterView>] = &[
    row!(
        Gauge,
        "koreai_exporter_build_info",
        &["version", "revision", "rustversion"],
        "Which build of this exporter runs: always 1.",
        |view, samples| {
            let (revision, rust) = (("revision", view.revision.as_str()), ("rustversion", view.rustversion.as_str()));
            samples.sample(&[("version", &view.version), revision, rust], 1_u64);
        }
    ),
    row!(
        Gauge,
        "koreai_exporter_config_last_reload_successful",
        &[],
        "Whether the last attempt to load the configuration succeeded.",
        |view, samples| samples.sample(&[], view.config_last_reload_successful)
    ),
    row!(
        Gauge,
        "koreai_exporter_config_last_reload_success_timestamp_seconds",
        &[],
        "When the configuration was last loaded successfully.",
        |view, samples| samples.sample(&[], view.config_last_reload_success)
    ),
    row!(
        Counter,
        "koreai_exporter_dropped_total",
        &["reason"],
        "What was turned away because a bound was reached or because it was invalid.",
        dropped
    ),
    row!(
        Gauge,
        "koreai_exporter_storage_size_bytes",
        &[],
        "Size of the embedded database; absent where all is kept in memory.",
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
        "Failed operations of the embedded database; absent where all is kept in memory.",
        storage_errors
    ),
];

fn dropped(view: &ExporterView, samples: &mut Samples<'_>) {
    for (reason, count) in DropReason::ALL.into_iter().zip(view.dropped) {
        samples.sample(&[("reason", reason.as_label())], count);
    }
}

fn storage_errors(view: &ExporterView, samples: &mut Samples<'_>) {
    for (operation, count) in view.storage.iter().flat_map(|storage| &storage.errors) {
        samples.sample(&[("operation", operation)], *count);
    }
}
