//! Standard `process_*` metrics, read by the `prometheus` crate at each scrape.

use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

/// The metrics of this process, in a separate registry.
pub(super) struct ProcessMetrics(Registry);

impl ProcessMetrics {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        if let Err(error) = registry.register(Box::new(ProcessCollector::for_self())) {
            tracing::warn!(error = %error, "cannot collect process metrics");
        }
        Self(registry)
    }

    /// The families as text 0.0.4.
    pub(super) fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.0.gather()).unwrap_or_default()
    }
}
