//! Notifies when something changes in the directories of a source's patterns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// The maximum number of passes while nested directories are being created. The refresh finds the rest.
const MAX_PASSES: usize = 8;

/// Watches directories, not files: a file that is replaced by renaming, or reached through a `ConfigMap`'s swapped symbolic
/// link, is a new file in the same directory. If the system cannot watch, only the refresh finds changes.
pub(super) struct DirectoryWatch {
    watcher: Option<RecommendedWatcher>,
    /// Inodes by directory: a directory that is removed and created again has a different one.
    watched: BTreeMap<PathBuf, u64>,
}

impl DirectoryWatch {
    /// `changed` is notified of every event except reads.
    pub(super) fn new(changed: Arc<Notify>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let only_read = event.is_ok_and(|event| match event.kind {
                EventKind::Access(kind) => kind != AccessKind::Close(AccessMode::Write),
                _ => false,
            });
            if !only_read {
                changed.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(
                |error| tracing::warn!(%error, "cannot watch directories; target files are only read at every refresh"),
            )
            .ok();
        Self { watcher, watched: BTreeMap::new() }
    }

    /// Watches the directories of `patterns`. For a directory that does not exist, watches its nearest existing ancestor.
    pub(super) fn follow_all(&mut self, patterns: &[String]) {
        // A directory may have been created between the check and the watch.
        for _ in 0..MAX_PASSES {
            if !self.follow(patterns) {
                return;
            }
        }
    }

    /// Returns whether a new directory is watched.
    fn follow(&mut self, patterns: &[String]) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let existing: BTreeMap<PathBuf, u64> =
            patterns.iter().filter_map(|pattern| nearest_directory(pattern)).collect();
        let gone: Vec<_> = self
            .watched
            .iter()
            .filter(|(path, id)| existing.get(*path) != Some(*id))
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            self.watched.remove(&path);
            // The system reports an error if the directory is gone.
            if let Err(error) = watcher.unwatch(&path) {
                tracing::debug!(directory = %path.display(), %error, "directory was no longer watched");
            }
        }
        let mut fresh = false;
        for (path, id) in existing {
            if self.watched.contains_key(&path) {
                continue;
            }
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path, id);
                    fresh = true;
                }
                Err(error) => {
                    tracing::debug!(directory = %path.display(), %error, "cannot watch directory");
                }
            }
        }
        fresh
    }
}

fn nearest_directory(pattern: &str) -> Option<(PathBuf, u64)> {
    let directories = Path::new(pattern).ancestors().skip(1);
    directories.map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path }).find_map(|directory| {
        let metadata = std::fs::metadata(directory).ok().filter(std::fs::Metadata::is_dir)?;
        #[cfg(unix)]
        let id = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let id = metadata.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
        Some((directory.to_owned(), id))
    })
}
