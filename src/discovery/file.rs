//! `file_sd_configs`: reads target files again when they change.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

use super::error::DiscoveryError;
use super::groups::{Format, Groups, MAX_BYTES};
use super::settings::FileSdSettings;
use super::watch::DirectoryWatch;
use crate::input::{FileStamp, read_bounded_text};
use crate::model::{SourceId, Target, TargetUpdate};

/// The time to collect changes: a file is often written in several steps, and a directory file by file.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// The maximum number of files of one source.
const MAX_FILES: usize = 10_000;
/// The maximum number of targets of one source: ten times the default of `max_jobs`.
pub(super) const MAX_TARGETS: usize = 1_000_000;

/// Reads the files at start, when they change, and at every refresh. Ends when the receiver is dropped.
pub(super) async fn follow(id: SourceId, settings: FileSdSettings, sender: Sender<TargetUpdate>) {
    let changed = Arc::new(Notify::new());
    let mut source = FileSource::new(id, settings.patterns, Arc::clone(&changed));
    loop {
        let scanned = tokio::task::spawn_blocking(move || {
            let update = source.scan();
            (source, update)
        });
        // Fails only when the runtime shuts down or the scan panicked; `run` reports the end of this task.
        let Ok((next, update)) = scanned.await else { return };
        source = next;
        if let Some(update) = update
            && sender.send(update).await.is_err()
        {
            return;
        }
        tokio::select! {
            () = changed.notified() => tokio::time::sleep(DEBOUNCE).await,
            () = tokio::time::sleep(settings.refresh) => {}
            () = sender.closed() => return,
        }
    }
}

struct FileSource {
    id: SourceId,
    patterns: Vec<String>,
    watch: DirectoryWatch,
    files: BTreeMap<PathBuf, TargetFile>,
    /// `up` of the last update; `None` before the first.
    reported: Option<bool>,
    listing_failed: bool,
    /// The patterns that matched no file, as logged.
    empty_patterns: BTreeSet<String>,
}

/// The state of a file as of its last read.
#[derive(Default)]
struct TargetFile {
    stamp: Option<FileStamp>,
    /// Its content as of the last successful read.
    groups: Groups,
    failing: bool,
}

impl FileSource {
    fn new(id: SourceId, patterns: Vec<String>, changed: Arc<Notify>) -> Self {
        let watch = DirectoryWatch::new(changed);
        Self {
            id,
            patterns,
            watch,
            files: BTreeMap::new(),
            reported: None,
            listing_failed: false,
            empty_patterns: BTreeSet::new(),
        }
    }

    /// Checks every file; returns an update if something has changed.
    fn scan(&mut self) -> Option<TargetUpdate> {
        // Watch before listing: changes after the listing are then noticed.
        self.watch.follow_all(&self.patterns);
        let mut changed = false;
        let listed = match self.list() {
            Ok(listed) => {
                if std::mem::take(&mut self.listing_failed) {
                    tracing::info!(bot = %self.id.bot, source = %self.id.name, "target files listed again");
                }
                let before = self.files.len();
                self.files.retain(|path, _| listed.contains(path));
                changed |= self.files.len() != before;
                listed
            }
            // A failed listing does not mean that the files are gone.
            Err(error) => {
                if !std::mem::replace(&mut self.listing_failed, true) {
                    let error = &error as &dyn Error;
                    tracing::error!(bot = %self.id.bot, source = %self.id.name, error, "cannot list target files; keeping the previous targets");
                }
                self.files.keys().cloned().collect()
            }
        };
        for path in listed {
            let file = self.files.entry(path.clone()).or_default();
            changed |= file.read_if_changed(&path, &self.id);
        }
        self.report_empty_patterns();
        let up = !self.listing_failed && self.files.values().all(|file| !file.failing);
        if !changed && self.reported == Some(up) {
            return None;
        }
        self.reported = Some(up);
        let (targets, invalid) = self.union();
        Some(TargetUpdate { source: self.id.clone(), targets: Some(targets), up, invalid })
    }

