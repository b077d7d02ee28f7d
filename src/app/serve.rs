//! The exporter: bind, start, wait, drain.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::signals::Hangups;
use super::{AppError, setup};
use crate::cli::{Cli, WebFlags, shard, version};
use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::discovery::{self, SourceSettings};
use crate::exposition::ExporterView;
use crate::model::{DropReason, Shard, TargetUpdate, error_chain};
use crate::poller::{Handle, Parts, Poller};
use crate::transport::Network;
use crate::upstream::BodyBudget;
use crate::web::{self, Reloads, WebConfig};

/// How long connections may take to finish after the signal.
const GRACE: Duration = Duration::from_secs(3);

/// What is served, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file, for reloads.
    pub config_file: PathBuf,
    /// `--web.*`.
    pub web: WebFlags,
    /// `--shard.*`.
    pub shard: Shard,
    /// The folder of the database; `None`: all is kept in memory.
    pub storage: Option<PathBuf>,
}

impl Options {
    /// Reads the flags that need more than clap's look.
    ///
    /// # Errors
    /// A flag whose value cannot be.
    pub fn from_cli(cli: &Cli) -> Result<Self, AppError> {
        let host = || std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
        let shard = shard(&cli.shard_index, cli.shard_total, host).map_err(AppError::Flag)?;
        let storage = (!cli.storage_path.is_empty()).then(|| PathBuf::from(&cli.storage_path));
        Ok(Self { config_file: cli.config_file.clone(), web: cli.web.clone(), shard, storage })
    }
}

/// A running exporter.
pub struct Server {
    addresses: Vec<SocketAddr>,
    tasks: JoinSet<(&'static str, Result<(), AppError>)>,
    shutdown: CancellationToken,
}

impl Server {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until it has drained after the shutdown token was cancelled.
    ///
    /// # Errors
    /// A task ended before it was told to: then the others are stopped too, for half an exporter would lie.
    pub async fn wait(mut self) -> Result<(), AppError> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let early = !self.shutdown.is_cancelled();
            let problem = match ended {
                Ok((_, Err(error))) => Some(error),
                Ok((name, Ok(()))) if early => Some(AppError::TaskEnded(name)),
                Ok(_) => None,
                Err(error) => {
                    tracing::error!(error = %error, "a task panicked");
                    Some(AppError::TaskEnded("(panicked)"))
                }
            };
            if let (Some(problem), true) = (problem, outcome.is_ok()) {
                outcome = Err(problem);
            }
            self.shutdown.cancel();
        }
        tracing::info!("stopped");
        outcome
    }
}

/// Binds and starts everything; returns as soon as requests are answered.
///
/// # Errors
/// Whatever keeps it from starting; nothing is left running then.
pub async fn serve(options: Options, config: Config, shutdown: CancellationToken) -> Result<Server, AppError> {
    let web_config = options.web.config_file.as_deref().map(WebConfig::load).transpose()?;
    let mut listeners = Vec::new();
    for address in &options.web.listen_addresses {
        listeners.push(web::parse_listen_address(address)?.bind().await?);
    }
    let addresses: Vec<SocketAddr> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();

    let clock = Arc::new(Clock::system());
    let body_budget = BodyBudget::new();
    let (loop_setup, sources) = setup(&config, options.shard, &body_budget, &Network::shared())?;
    let database = match &options.storage {
        Some(folder) => {
            let (database, contents) = Database::open(folder).await?;
            tracing::info!(folder = %folder.display(), jobs = contents.jobs.len(), "database is open");
            Some((database, contents))
        }
        None => None,
    };
    let bots: Vec<_> = config.bots.iter().map(|bot| bot.name.clone()).collect();
    let exporter = ExporterView {
        version: version::VERSION.to_owned(),
        revision: version::REVISION.to_owned(),
        rustversion: version::RUST_VERSION.to_owned(),
        config_last_reload_successful: true,
        config_last_reload_success: clock.now(),
        dropped: [0; DropReason::ALL.len()],
        storage: None,
    };
    let (poller, Parts { handle, published, updates }) =
        Poller::new(loop_setup, exporter, clock.clone(), database, rand::make_rng());

    let (reload_sender, reloads) = Reloads::channel();
    let shown = web::Shown::new(config.redacted(), bots);
    let state =
        web::State::new(&options.web, options.shard, handle.clone(), published, clock, shown.clone(), reload_sender);

    let mut tasks = JoinSet::new();
    let stop = shutdown.clone();
    tasks.spawn(async move {
        poller.run(stop).await;
        ("poller", Ok(()))
    });
    let stop = shutdown.clone();
    tasks.spawn(async move {
        ("web", web::serve(listeners, web::router(state), web_config, stop, GRACE).await.map_err(AppError::Web))
    });
    let follower = Follower { options, handle, updates, body_budget, shown, shutdown: shutdown.clone() };
    tasks.spawn(async move {
        follower.run(sources, reloads).await;
        ("discovery", Ok(()))
    });
    Ok(Server { addresses, tasks, shutdown })
}

