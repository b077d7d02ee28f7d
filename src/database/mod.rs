//! The embedded database: one file that keeps jobs, counters and calls across restarts.
//!
//! A [`Batch`] is one transaction: the counts of jobs and the counters of their bot always agree, so that a crash loses
//! what was not written and counts nothing twice. One background task owns the file and takes one batch at a time. In
//! reading order:
//!
//! - [`Database`]: the handle: open, write, close.
//! - `writer`: the background task.
//! - `file`: tables and transactions; the only code that uses `redb` but [`Disk`].
//! - [`Disk`]: the storage of the file.
//! - `format`: the format, its versions, and how a stored field is added.
//! - [`Batch`], [`Contents`]: what is written and what is read.
//! - `remembered_rows`: the rows of jobs without series, which are read one by one.
//! - `job_row`, `bot_row`, `campaign_row`, `v1`: the layout of rows, now and in format 1.
//! - `codes`, `encoding`: the stored codes of enums, and how rows are encoded.

mod batch;
mod bot_row;
mod campaign_row;
mod codes;
mod disk;
mod encoding;
mod error;
mod file;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod handle;
mod job_row;
mod remembered_rows;
mod v1;
mod writer;

#[cfg(test)]
mod tests;

pub use batch::{Batch, BotCalls, Contents};
pub use disk::{Directory, Disk, FILE_NAME};
pub use error::{DatabaseError, ReadError, RowError, WriteError};
pub use file::RememberedRow;
pub use handle::Database;
