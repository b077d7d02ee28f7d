//! The file on disk: read at start, and again whenever it or a file that it names has changed.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use super::decode::{Mistakes, Section};
use super::settings::Settings;
use super::tls;
use crate::input::FileStamp;
use crate::web::WebError;

/// A web configuration of a thousand users has 100 KiB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What the files said when they were last read.
#[derive(Debug)]
pub(in crate::web) struct Loaded {
    pub(super) settings: Settings,
    pub(in crate::web) tls: Option<Arc<ServerConfig>>,
}

/// Follows the file. A change that cannot be used is logged once, and what was read before stays in force.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    loaded: ArcSwap<Loaded>,
    /// The files and what they looked like when they were read; also the lock of whoever reads them again.
    seen: Mutex<Vec<(PathBuf, Option<FileStamp>)>>,
    failing: AtomicBool,
}

impl WatchedFile {
    pub(super) fn load(path: &Path) -> Result<Self, WebError> {
        let mut files = Vec::new();
        let loaded = read(path, &mut files)?;
        Ok(Self {
            path: path.to_owned(),
            loaded: ArcSwap::from_pointee(loaded),
            seen: Mutex::new(files),
            failing: AtomicBool::new(false),
        })
    }

    /// What is in force. Asks the file system whether anything has changed: a few `stat`s.
    pub(super) fn current(&self) -> Arc<Loaded> {
        // While one reads, the others go on with what there is.
        let Ok(mut seen) = self.seen.try_lock() else { return self.loaded() };
        if seen.iter().any(|(path, stamp)| FileStamp::of(path) != *stamp) {
            let mut files = Vec::new();
            self.replace(read(&self.path, &mut files));
            *seen = files;
        }
        drop(seen);
        self.loaded()
    }

    /// What is in force, without asking.
    pub(super) fn loaded(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }

    fn replace(&self, read: Result<Loaded, WebError>) {
        let before = self.loaded.load();
        match read {
            Ok(new) if new.tls.is_some() != before.tls.is_some() => {
                self.failing.store(true, Ordering::Relaxed);
                tracing::error!(file = %self.path.display(), "switching TLS on or off needs a restart, the web configuration read before stays in force");
            }
            Ok(new) => {
                self.loaded.store(Arc::new(new));
                self.failing.store(false, Ordering::Relaxed);
                tracing::info!(file = %self.path.display(), "read the changed web configuration");
            }
            Err(error) => {
                // A file that is being rewritten may be caught half-way more than once.
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(file = %self.path.display(), error, "the changed web configuration cannot be used, the one read before stays in force");
                }
            }
        }
    }
}

fn read(path: &Path, files: &mut Vec<(PathBuf, Option<FileStamp>)>) -> Result<Loaded, WebError> {
    // Stamps are taken before the content: a change in between is then seen the next time.
    files.push((path.to_owned(), FileStamp::of(path)));
    let failed = |source| WebError::Read { path: path.to_owned(), source };
    let text = String::from_utf8(read_bounded(path, MAX_FILE_BYTES).map_err(failed)?)
        .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "is not UTF-8")))?;
    let mut mistakes = Mistakes::new(path);
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut loaded = None;
    if let Some(root) = Section::parse(&text, &mut mistakes) {
        let settings = Settings::decode(&root, &mut mistakes);
        let mut named = Vec::new();
        let tls = root
            .section("tls_server_config", &mut mistakes)
            .and_then(|section| tls::decode(section, folder, settings.http2, &mut named, &mut mistakes));
        files.extend(named);
        loaded = Some(Loaded { settings, tls });
    }
    match loaded {
        Some(loaded) if mistakes.is_empty() => Ok(loaded),
        _ => Err(WebError::Config(mistakes)),
    }
}

/// Reads a whole file, at most `max` bytes of it.
pub(super) fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(max + 1).read_to_end(&mut content)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {max} bytes")));
    }
    Ok(content)
}
