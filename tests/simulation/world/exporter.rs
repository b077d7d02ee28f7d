//! One life of the program: the real loop, database, discovery, routes; only its threads, sockets, files and time are not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use clap::Parser;
use koreai_exporter::app;
use koreai_exporter::cli::Cli;
use koreai_exporter::clock::Clock;
use koreai_exporter::config::Config;
use koreai_exporter::database::{Contents, Database};
use koreai_exporter::discovery::{self, SourceSettings};
use koreai_exporter::exposition::ExporterView;
use koreai_exporter::model::{Shard, TargetUpdate};
use koreai_exporter::poller::{Handle, Parts, Poller};
use koreai_exporter::transport::SharedTransport;
use koreai_exporter::upstream::BodyBudget;
use koreai_exporter::web;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::upstream::{Outside, Way};

/// A running program.
pub(crate) struct Exporter {
    outside: Arc<Outside>,
    pub(crate) handle: Handle,
    router: Router,
    poller: JoinHandle<()>,
    discovery: JoinHandle<()>,
    stop_discovery: CancellationToken,
    stop: CancellationToken,
    open: Arc<AtomicBool>,
    updates: mpsc::Sender<TargetUpdate>,
    body_budget: BodyBudget,
    transport: SharedTransport,
    folder: PathBuf,
}

/// What an answer to a request was.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Exporter {
    /// Starts it with what the disk holds; says what that is.
    ///
    /// # Errors
    /// What the program would say to standard error.
    pub(crate) async fn start(
        outside: &Arc<Outside>,
        configuration: &str,
        folder: &Path,
        rng: StdRng,
        pages: (Duration, Duration),
        look: impl FnOnce(&Contents),
    ) -> Result<Self, String> {
        let open = Arc::new(AtomicBool::new(true));
        let transport: SharedTransport = Arc::new(Way { outside: outside.clone(), open: open.clone() });
        let body_budget = BodyBudget::new();
        let config = parse(configuration, folder)?;
        let shard = whole();
        let (setup, sources) =
            app::setup(&config, shard, &body_budget, &transport).map_err(|error| error.to_string())?;
        let system = outside.clone();
        let clock = Arc::new(Clock::following(move || system.time.system()));
        let batches = outside.clone();
        let pause = move || batches.disk.batch(batches.time.now());
        let database = Database::open_in_place(Arc::new(outside.disk.clone()), pause);
        let (database, contents) = database.map_err(|error| koreai_exporter::model::error_chain(&error))?;
        look(&contents);
        let exporter = ExporterView {
            version: "0".to_owned(),
            revision: "0".to_owned(),
            rustversion: "0".to_owned(),
            shard,
            started: clock.now(),
            config_last_reload_successful: true,
            config_last_reload_success: clock.now(),
            dropped: Default::default(),
            storage: None,
        };
        let (poller, Parts { handle, published, updates }) =
            Poller::new(setup, exporter, clock.clone(), Some((database, contents)), rng);
        let bots = config.bots.iter().map(|bot| bot.name.clone()).collect();
        let flags = Cli::parse_from(["koreai_exporter", "--web.enable-job-api"]).web;
        let (reloads, _nobody_reloads_by_http) = web::Reloads::channel();
        let shown = web::Shown::new(String::new(), bots);
        let state = web::AppState::new(&flags, shard, handle.clone(), published, clock, shown, reloads);
        let stop = CancellationToken::new();
        let poller = tokio::spawn(poller.simulated(pages.0, pages.1).run(stop.clone()));
        let (discovery, stop_discovery) = discover(sources, &updates, &transport);
        let (outside, folder) = (outside.clone(), folder.to_owned());
        let router = web::router(state);
        Ok(Self {
            outside,
            handle,
            router,
            poller,
            discovery,
            stop_discovery,
            stop,
            open,
            updates,
            body_budget,
            transport,
            folder,
        })
    }

    /// Reloads the configuration, as SIGHUP does.
    pub(crate) async fn reload(&mut self, configuration: &str) -> Result<(), String> {
        let prepared = parse(configuration, &self.folder).and_then(|config| {
            app::setup(&config, whole(), &self.body_budget, &self.transport).map_err(|error| error.to_string())
        });
        match prepared {
            Ok((setup, sources)) => {
                self.updates = self.handle.configure(setup).await.map_err(|error| error.to_string())?;
                self.stop_discovery.cancel();
                (self.discovery, self.stop_discovery) = discover(sources, &self.updates, &self.transport);
                Ok(())
            }
            Err(text) => {
                self.handle.reload_failed().await.map_err(|error| error.to_string())?;
                Err(text)
            }
        }
    }

    /// Asks one of its pages.
    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        ask(self.router.clone(), method, path, headers, body).await
    }

    /// Its routes, for a request that others need not wait for.
    pub(crate) fn routes(&self) -> Router {
        self.router.clone()
    }

    /// Whether its loop has ended, which it must not.
    pub(crate) fn has_ended(&self) -> bool {
        self.poller.is_finished()
    }

    /// Ends it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.stop_discovery.cancel();
        self.stop.cancel();
        let _panicked = self.poller.await;
        self.discovery.abort();
        self.open.store(false, Ordering::Relaxed);
        // Tasks that were cancelled take a turn to go.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Ends it as a kill does: nothing more leaves it.
    pub(crate) async fn kill(self, power: bool) {
        self.open.store(false, Ordering::Relaxed);
        self.outside.disk.crash(power);
        self.poller.abort();
        self.discovery.abort();
        let _aborted = self.poller.await;
        let _aborted = self.discovery.await;
        drop(self.stop);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Sends a request to the routes of a program.
pub(crate) async fn ask(router: Router, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:10047");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body)).expect("a good request");
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("bodies from memory do not fail");
    Answer { status, body: body.to_vec() }
}

fn parse(text: &str, folder: &Path) -> Result<Config, String> {
    Config::parse(text, &folder.join("koreai.yml"), &|_| None).map_err(|error| error.to_string())
}

fn discover(
    sources: Vec<SourceSettings>,
    updates: &mpsc::Sender<TargetUpdate>,
    transport: &SharedTransport,
) -> (JoinHandle<()>, CancellationToken) {
    let stop = CancellationToken::new();
    let run = discovery::run(sources, updates.clone(), stop.clone(), transport.clone());
    let task = tokio::spawn(async move {
        let _ended = run.await;
    });
    (task, stop)
}

/// All request IDs are this program's.
fn whole() -> Shard {
    Shard::new(0, 1).expect("one of one")
}