    fn list(&self) -> Result<BTreeSet<PathBuf>, DiscoveryError> {
        let mut listed = BTreeSet::new();
        for pattern in &self.patterns {
            let failed = |why: String| DiscoveryError::List { pattern: pattern.clone(), why };
            for path in glob::glob(pattern).map_err(|error| failed(error.to_string()))? {
                let path = path.map_err(|error| failed(error.to_string()))?;
                if path.is_dir() {
                    continue;
                }
                listed.insert(path);
                if listed.len() > MAX_FILES {
                    return Err(failed(format!("more than {MAX_FILES} files match")));
                }
            }
        }
        Ok(listed)
    }

    /// The targets of all files, each ID once: the first file in path order wins, and the first group in it.
    fn union(&self) -> (Vec<Target>, u64) {
        let invalid = self.files.values().map(|file| file.groups.invalid).sum();
        let (targets, beyond) =
            first_of_each(self.files.values().flat_map(|file| &file.groups.targets).cloned(), &self.id);
        (targets, beyond.saturating_add(invalid))
    }
}

/// Keeps the first target of each ID; also returns the number of targets beyond [`MAX_TARGETS`].
pub(super) fn first_of_each(targets: impl Iterator<Item = Target>, id: &SourceId) -> (Vec<Target>, u64) {
    let (mut seen, mut kept, mut beyond) = (HashSet::new(), Vec::new(), 0_u64);
    for target in targets {
        if seen.contains(&target.id) {
            continue;
        }
        if kept.len() == MAX_TARGETS {
            beyond += 1;
            continue;
        }
        seen.insert(target.id.clone());
        kept.push(target);
    }
    if beyond > 0 {
        tracing::warn!(bot = %id.bot, source = %id.name, beyond, "source has more than {MAX_TARGETS} targets; dropping the last ones");
    }
    (kept, beyond)
}

impl FileSource {
    /// Logs a pattern that matches no file, once until it does: it may be misspelt, or the first file is still to come.
    fn report_empty_patterns(&mut self) {
        for pattern in &self.patterns {
            let matches =
                glob::Pattern::new(pattern).is_ok_and(|glob| self.files.keys().any(|path| glob.matches_path(path)));
            if matches {
                self.empty_patterns.remove(pattern);
            } else if !self.listing_failed && self.empty_patterns.insert(pattern.clone()) {
                tracing::warn!(bot = %self.id.bot, source = %self.id.name, pattern, "pattern of target files matches no file");
            }
        }
    }
}

impl TargetFile {
    /// Returns whether the file was read, successfully or not.
    fn read_if_changed(&mut self, path: &Path, id: &SourceId) -> bool {
        let stamp = FileStamp::of(path);
        if stamp.is_some() && stamp == self.stamp {
            return false;
        }
        self.stamp = stamp;
        match read(path) {
            Ok(groups) => {
                if groups.invalid > 0 {
                    let (invalid, first) = (groups.invalid, groups.complaints.join("; "));
                    tracing::warn!(bot = %id.bot, source = %id.name, file = %path.display(), invalid, first, "skipping invalid targets of a file");
                }
                if std::mem::take(&mut self.failing) {
                    tracing::info!(bot = %id.bot, source = %id.name, file = %path.display(), "target file read again");
                }
                self.groups = groups;
            }
            Err(error) => {
                self.failing = true;
                // `path:line`, which editors can open.
                let place = match &error {
                    DiscoveryError::Parse { line, .. } => format!("{}:{line}", path.display()),
                    _ => path.display().to_string(),
                };
                let error = &error as &dyn Error;
                tracing::error!(bot = %id.bot, source = %id.name, file = place, error, "cannot read target file; keeping its previous targets");
            }
        }
        true
    }
}

fn read(path: &Path) -> Result<Groups, DiscoveryError> {
    let text = read_bounded_text(path, MAX_BYTES)
        .map_err(|source| DiscoveryError::ReadFile { path: path.to_owned(), source })?;
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    Groups::parse(&text, if json { Format::Json } else { Format::Yaml })
}
