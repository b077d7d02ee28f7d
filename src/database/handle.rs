//! The handle by which the loop speaks with the background task.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::disk::{Disk, Folder};
use super::error::Damage;
use super::file::{FILE_NAME, File};
use super::writer::{Request, Writer};
use super::{Batch, Contents, DatabaseError, WriteError};

/// Batches that may wait: none, for the next one is made when the last is written. Slower writing makes larger batches.
const QUEUE: usize = 1;

/// An operation that may fail; the label `operation` of `koreai_exporter_storage_errors_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Writing a batch.
    Write,
    /// Making the file smaller.
    Compact,
}

impl Operation {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Write, Self::Compact];

    /// The value of the label `operation`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Compact => "compact",
        }
    }
}

/// An open database. Its file is closed when this is dropped, soon after; [`Self::close`] waits for it.
pub struct Database {
    batches: mpsc::Sender<Request>,
    gauges: Arc<Gauges>,
    task: JoinHandle<()>,
}

/// What the background task shows of itself.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    pub(super) size_bytes: AtomicU64,
    pub(super) write_errors: AtomicU64,
    pub(super) compact_errors: AtomicU64,
}

impl Database {
    /// Opens the database of a folder, which is made where there is none, and reads all of it.
    ///
    /// # Errors
    /// A file that another process has, that is damaged, or that a later version wrote: it is left as it is.
    pub async fn open(folder: &Path) -> Result<(Self, Contents), DatabaseError> {
        let (batches, receiver) = mpsc::channel(QUEUE);
        let (sender, opened) = oneshot::channel();
        let gauges = Arc::new(Gauges::default());
        let (disk, shown) = (Arc::new(Folder::new(folder)), gauges.clone());
        let task = tokio::task::spawn_blocking(move || match File::open(disk) {
            Ok((file, contents)) => {
                let writer = Writer::new(file, shown);
                if sender.send(Ok(contents)).is_ok() {
                    writer.run(receiver);
                }
            }
            // Who asked may have gone; then nobody needs the answer.
            Err(error) => drop(sender.send(Err(error))),
        });
        match opened.await {
            Ok(Ok(contents)) => Ok((Self { batches, gauges, task }, contents)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(DatabaseError::Damaged { file: folder.join(FILE_NAME), source: Damage::Panicked }),
        }
    }

    /// The same without a thread: the file is opened here, and written by a task of the current runtime, each batch after
    /// the time that `pause` gives. For simulations, whose clock stands while a thread lives.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_in_place(
        disk: Arc<dyn Disk>,
        pause: impl FnMut() -> Duration + Send + 'static,
    ) -> Result<(Self, Contents), DatabaseError> {
        let (batches, receiver) = mpsc::channel(QUEUE);
        let gauges = Arc::new(Gauges::default());
        let (file, contents) = File::open(disk)?;
        let task = tokio::spawn(Writer::new(file, gauges.clone()).run_in_place(receiver, pause));
        Ok((Self { batches, gauges, task }, contents))
    }

    /// Has a batch written; the answer comes when it is on the disk, all of it, or when that failed, and then nothing of it
    /// is. To be called again only after the answer.
    pub fn write(&self, batch: Batch) -> oneshot::Receiver<Result<(), WriteError>> {
        let (reply, written) = oneshot::channel();
        // A task that has ended, and a batch that comes too early, drop `reply`: the receiver sees an error.
        let _refused = self.batches.try_send((batch, reply));
        written
    }

    /// The size of the file in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.gauges.size_bytes.load(Ordering::Relaxed)
    }

    /// How often an operation has failed.
    pub fn errors(&self, operation: Operation) -> u64 {
        let count = match operation {
            Operation::Write => &self.gauges.write_errors,
            Operation::Compact => &self.gauges.compact_errors,
        };
        count.load(Ordering::Relaxed)
    }

    /// Closes the file after what is being written.
    pub async fn close(self) {
        drop(self.batches);
        if let Err(error) = self.task.await {
            tracing::error!(error = %error, "the database's task ended early");
        }
    }
}
