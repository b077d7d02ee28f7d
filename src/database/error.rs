//! Errors of the database.

use std::io;
use std::path::PathBuf;

/// Why the database cannot be opened. The file is unchanged, except that an unfinished transaction was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The storage directory cannot be created.
    #[error(
        "cannot create storage directory {}{}; choose another with --storage.path", .directory.display(), as_user()
    )]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A new file cannot be created.
    #[error(
        "cannot create database {}{}; let this user write to the directory, or choose another with --storage.path",
        .file.display(), as_user()
    )]
    Create {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: Box<redb::Error>,
    },
    /// Another process has the file open.
    #[error("database {} is in use by another process; give each exporter its own --storage.path", .file.display())]
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// A later version of this program wrote the file.
    #[error(
        "database {} has format {found}, written by koreai_exporter {written_by}; this version reads formats up to {known}: \
         use that version or a later one, or move the file away to start with an empty database", .file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// The format of the file.
        found: u32,
        /// The latest format that this version reads.
        known: u32,
        /// The version that wrote it.
        written_by: String,
    },
    /// The file is damaged, or was created by another program.
    #[error(
        "database {} is damaged or not a koreai_exporter database; restore a copy, or move the file away to start with an \
         empty database: all jobs that sources still name are then polled and counted again", .file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The damage.
        #[source]
        source: Damage,
    },
    /// The file cannot be read or written.
    #[error("cannot open database {}{}", .file.display(), as_user())]
    Open {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: Box<redb::Error>,
    },
}

/// The user of this process, for messages about access; empty on systems that do not tell.
fn as_user() -> String {
    #[cfg(unix)]
    if let Ok(process) = std::fs::metadata("/proc/self") {
        return format!(" as the user with the ID {}", std::os::unix::fs::MetadataExt::uid(&process));
    }
    String::new()
}

/// The damage of a file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// In its pages.
    #[error(transparent)]
    Pages(Box<redb::Error>),
    /// The format is missing.
    #[error("the format version is missing")]
    NoFormat,
    /// In a row.
    #[error("invalid row in table {table}")]
    Row {
        /// The table.
        table: &'static str,
        /// The cause.
        #[source]
        source: RowError,
    },
    /// Reading it panicked.
    #[error("internal error: reading the database panicked; the log has the details")]
    Panicked,
}

/// Why a row cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// Bytes that are not a row.
    #[error("the bytes are not a row of this format")]
    Bytes(#[source] postcard::Error),
    /// Bytes after its end.
    #[error("unexpected bytes after the end of the row")]
    TooLong,
    /// An invalid value.
    #[error("invalid {0}")]
    Value(&'static str),
}

/// Why rows were not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error("cannot read from database {}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: Box<redb::Error>,
    },
    /// The background task has ended.
    #[error("internal error: the database task ended unexpectedly; please report this with the log")]
    Ended,
}

/// Why a batch was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file; most often the disk is full.
    #[error("cannot write to database {}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: Box<redb::Error>,
    },
    /// The background task has ended.
    #[error("internal error: the database task ended unexpectedly; please report this with the log")]
    Ended,
}
