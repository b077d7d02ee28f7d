//! One life of an exporter: the real loop, database, discovery and routes on simulated time, network and disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use clap::Parser;
use koreai_exporter::app;
use koreai_exporter::cli::Cli;
use koreai_exporter::clock::Clock;
use koreai_exporter::config::Config;
use koreai_exporter::database::Database;
use koreai_exporter::discovery;
use koreai_exporter::exposition::ExporterView;
use koreai_exporter::model::{Shard, Timestamp};
use koreai_exporter::poller::{Parts, Poller};
use koreai_exporter::transport::SharedTransport;
use koreai_exporter::upstream::BodyBudget;
use koreai_exporter::web;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::outside::{Network, Outside};
use crate::disk::SimulatedDisk;

/// The least and the most time between two pages: a scrape takes one in 30 s, and most of the work is to render them.
const PAGE_INTERVALS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

/// A running exporter.
pub(crate) struct Exporter {
    /// Its simulated start.
    pub(crate) started: Timestamp,
    router: Router,
    poller: JoinHandle<()>,
    discovery: JoinHandle<()>,
    stop: CancellationToken,
    open: Arc<AtomicBool>,
}

impl Exporter {
    /// Starts it with what its disk holds, or with nothing.
    ///
    /// # Panics
    /// If it does not start: incidents begin later.
    pub(crate) fn start(
        outside: &Arc<Outside>,
        disk: Option<&SimulatedDisk>,
        configuration: &str,
        folder: &Path,
        (index, total): (u32, u32),
    ) -> Self {
        let open = Arc::new(AtomicBool::new(true));
        let network = Network { outside: outside.clone(), open: open.clone() };
        let transport: SharedTransport = Arc::new(network);
        let config =
            Config::parse(configuration, &folder.join("koreai.yml"), &|_| None).expect("a valid configuration");
        let shard = Shard::new(index, total).expect("a valid shard");
        let (setup, sources) = app::setup(&config, shard, &BodyBudget::new(), &transport).expect("a valid setup");
        let system = outside.clone();
        let clock = Arc::new(Clock::following(move || system.time.system()));
        let database = disk.map(|disk| {
            let (batches, paused) = (outside.clone(), disk.clone());
            let pause = move || paused.batch(batches.time.now());
            Database::open_in_place(Arc::new(disk.clone()), pause).expect("the database opens")
        });
        let started = clock.now();
        let view = ExporterView {
            version: "0".to_owned(),
            revision: "0".to_owned(),
            rustversion: "0".to_owned(),
            shard,
            started,
            config_last_reload_successful: true,
            config_last_reload_success: started,
            dropped: Default::default(),
            storage: None,
        };
        let rng = StdRng::seed_from_u64(u64::from(index));
        let (poller, Parts { handle, published, updates }) = Poller::new(setup, view, clock.clone(), database, rng);
        let bots = config.bots.iter().map(|bot| bot.name.clone()).collect();
        let flags = Cli::parse_from(["koreai_exporter"]).web;
        let (reloads, _nobody_reloads) = web::Reloads::channel();
        let shown = web::Shown::new(String::new(), bots);
        let state = web::AppState::new(&flags, shard, handle, published, clock, shown, reloads);
        let stop = CancellationToken::new();
        let run = discovery::run(sources, updates, stop.clone(), transport);
        let discovery = tokio::spawn(async move {
            let _ended = run.await;
        });
        let poller = tokio::spawn(poller.simulated(PAGE_INTERVALS.0, PAGE_INTERVALS.1).run(stop.clone()));
        Self { started, router: web::router(state), poller, discovery, stop, open }
    }

    /// The text of a page, if the answer is 200.
    pub(crate) async fn scrape(&self, path: &str) -> Option<String> {
        let request = Request::builder().uri(path).header("host", "127.0.0.1:10047").header("accept", "text/plain");
        let request = request.body(Body::empty()).expect("a valid request");
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if response.status() != StatusCode::OK {
            return None;
        }
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a page from memory");
        Some(String::from_utf8(body.to_vec()).expect("a page of text"))
    }

    /// Ends it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let _panicked = self.poller.await;
        self.discovery.abort();
        self.open.store(false, Ordering::Relaxed);
        // Tasks that were cancelled take a turn to end.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Ends it as a kill does.
    pub(crate) async fn kill(self) {
        self.open.store(false, Ordering::Relaxed);
        self.poller.abort();
        self.discovery.abort();
        let _aborted = self.poller.await;
        let _aborted = self.discovery.await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
