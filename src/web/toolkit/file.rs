//! The web configuration file, read again when it or a file that it names has changed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use super::settings::Settings;
use super::tls;
use crate::input::{FileStamps, read_bounded_text};
use crate::web::WebError;
use crate::yaml::{self, Bounds, ConfigErrors, Decoder, Node};

/// The maximum size in bytes: a file with a thousand users has 100 KiB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The format has four levels; a scalar takes at least two bytes.
const BOUNDS: Bounds = Bounds { depth: 16, nodes: 1 << 20 };

/// The content of the files as of the last successful read.
#[derive(Debug, Default)]
pub(in crate::web) struct Loaded {
    pub(super) settings: Settings,
    pub(in crate::web) tls: Option<Arc<ServerConfig>>,
    /// Settings that are accepted but have no or another effect, each with file, line, column and key.
    pub(super) warnings: Vec<String>,
}

/// Follows the file. A change that cannot be used is logged once, and the previous configuration stays in use.
#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    loaded: ArcSwap<Loaded>,
    /// The stamps of the files that were read; locked while they are read again.
    stamps: Mutex<FileStamps>,
    failing: AtomicBool,
}

impl WatchedFile {
    pub(super) fn load(path: &Path) -> Result<Self, WebError> {
        let mut stamps = FileStamps::default();
        let loaded = read(path, &mut stamps)?;
        Ok(Self {
            path: path.to_owned(),
            loaded: ArcSwap::from_pointee(loaded),
            stamps: Mutex::new(stamps),
            failing: AtomicBool::new(false),
        })
    }

    /// The current configuration. Checks the metadata of the files for changes.
    pub(super) fn current(&self) -> Arc<Loaded> {
        // While one request reads the files, the others use the previous configuration.
        let Ok(mut stamps) = self.stamps.try_lock() else { return self.loaded() };
        if stamps.have_changed() {
            let mut new = FileStamps::default();
            self.replace(read(&self.path, &mut new));
            *stamps = new;
        }
        drop(stamps);
        self.loaded()
    }

    /// The current configuration, without checking for changes.
    pub(super) fn loaded(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }

    fn replace(&self, read: Result<Loaded, WebError>) {
        let before = self.loaded.load();
        match read {
            Ok(new) if new.tls.is_some() != before.tls.is_some() => {
                self.failing.store(true, Ordering::Relaxed);
                tracing::error!(file = %self.path.display(), "cannot reload web configuration: enabling or disabling TLS needs a restart; keeping the previous one");
            }
            Ok(new) => {
                log_warnings(&new);
                self.loaded.store(Arc::new(new));
                self.failing.store(false, Ordering::Relaxed);
                tracing::info!(file = %self.path.display(), "web configuration reloaded");
            }
            Err(error) => {
                // A file that is being written may be read half-written more than once.
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(file = %self.path.display(), error, "cannot reload web configuration; keeping the previous one");
                }
            }
        }
    }
}

pub(super) fn log_warnings(loaded: &Loaded) {
    for warning in &loaded.warnings {
        tracing::warn!(warning, "web configuration");
    }
}

fn read(path: &Path, files: &mut FileStamps) -> Result<Loaded, WebError> {
    // Recorded before the file is read: a change in between is detected the next time.
    files.record(path);
    let text =
        read_bounded_text(path, MAX_FILE_BYTES).map_err(|source| WebError::Read { path: path.to_owned(), source })?;
    parse(path, &text, files)
}

/// Reads the text of a file, and the certificates that it names.
pub(super) fn parse(path: &Path, text: &str, files: &mut FileStamps) -> Result<Loaded, WebError> {
    let root = yaml::parse(text, BOUNDS).map_err(|mistake| WebError::Config(ConfigErrors::one(path, mistake)))?;
    let Some(root) = root else { return Ok(Loaded::default()) };
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut decoder = Decoder::new(directory, &|_| None);
    let loaded = decode(&mut decoder, &root, files);
    let warnings = decoder.take_warnings().iter().map(|warning| format!("{}:{warning}", path.display())).collect();
    let loaded = loaded.map(|loaded| Loaded { warnings, ..loaded });
    decoder.finish(path, loaded).map_err(WebError::Config)
}

/// As in the toolkit, a key without a value counts as absent.
fn decode(d: &mut Decoder<'_>, root: &Node, files: &mut FileStamps) -> Option<Loaded> {
    const KEYS: &[&str] = &["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];
    let fields = d.fields(root, KEYS)?.without_nulls();
    let settings = Settings::decode(d, &fields);
    let http2 = settings.http2;
    let tls = d.optional(&fields, "tls_server_config", |d, node| tls::decode(d, node, http2, files));
    Some(Loaded { settings, tls, warnings: Vec::new() })
}
