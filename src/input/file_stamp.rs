//! Telling a changed file without reading it.

use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

/// What differs when a file has changed. Links are followed: files that Kubernetes mounts are links that are swapped, and
/// what counts is where they point. Inode and change time tell a file that was replaced by one of the same size within
/// the precision of the modification time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
    changed_nanos: i64,
}

impl FileStamp {
    /// The stamp of a file; `None` where there is none, or it cannot be looked at.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaced_by_one_of_the_same_size_and_age_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("secret"), folder.path().join("other"));
        std::fs::write(&path, "old").unwrap();
        std::fs::write(&other, "new").unwrap();
        let before = FileStamp::of(&path).unwrap();
        assert_eq!(FileStamp::of(&path), Some(before.clone()));
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::File::open(&other).unwrap().set_modified(modified).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(FileStamp::of(&path), Some(before));
        assert_eq!(FileStamp::of(&folder.path().join("absent")), None);
    }
}
