//! The handle to the background task.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use enum_map::EnumMap;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::batch::{Batch, Contents};
use super::disk::{Directory, Disk, FILE_NAME};
use super::error::{Damage, DatabaseError, ReadError, WriteError};
use super::file::{File, RememberedRow};
use super::writer::{Gauges, Request, Writer};
use crate::model::{JobKey, StorageOperation};

/// Requests in the queue: one batch, because the next batch is made when the previous one is written, and one read. Slow
/// writes make larger batches.
const QUEUE: usize = 2;

/// An open database. Its file is closed soon after this is dropped; [`Self::close`] waits for it.
pub struct Database {
    requests: mpsc::Sender<Request>,
    gauges: Arc<Gauges>,
    task: JoinHandle<()>,
}

impl Database {
    /// Opens the database in a directory and reads all of it. Creates directory and file if they are missing.
    ///
    /// # Errors
    /// The file is in use by another process, damaged, or written by a later version. It is left unchanged.
    pub async fn open(directory: &Path) -> Result<(Self, Contents), DatabaseError> {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let (sender, opened) = oneshot::channel();
        let gauges = Arc::new(Gauges::default());
        let (disk, shown) = (Arc::new(Directory::new(directory)), gauges.clone());
        let task = tokio::task::spawn_blocking(move || match File::open(disk) {
            Ok((file, contents)) => {
                let writer = Writer::new(file, shown);
                if sender.send(Ok(contents)).is_ok() {
                    writer.run(receiver);
                }
            }
            // The receiver may have been dropped; then nobody needs the error.
            Err(error) => drop(sender.send(Err(error))),
        });
        match opened.await {
            Ok(Ok(contents)) => Ok((Self { requests, gauges, task }, contents)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(DatabaseError::Damaged { file: directory.join(FILE_NAME), source: Damage::Panicked }),
        }
    }

    /// Opens the database without a thread: the file is opened here, and a task of the current runtime writes each batch
    /// after the time that `pause` returns. For simulations, whose clock does not advance while a thread runs.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_in_place(
        disk: Arc<dyn Disk>,
        pause: impl FnMut() -> Duration + Send + 'static,
    ) -> Result<(Self, Contents), DatabaseError> {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let gauges = Arc::new(Gauges::default());
        let (file, contents) = File::open(disk)?;
        let task = tokio::spawn(Writer::new(file, gauges.clone()).run_in_place(receiver, pause));
        Ok((Self { requests, gauges, task }, contents))
    }

    /// Queues a batch. The receiver resolves when the whole batch is on disk, or when the write failed and nothing of it
    /// is. To be called again only after that.
    pub fn write(&self, batch: Batch) -> oneshot::Receiver<Result<(), WriteError>> {
        let (reply, written) = oneshot::channel();
        // If the task has ended or the queue is full, `reply` is dropped and the receiver gets an error.
        let _refused = self.requests.try_send(Request::Write(Box::new(batch), reply));
        written
    }

    /// Queues a read of the rows of remembered jobs, in the order of the keys. To be called again only when the receiver has
    /// resolved.
    pub fn read(&self, jobs: Vec<JobKey>) -> oneshot::Receiver<Result<Vec<RememberedRow>, ReadError>> {
        let (reply, read) = oneshot::channel();
        let _refused = self.requests.try_send(Request::Read(jobs, reply));
        read
    }

    /// The size of the file in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.gauges.size_bytes.load(Ordering::Relaxed)
    }

    /// Failures of each operation.
    pub fn errors(&self) -> EnumMap<StorageOperation, u64> {
        EnumMap::from_fn(|operation| self.gauges.errors[operation].load(Ordering::Relaxed))
    }

    /// Closes the file after the batch that is being written.
    pub async fn close(self) {
        drop(self.requests);
        if let Err(error) = self.task.await {
            tracing::error!(error = %error, "internal error: the database task ended unexpectedly");
        }
    }
}
