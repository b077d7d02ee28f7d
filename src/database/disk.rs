//! Where the file lies.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError};

use super::file::FILE_NAME;

/// A file that is not complete yet; it gets its name when it is, so that a crash leaves a whole file or none.
const UNFINISHED_NAME: &str = "koreai_exporter.redb.new";

/// A place for one database: a folder, or what a simulation has for a disk.
pub trait Disk: Debug + Send + Sync + 'static {
    /// The folder, for messages.
    fn folder(&self) -> &Path;

    /// Makes the folder where there is none, and says whether the file is in it.
    ///
    /// # Errors
    /// The folder cannot be made or looked into.
    fn prepare(&self) -> io::Result<bool>;

    /// Makes an empty file under another name, in place of one that an earlier start has left unfinished.
    ///
    /// # Errors
    /// It cannot be made.
    fn create(&self, builder: &Builder) -> Result<Database, redb::Error>;

    /// Gives the file that [`Self::create`] made its name.
    ///
    /// # Errors
    /// The disk refuses.
    fn complete(&self) -> io::Result<()>;

    /// Opens the file; an empty one is refused.
    ///
    /// # Errors
    /// There is none, it is in use, damaged, or none of redb's.
    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError>;

    /// The size of the file in bytes; 0 where it cannot be told.
    fn size_bytes(&self) -> u64;
}

/// A folder of the file system.
#[derive(Debug)]
pub struct Folder {
    folder: PathBuf,
    file: PathBuf,
}

impl Folder {
    /// This folder, which need not be there yet.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), file: folder.join(FILE_NAME) }
    }

    fn unfinished(&self) -> PathBuf {
        self.folder.join(UNFINISHED_NAME)
    }
}

impl Disk for Folder {
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
