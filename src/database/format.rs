//! The format of tables and rows, and how a change of it is made.
//!
//! The file says which format its rows have. At open, the reader of that format decodes them; rows of an older format
//! are then rewritten in the current one, in one transaction. A file of a later format is refused.
//!
//! # Adding a stored field
//!
//! 1. Raise [`FORMAT`] if its comment says that it is released: an older version must refuse the file, because it would lose
//!    the field. A format that is not released yet may still change.
//! 2. A new variant of a stored enum, a number, text or time of a job: add its code in `codes.rs` (the compiler asks for
//!    it), and for a text or time its line in `job_row.rs`, once in `to_bytes` and once in `read`. Files of older formats
//!    lack the code, which reads as 0, `false` or `None`: no reader changes.
//! 3. Any other field changes the layout of a row: copy the current `JobRow` or `BotRow` as a reader of the format before
//!    (see `v1.rs`), add the field to the row and a line to [`reader`].
//! 4. A new kind of row is a new table in `file.rs`, created with the others; the upgrade creates it in older files.
//! 5. `tests/rows.rs` pins the bytes of a row. Write the new `.hex` file beside the old ones, which stay: they are the
//!    test of the older formats. `tests/storage/upgrade.rs` opens a real file of release 0.1.0.
//! 6. Rows of remembered jobs (`remembered_rows.rs`) are not rewritten: each has the number of its format, and the reader of
//!    that format decodes it when the job returns. The readers of older formats therefore stay.
//! 7. Rows of older formats lack the field: `v1.rs` builds the current rows, so it gives the field its default value.

use super::error::RowError;
use super::{bot_row, job_row, v1};
use crate::model::{BotCounters, JobKey};
use crate::store::PersistedJob;

/// The format that this version writes. Format 1 is that of release 0.1.0. Format 2 is not released yet.
pub(super) const FORMAT: u32 = 2;

/// Decodes the rows of one format.
pub(super) struct RowReader {
    pub(super) job: fn(JobKey, &[u8]) -> Result<PersistedJob, RowError>,
    pub(super) bot: fn(&[u8]) -> Result<BotCounters, RowError>,
}

/// The reader of a format; `None` if the format is not known.
pub(super) fn reader(format: u32) -> Option<RowReader> {
    match format {
        1 => Some(RowReader { job: v1::job, bot: v1::bot }),
        FORMAT => Some(RowReader { job: job_row::from_bytes, bot: bot_row::from_bytes }),
        _ => None,
    }
}
