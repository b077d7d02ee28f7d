//! `process_*`: read from the system at each scrape, by the `prometheus` crate.

use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

/// The process's own metrics, in a registry of their own.
pub(super) struct ProcessMetrics(Registry);

impl ProcessMetrics {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        if let Err(error) = registry.register(Box::new(ProcessCollector::for_self())) {
            tracing::warn!(error = %error, "no process metrics");
        }
        Self(registry)
    }

    /// The families as text 0.0.4.
    pub(super) fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.0.gather()).unwrap_or_default()
    }
}
