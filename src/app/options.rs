//! The options of the exporter, from the command line.

use std::path::PathBuf;
use std::sync::Arc;

use super::config_file;
use super::error::AppError;
use crate::cli::{Cli, WebFlags, shard};
use crate::clock::Clock;
use crate::model::Shard;
use crate::web;

/// The options of the exporter.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file, for reloads.
    pub config_file: PathBuf,
    /// `--web.*`.
    pub web: WebFlags,
    /// `--shard.*`.
    pub shard: Shard,
    /// The directory of the database; `None` for in-memory storage.
    pub storage: Option<PathBuf>,
    /// The clock; tests replace the system's.
    pub clock: Arc<Clock>,
}

impl Options {
    /// Checks the flags that clap cannot check alone.
    ///
    /// # Errors
    /// A flag with an invalid value, or two flags that contradict each other.
    pub fn from_cli(cli: &Cli) -> Result<Self, AppError> {
        let host = || std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
        let shard = shard(&cli.shard_index, cli.shard_total, host).map_err(AppError::Flag)?;
        let storage = (!cli.storage_path.is_empty()).then(|| PathBuf::from(&cli.storage_path));
        web::check_paths(&cli.web).map_err(AppError::Flag)?;
        // Without a file there is nothing to serve: reading it says so.
        let config_file = config_file::locate(cli.config.file.as_deref()).unwrap_or_default();
        let clock = Arc::new(Clock::system());
        Ok(Self { config_file, web: cli.web.clone(), shard, storage, clock })
    }

    /// The options of the demo, which brings its configuration along and stores nothing.
    ///
    /// # Errors
    /// Two flags that contradict each other.
    pub(super) fn of_demo(web: WebFlags) -> Result<Self, AppError> {
        web::check_paths(&web).map_err(AppError::Flag)?;
        let clock = Arc::new(Clock::system());
        Ok(Self { config_file: PathBuf::new(), web, shard: Shard::WHOLE, storage: None, clock })
    }
}
