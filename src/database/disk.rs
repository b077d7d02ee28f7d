//! The storage of the file: a directory, or a simulated disk.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError};

/// The name of the file in the storage directory.
pub const FILE_NAME: &str = "koreai_exporter.redb";

/// The name of a file that is not complete yet; it is renamed when it is, so that a crash leaves a complete file or none.
const UNFINISHED_NAME: &str = "koreai_exporter.redb.new";

/// Storage for one database: a directory, or a simulated disk.
pub trait Disk: Debug + Send + Sync + 'static {
    /// The directory, for messages.
    fn folder(&self) -> &Path;

    /// Creates the directory if it is missing; returns whether the file exists.
    ///
    /// # Errors
    /// The directory cannot be created or read.
    fn prepare(&self) -> io::Result<bool>;

    /// Creates an empty file under a temporary name, replacing an unfinished one of an earlier start.
    ///
    /// # Errors
    /// The file cannot be created.
    fn create(&self, builder: &Builder) -> Result<Database, redb::Error>;

    /// Renames the file of [`Self::create`] to its final name.
    ///
    /// # Errors
    /// The file cannot be renamed.
    fn complete(&self) -> io::Result<()>;

    /// Opens the file; an empty one is refused.
    ///
    /// # Errors
    /// The file is missing, in use, damaged, or not a redb file.
    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError>;

    /// The size of the file in bytes; 0 if it cannot be determined.
    fn size_bytes(&self) -> u64;

    /// A new key for the digests of remembered jobs: random, except in a simulation, whose pages must be the same in each run.
    fn new_digest_key(&self) -> [u8; 16] {
        rand::random()
    }
}

/// A directory of the file system.
#[derive(Debug)]
pub struct Directory {
    folder: PathBuf,
    file: PathBuf,
}

impl Directory {
    /// This directory, which may be missing.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), file: folder.join(FILE_NAME) }
    }

    fn unfinished(&self) -> PathBuf {
        self.folder.join(UNFINISHED_NAME)
    }
}

impl Disk for Directory {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn prepare(&self) -> io::Result<bool> {
        std::fs::create_dir_all(&self.folder)?;
        self.file.try_exists()
    }

    fn create(&self, builder: &Builder) -> Result<Database, redb::Error> {
        let unfinished = self.unfinished();
        if unfinished.exists() {
            std::fs::remove_file(&unfinished)?;
        }
        Ok(builder.create(unfinished)?)
    }

    fn complete(&self) -> io::Result<()> {
        std::fs::rename(self.unfinished(), &self.file)
    }

    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.open(&self.file)
    }

    fn size_bytes(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |metadata| metadata.len())
    }
}
