//! The background task that owns the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use enum_map::EnumMap;
use tokio::sync::{mpsc, oneshot};

use super::batch::Batch;
use super::error::{ReadError, WriteError};
use super::file::{File, RememberedRow};
use crate::model::{JobKey, StorageOperation, error_chain};

/// A request to the background task, with the sender for its result.
pub(super) enum Request {
    Write(Box<Batch>, oneshot::Sender<Result<(), WriteError>>),
    Read(Vec<JobKey>, oneshot::Sender<Result<Vec<RememberedRow>, ReadError>>),
}

/// What the background task reports about itself.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    pub(super) size_bytes: AtomicU64,
    pub(super) errors: EnumMap<StorageOperation, AtomicU64>,
}

/// The file, and the failures since the last successful write.
pub(super) struct Writer {
    file: File,
    gauges: Arc<Gauges>,
    /// Consecutive failures; the first one and the recovery are logged.
    failures: u64,
}

impl Writer {
    pub(super) fn new(file: File, gauges: Arc<Gauges>) -> Self {
        gauges.size_bytes.store(file.size_bytes(), Ordering::Relaxed);
        Self { file, gauges, failures: 0 }
    }

    /// Handles requests until the sender is dropped; then closes the file.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        self.compact();
        while let Some(request) = requests.blocking_recv() {
            self.handle(request);
        }
        self.close();
    }

    /// As [`Self::run`], but blocks only while it reads and writes; each batch first waits for the time that `pause` returns.
    pub(super) async fn run_in_place(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut pause: impl FnMut() -> Duration,
    ) {
        self.compact();
        while let Some(request) = requests.recv().await {
            if let Request::Write(..) = request {
                tokio::time::sleep(pause()).await;
            }
            self.handle(request);
        }
        self.close();
    }

    fn handle(&mut self, request: Request) {
        // The receiver may have been dropped; a batch is written either way.
        match request {
            Request::Write(batch, reply) => {
                let written = self.write(&batch);
                self.gauges.size_bytes.store(self.file.size_bytes(), Ordering::Relaxed);
                let _gone = reply.send(written);
            }
            Request::Read(jobs, reply) => drop(reply.send(self.read(&jobs))),
        }
    }

    fn read(&mut self, jobs: &[JobKey]) -> Result<Vec<RememberedRow>, ReadError> {
        self.file.read(jobs).map_err(|source| {
            let error = ReadError::File { file: self.file.path().to_owned(), source: Box::new(source) };
            self.gauges.errors[StorageOperation::Read].fetch_add(1, Ordering::Relaxed);
            error
        })
    }

    fn close(self) {
        if let Err(error) = self.file.close() {
            tracing::error!(error = error_chain(&error), "failed to close the database cleanly");
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), WriteError> {
        match self.file.write(batch) {
            Ok(()) => {
                if self.failures > 0 {
                    tracing::info!(failures = self.failures, "database writes succeed again");
                    self.failures = 0;
                }
                Ok(())
            }
            Err(source) => {
                let error = WriteError::File { file: self.file.path().to_owned(), source: Box::new(source) };
                if self.failures == 0 {
                    tracing::error!(
                        error = error_chain(&error),
                        "failed to write to the database; polling continues, the write is retried, and a restart before \
                         it succeeds loses unwritten data"
                    );
                }
                self.failures += 1;
                self.gauges.errors[StorageOperation::Write].fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    fn compact(&mut self) {
        let before = self.file.size_bytes();
        match self.file.compact() {
            Ok(false) => {}
            Ok(true) => tracing::info!(before, after = self.file.size_bytes(), "database compacted"),
            Err(error) => {
                self.gauges.errors[StorageOperation::Compact].fetch_add(1, Ordering::Relaxed);
                tracing::warn!(error = error_chain(&error), "failed to compact the database");
            }
        }
        self.gauges.size_bytes.store(self.file.size_bytes(), Ordering::Relaxed);
    }
}
