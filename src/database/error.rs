//! What can go wrong with the database.

use std::io;
use std::path::PathBuf;

/// Why the database cannot be opened. Nothing in the file was changed, except for what a crash had left half done.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The folder cannot be made.
    #[error("make the folder {} of the database; give another one as --storage.path", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A new file cannot be made.
    #[error("make the database {}", .file.display())]
    Create {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: Box<redb::Error>,
    },
    /// Another process has it.
    #[error("the database {} is in use by another process; each exporter needs a --storage.path of its own", .file.display())]
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error(
        "the database {} has format {found}, written by koreai_exporter {written_by}; this version knows format {known}: \
         use that version or a later one, or move the file away to start anew", .file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u32,
        /// The latest format that this version knows.
        known: u32,
        /// Which version wrote it.
        written_by: String,
    },
    /// It is damaged, or was made by another program.
    #[error(
        "the database {} is damaged or not one of ours; restore a copy, or move the file away to start anew: all jobs that \
         sources still name are then asked about and counted again", .file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        #[source]
        source: Damage,
    },
    /// The file cannot be read or written.
    #[error("open the database {}", .file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: Box<redb::Error>,
    },
}

/// What does not fit in a damaged file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Its pages.
    #[error(transparent)]
    Pages(Box<redb::Error>),
    /// It does not say which format it has.
    #[error("it does not say which format it has")]
    NoFormat,
    /// A row.
    #[error("a row of table {table} cannot be read")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        #[source]
        source: RowError,
    },
    /// Reading it ended in a panic.
    #[error("reading it ended early; the log has more")]
    Panicked,
}

/// Why a row cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// Its bytes.
    #[error("its bytes are none of this format")]
    Bytes(#[source] postcard::Error),
    /// Bytes behind its end.
    #[error("it is longer than it should be")]
    TooLong,
    /// A value.
    #[error("its {0} is none")]
    Value(&'static str),
}

/// Why a batch was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file; most often the disk is full.
    #[error("write to the database {}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: Box<redb::Error>,
    },
    /// The background task has ended.
    #[error("the database's task has ended; this is a bug, please report it with the log")]
    Ended,
}
