//! The embedded database: one file that keeps jobs, counters and calls over a restart.
//!
//! A [`Batch`] is one transaction: the marks of jobs ("so much of it was counted") and the counters of their bot always
//! agree, so that a crash loses what was not written yet and counts nothing twice. One background task owns the file;
//! it takes one batch at a time. In reading order:
//!
//! - [`Database`]: the handle: open, write, close.
//! - `file`: tables, format, transactions: all that knows `redb`.
//! - [`Disk`]: where the file lies.
//! - [`Batch`], [`Contents`]: what goes in and what comes out.
//! - `job_row`, `bot_row`: how a row is encoded; a change there is a new `FORMAT`.

mod batch;
mod bot_row;
mod disk;
mod error;
mod file;
mod handle;
mod job_row;
mod row;
mod writer;

#[cfg(test)]
mod tests;

pub use batch::{Batch, BotCalls, Contents};
pub use disk::{Disk, Folder};
pub use error::{DatabaseError, RowError, WriteError};
pub use file::FILE_NAME;
pub use handle::{Database, Operation};
