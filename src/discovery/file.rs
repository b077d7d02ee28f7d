//! `file_sd_configs`: files of targets, followed as they change.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::error::Error;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

use super::error::DiscoveryError;
use super::groups::{Format, Groups, MAX_BYTES};
use super::settings::FileSdSettings;
use super::watch::DirectoryWatch;
use crate::input::FileStamp;
use crate::model::{SourceId, Target, TargetUpdate};

/// How long changes are gathered: a file is written in several steps, a folder in several files.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// Files of one source.
const MAX_FILES: usize = 10_000;
/// Targets of one source; ten times the default of `max_jobs`.
pub(super) const MAX_TARGETS: usize = 1_000_000;

/// Reads the files at once, then whenever they change and at every refresh. Ends when nobody receives.
pub(super) async fn follow(id: SourceId, settings: FileSdSettings, sender: Sender<TargetUpdate>) {
    let changed = Arc::new(Notify::new());
    let mut source = FileSource::new(id, settings.patterns, Arc::clone(&changed));
    loop {
        let scanned = tokio::task::spawn_blocking(move || {
            let update = source.scan();
            (source, update)
        });
        // It ends early only with the runtime, or in a panic that ends this task too.
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
    /// `up` of the last report; `None` before the first.
    reported: Option<bool>,
    listing_failed: bool,
}

/// A file, as it was when it was last read.
#[derive(Default)]
struct TargetFile {
    stamp: Option<FileStamp>,
    /// What it named when it could last be read.
    good: Groups,
    broken: bool,
}

impl FileSource {
    fn new(id: SourceId, patterns: Vec<String>, changed: Arc<Notify>) -> Self {
        let watch = DirectoryWatch::new(changed);
        Self { id, patterns, watch, files: BTreeMap::new(), reported: None, listing_failed: false }
    }

    /// Looks at every file; an update when there is something to say.
    fn scan(&mut self) -> Option<TargetUpdate> {
        // Watched first, so that nothing that happens after the listing goes unseen.
        self.watch.follow_all(&self.patterns);
        let mut changed = false;
        let listed = match self.list() {
            Ok(listed) => {
                if std::mem::take(&mut self.listing_failed) {
                    tracing::info!(bot = %self.id.bot, source = %self.id.name, "target files can be listed again");
                }
                let before = self.files.len();
                self.files.retain(|path, _| listed.contains(path));
                changed |= self.files.len() != before;
                listed
            }
            // What cannot be listed has not vanished.
            Err(error) => {
                if !std::mem::replace(&mut self.listing_failed, true) {
                    let error = &error as &dyn Error;
                    tracing::warn!(bot = %self.id.bot, source = %self.id.name, error, "target files cannot be listed, what was read before stays in force");
                }
                self.files.keys().cloned().collect()
            }
        };
        for path in listed {
            let file = self.files.entry(path.clone()).or_default();
            changed |= file.read_if_changed(&path, &self.id);
        }
        let up = !self.listing_failed && self.files.values().all(|file| !file.broken);
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
                    return Err(failed(format!("there are more than {MAX_FILES}")));
                }
            }
        }
        Ok(listed)
    }

    /// What all files name together, each ID once: the first file in the order of paths wins, and the first group in it.
    fn union(&self) -> (Vec<Target>, u64) {
        let invalid = self.files.values().map(|file| file.good.invalid).sum();
        let (targets, beyond) =
            first_of_each(self.files.values().flat_map(|file| &file.good.targets).cloned(), &self.id);
        (targets, beyond.saturating_add(invalid))
    }
}

/// Each ID once, the first wins; and how many were beyond [`MAX_TARGETS`].
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
        tracing::warn!(bot = %id.bot, source = %id.name, beyond, "a source names more than {MAX_TARGETS} targets, the last are left out");
    }
    (kept, beyond)
}

impl TargetFile {
    /// Whether it was read, well or not.
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
                    tracing::warn!(bot = %id.bot, source = %id.name, file = %path.display(), invalid, first, "targets of a file are skipped");
                }
                if std::mem::take(&mut self.broken) {
                    tracing::info!(bot = %id.bot, source = %id.name, file = %path.display(), "a target file can be read again");
                }
                self.good = groups;
            }
            Err(error) => {
                self.broken = true;
                // The place comes first, so that an editor can go there.
                let place = match &error {
                    DiscoveryError::Parse { line, .. } => format!("{}:{line}", path.display()),
                    _ => path.display().to_string(),
                };
                let error = &error as &dyn Error;
                tracing::warn!(bot = %id.bot, source = %id.name, file = place, error, "a target file cannot be read, what it named before stays in force");
            }
        }
        true
    }
}

fn read(path: &Path) -> Result<Groups, DiscoveryError> {
    let failed = |source| DiscoveryError::ReadFile { path: path.to_owned(), source };
    let mut content = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut content)).map_err(failed)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(DiscoveryError::TooLarge { max: MAX_BYTES });
    }
    let text =
        String::from_utf8(content).map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "is not UTF-8")))?;
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    Groups::parse(&text, if json { Format::Json } else { Format::Yaml })
}
