//! Detecting a changed file without reading it.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The metadata of a file that differ after a change. Symbolic links are followed, because Kubernetes swaps links to
/// update mounted files. Inode and change time detect a replacement of the same size and modification time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
    changed_nanos: i64,
}

impl FileStamp {
    /// The stamp of a file; `None` if its metadata cannot be read.
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let (inode, changed_nanos) = {
            use std::os::unix::fs::MetadataExt;
            (metadata.ino(), metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let (inode, changed_nanos) = (0, 0);
        Self { modified: metadata.modified().ok(), bytes: metadata.len(), inode, changed_nanos }
    }
}

/// The stamps of several files, taken together.
///
/// Record a file before reading it: a change in between is then detected the next time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileStamps(Vec<(PathBuf, Option<FileStamp>)>);

impl FileStamps {
    /// The current stamps of these files.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self(paths.into_iter().map(|path| (path.to_owned(), FileStamp::of(path))).collect())
    }

    /// Adds the current stamp of a file.
    pub fn record(&mut self, path: &Path) {
        self.0.push((path.to_owned(), FileStamp::of(path)));
    }

    /// Whether any of the files has changed since it was recorded. Reads their metadata.
    pub fn have_changed(&self) -> bool {
        self.0.iter().any(|(path, stamp)| FileStamp::of(path) != *stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaced_by_one_of_the_same_size_and_age_has_a_different_stamp() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("secret"), directory.path().join("other"));
        std::fs::write(&path, "old").unwrap();
        std::fs::write(&other, "new").unwrap();
        let before = FileStamp::of(&path).unwrap();
        assert_eq!(FileStamp::of(&path), Some(before.clone()));
        let stamps = FileStamps::of([path.as_path()]);
        assert!(!stamps.have_changed());
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::File::open(&other).unwrap().set_modified(modified).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(FileStamp::of(&path), Some(before));
        assert!(stamps.have_changed());
        assert_eq!(FileStamp::of(&directory.path().join("absent")), None);
    }
}
