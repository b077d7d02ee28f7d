//! The exporter: bind, start, wait, drain.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::options::Options;
use super::setup::setup;
use super::signals::Hangups;
use crate::cli::version;
use crate::config::Config;
use crate::database::Database;
use crate::discovery::{self, SourceSettings};
use crate::exposition::ExporterView;
use crate::model::{TargetUpdate, error_chain};
use crate::poller::{Handle, Parts, Poller};
use crate::transport::Network;
use crate::upstream::BodyBudget;
use crate::web::{self, Reloads, WebConfig};

/// The maximum time for open connections to finish after the signal.
const GRACE: Duration = Duration::from_secs(3);

/// A running exporter.
pub struct Server {
    addresses: Vec<SocketAddr>,
    tasks: JoinSet<(&'static str, Result<(), AppError>)>,
    shutdown: CancellationToken,
}

impl Server {
    /// The addresses it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until the exporter has drained after the shutdown token was cancelled.
    ///
    /// # Errors
    /// A task ended early. The other tasks are stopped too, because the metrics would be wrong without it.
    pub async fn wait(mut self) -> Result<(), AppError> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let early = !self.shutdown.is_cancelled();
            let problem = match ended {
                Ok((_, Err(error))) => Some(error),
                Ok((name, Ok(()))) if early => Some(AppError::TaskEnded(name)),
                Ok(_) => None,
                Err(error) => {
                    tracing::error!(error = %error, "internal error: a background task panicked");
                    Some(AppError::TaskPanicked)
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

/// Binds the addresses and starts all tasks; returns once requests are answered.
///
/// # Errors
/// Whatever prevents the start. Nothing is left running then.
pub async fn serve(options: Options, config: Config, shutdown: CancellationToken) -> Result<Server, AppError> {
    let web_config = options.web.config_file.as_deref().map(WebConfig::load).transpose()?;
    web_config.iter().for_each(WebConfig::log_warnings);
    let mut listeners = Vec::new();
    for address in &options.web.listen_addresses {
        listeners.push(web::parse_listen_address(address)?.bind().await?);
    }
    let addresses: Vec<SocketAddr> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();

    let clock = options.clock.clone();
    let body_budget = BodyBudget::new();
    let (loop_setup, sources) = setup(&config, options.shard, &body_budget, &Network::shared())?;
    let database = match &options.storage {
        Some(directory) => {
            let (database, contents) = Database::open(directory).await?;
            tracing::info!(directory = %directory.display(), jobs = contents.jobs.len(), "database opened");
            Some((database, contents))
        }
        None => None,
    };
    let bots: Vec<_> = config.bots.iter().map(|bot| bot.name.clone()).collect();
    let exporter = ExporterView {
        version: version::VERSION.to_owned(),
        revision: version::REVISION.to_owned(),
        rustversion: version::RUST_VERSION.to_owned(),
        shard: options.shard,
        started: clock.now(),
        config_last_reload_successful: true,
        config_last_reload_success: clock.now(),
        dropped: Default::default(),
        storage: None,
    };
    let (poller, Parts { handle, published, updates }) =
        Poller::new(loop_setup, exporter, clock.clone(), database, rand::make_rng());

    let (reload_sender, reloads) = Reloads::channel();
    let shown = web::Shown::new(config.redacted(), bots);
    let state = web::AppState::new(
        &options.web,
        options.shard,
        handle.clone(),
        published,
        clock.clone(),
        shown.clone(),
        reload_sender,
    );

    // Before the log says that it listens: until then SIGHUP would end the process.
    let hangups = Hangups::new();
    let mut tasks = JoinSet::new();
    let stop = shutdown.clone();
    tasks.spawn(async move {
        poller.run(stop).await;
        ("poller", Ok(()))
    });
    let (stop, per_client) = (shutdown.clone(), options.web.connections_per_client());
    tasks.spawn(async move {
        let served = web::serve(listeners, web::router(state), web_config, per_client, stop, GRACE).await;
        ("web", served.map_err(AppError::Web))
    });
    let follower = Follower { options, handle, updates, body_budget, shown, shutdown: shutdown.clone() };
    tasks.spawn(async move {
        follower.run(sources, reloads, hangups).await;
        ("discovery", Ok(()))
    });
    Ok(Server { addresses, tasks, shutdown })
}

/// Runs discovery, and reloads the configuration.
struct Follower {
    options: Options,
    handle: Handle,
    updates: mpsc::Sender<TargetUpdate>,
    body_budget: BodyBudget,
    shown: web::Shown,
    shutdown: CancellationToken,
}

impl Follower {
    /// Runs discovery until shutdown; each reload replaces the sources.
    async fn run(mut self, mut sources: Vec<SourceSettings>, mut reloads: Reloads, mut hangups: Hangups) {
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
                            Ok(()) => tracing::error!("internal error: discovery ended early"),
                            Err(error) => tracing::error!(error = %error, "internal error: discovery ended early"),
                        }
                        // The process ends with an error: without discovery, new targets would be missed silently.
                        return;
                    }
                    () = hangups.next() => None,
                    request = reloads.next() => Some(request),
                };
                let result = self.reload().await;
                let (answer, replaced) = match result {
                    Ok(replaced) => (Ok(()), Some(replaced)),
                    Err(text) => (Err(text), None),
                };
                if let Some(request) = request {
                    request.answer(answer);
                }
                if let Some(replaced) = replaced {
                    break replaced;
                }
            };
            stop.cancel();
            (sources, self.updates) = others;
        }
    }

    /// Replaces the whole configuration; on any mistake the previous one stays in use. Returns the sources, and where their
    /// updates are sent.
    async fn reload(&self) -> Result<(Vec<SourceSettings>, mpsc::Sender<TargetUpdate>), String> {
        let (path, shard, budget) = (self.options.config_file.clone(), self.options.shard, self.body_budget.clone());
        // Reads the configuration, and every key and certificate that it names.
        let prepared = tokio::task::spawn_blocking(move || {
            let config = Config::load(&path, &|name| std::env::var(name).ok()).map_err(|errors| errors.to_string())?;
            let (setup, sources) =
                setup(&config, shard, &budget, &Network::shared()).map_err(|error| error_chain(&error))?;
            Ok((config, setup, sources))
        });
        let prepared = prepared.await.unwrap_or_else(|error| Err(error.to_string()));
        match prepared {
            Ok((config, setup, sources)) => {
                let bots = config.bots.iter().map(|bot| bot.name.clone()).collect();
                let updates = self.handle.configure(setup).await.map_err(|error| error.to_string())?;
                self.shown.put(config.redacted(), bots);
                tracing::info!(bots = config.bots.len(), "configuration reloaded");
                Ok((sources, updates))
            }
            Err(text) => {
                for line in text.lines() {
                    tracing::error!(problem = line, "reload failed; keeping the previous configuration");
                }
                self.shown.reload_failed(self.options.clock.now(), text.clone());
                self.handle.reload_failed().await.map_err(|error| error.to_string())?;
                Err(text)
            }
        }
    }
}
