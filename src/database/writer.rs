//! The background task that owns the file.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::file::File;
use super::handle::Gauges;
use super::{Batch, WriteError};
use crate::model::error_chain;

/// A batch, and who waits for it.
pub(super) type Request = (Batch, oneshot::Sender<Result<(), WriteError>>);

/// The file and how it fares.
pub(super) struct Writer {
    file: File,
    gauges: Arc<Gauges>,
    /// Failures in a row; the log tells the first and the end.
    failures: u64,
}

impl Writer {
    pub(super) fn new(file: File, gauges: Arc<Gauges>) -> Self {
        gauges.size_bytes.store(file.size_bytes(), Ordering::Relaxed);
        Self { file, gauges, failures: 0 }
    }

    /// Writes batches until the other side is dropped; then closes the file.
    pub(super) fn run(mut self, mut batches: mpsc::Receiver<Request>) {
        self.compact();
        while let Some(request) = batches.blocking_recv() {
            self.take(request);
        }
        self.close();
    }

    /// The same as a task that blocks nothing but while it writes; each batch waits for as long as `pause` says.
    pub(super) async fn run_in_place(
        mut self,
        mut batches: mpsc::Receiver<Request>,
        mut pause: impl FnMut() -> Duration,
    ) {
        self.compact();
        while let Some(request) = batches.recv().await {
            tokio::time::sleep(pause()).await;
            self.take(request);
        }
        self.close();
    }

    fn take(&mut self, (batch, reply): Request) {
        let written = self.write(&batch);
        self.gauges.size_bytes.store(self.file.size_bytes(), Ordering::Relaxed);
        // Who asked may have gone; the batch is written either way.
        let _gone = reply.send(written);
    }

    fn close(self) {
        if let Err(error) = self.file.close() {
            tracing::error!("the database could not be closed in good order: {}", error_chain(&error));
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), WriteError> {
        match self.file.write(batch) {
            Ok(()) => {
                if self.failures > 0 {
                    tracing::info!(failures = self.failures, "the database is written again");
                    self.failures = 0;
                }
                Ok(())
            }
            Err(source) => {
                let error = WriteError::File { file: self.file.path().to_owned(), source: Box::new(source) };
                if self.failures == 0 {
                    tracing::error!(
                        "{}; polling goes on, and writing is tried again: what is not written is lost by a restart",
                        error_chain(&error)
                    );
                }
                self.failures += 1;
                self.gauges.write_errors.fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    fn compact(&mut self) {
        let before = self.file.size_bytes();
        match self.file.compact() {
            Ok(false) => {}
            Ok(true) => tracing::info!(before, after = self.file.size_bytes(), "the database was made smaller"),
            Err(error) => {
                self.gauges.compact_errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("the database could not be made smaller: {}", error_chain(&error));
            }
        }
        self.gauges.size_bytes.store(self.file.size_bytes(), Ordering::Relaxed);
    }
}