/// Keeps discovery running and takes reloads.
struct Follower {
    options: Options,
    handle: Handle,
    updates: mpsc::Sender<TargetUpdate>,
    body_budget: BodyBudget,
    shown: web::Shown,
    shutdown: CancellationToken,
}

impl Follower {
    /// Runs discovery for these sources until a reload brings others, and so on until shutdown.
    async fn run(self, mut sources: Vec<SourceSettings>, mut reloads: Reloads) {
        let mut hangups = Hangups::new();
        loop {
            let stop = self.shutdown.child_token();
            let discovery = discovery::run(sources.clone(), self.updates.clone(), stop.clone(), Network::shared());
            tokio::pin!(discovery);
            let discovering = !sources.is_empty();
            let others = loop {
                let request = tokio::select! {
                    () = self.shutdown.cancelled() => return,
                    ended = &mut discovery, if discovering => {
                        if self.shutdown.is_cancelled() {
                            return;
                        }
                        match ended {
                            Ok(()) => tracing::error!("discovery ended early"),
                            Err(error) => tracing::error!(error = %error, "discovery ended early"),
                        }
                        // The process ends with an error: targets that nobody reads any more would be a silent loss.
                        return;
                    }
                    () = hangups.next() => None,
                    request = reloads.next() => Some(request),
                };
                let result = self.reload().await;
                let (answer, others) = match result {
                    Ok(others) => (Ok(()), Some(others)),
                    Err(text) => (Err(text), None),
                };
                if let Some(request) = request {
                    request.answer(answer);
                }
                if let Some(others) = others {
                    break others;
                }
            };
            stop.cancel();
            sources = others;
        }
    }

    /// All or nothing: on any mistake the last good configuration stays in force.
    async fn reload(&self) -> Result<Vec<SourceSettings>, String> {
        let path = self.options.config_file.clone();
        let loaded = tokio::task::spawn_blocking(move || Config::load(&path, &|name| std::env::var(name).ok())).await;
        let prepared = match loaded {
            Ok(Ok(config)) => match setup(&config, self.options.shard, &self.body_budget, &Network::shared()) {
                Ok((setup, sources)) => Ok((config, setup, sources)),
                Err(error) => Err(error_chain(&error)),
            },
            Ok(Err(mistakes)) => Err(mistakes.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match prepared {
            Ok((config, setup, sources)) => {
                let bots = config.bots.iter().map(|bot| bot.name.clone()).collect();
                self.handle.configure(setup).await.map_err(|error| error.to_string())?;
                self.shown.put(config.redacted(), bots);
                tracing::info!(bots = config.bots.len(), "configuration reloaded");
                Ok(sources)
            }
            Err(text) => {
                for line in text.lines() {
                    tracing::error!("configuration not reloaded, the last good one stays: {line}");
                }
                self.handle.reload_failed().await.map_err(|error| error.to_string())?;
                Err(text)
            }
        }
    }
}
