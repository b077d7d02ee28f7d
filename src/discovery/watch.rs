//! Tells when something happens in the folders of a source's patterns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Folders made one in another faster than we look: the refresh finds the rest.
const MAX_LOOKS: usize = 8;

/// Watches folders, not files: a file that is replaced by renaming, or reached through a `ConfigMap`'s swapped symlink, is
/// a new file in the same folder. Where the system cannot watch, the refresh is all there is.
pub(super) struct DirectoryWatch {
    watcher: Option<RecommendedWatcher>,
    /// By folder, which folder it was: one that is removed and made again is another.
    watched: BTreeMap<PathBuf, u64>,
}

impl DirectoryWatch {
    /// `changed` is notified of everything but reading.
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
                |error| tracing::warn!(%error, "folders cannot be watched, target files are read at every refresh"),
            )
            .ok();
        Self { watcher, watched: BTreeMap::new() }
    }

    /// Watches the folders of `patterns`, or while one does not exist, the nearest above it.
    pub(super) fn follow_all(&mut self, patterns: &[String]) {
        // A folder may have been made between the look and the watch; then there is a nearer one now.
        for _ in 0..MAX_LOOKS {
            if !self.follow(patterns) {
                return;
            }
        }
    }

    /// Whether a folder is watched that was not before.
    fn follow(&mut self, patterns: &[String]) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let wanted: BTreeMap<PathBuf, u64> = patterns.iter().filter_map(|pattern| nearest_folder(pattern)).collect();
        let gone: Vec<_> = self
            .watched
            .iter()
            .filter(|(path, id)| wanted.get(*path) != Some(*id))
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            self.watched.remove(&path);
            // A folder that is gone is no longer watched; the system may say so.
            if let Err(error) = watcher.unwatch(&path) {
                tracing::debug!(folder = %path.display(), %error, "a folder was no longer watched");
            }
        }
        let mut fresh = false;
        for (path, id) in wanted {
            if self.watched.contains_key(&path) {
                continue;
            }
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path, id);
                    fresh = true;
                }
                Err(error) => {
                    tracing::debug!(folder = %path.display(), %error, "a folder cannot be watched");
                }
            }
        }
        fresh
    }
}

fn nearest_folder(pattern: &str) -> Option<(PathBuf, u64)> {
    let folders = Path::new(pattern).ancestors().skip(1);
    folders.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder }).find_map(|folder| {
        let metadata = std::fs::metadata(folder).ok().filter(std::fs::Metadata::is_dir)?;
        #[cfg(unix)]
        let id = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let id = metadata.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
        Some((folder.to_owned(), id))
    })
}
