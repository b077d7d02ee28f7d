//! The state that handlers share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use crate::cli::WebFlags;
use crate::clock::Clock;
use crate::model::{BotName, Shard, Timestamp};
use crate::poller::{Handle, Published};

use super::cross_site::OwnHosts;
use super::process::ProcessMetrics;

/// The state that handlers share; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// The content of an [`AppState`].
pub struct Shared {
    pub(super) telemetry_path: String,
    pub(super) prefix: String,
    pub(super) own_hosts: Arc<OwnHosts>,
    pub(super) enable_lifecycle: bool,
    pub(super) enable_job_api: bool,
    pub(super) shard: Shard,
    pub(super) poller: Handle,
    pub(super) published: Arc<Published>,
    pub(super) clock: Arc<Clock>,
    pub(super) shown: Shown,
    pub(super) reloads: mpsc::Sender<ReloadRequest>,
    pub(super) process: ProcessMetrics,
}

impl AppState {
    /// The state for the handlers of one server.
    pub fn new(
        flags: &WebFlags,
        shard: Shard,
        poller: Handle,
        published: Arc<Published>,
        clock: Arc<Clock>,
        shown: Shown,
        reloads: mpsc::Sender<ReloadRequest>,
    ) -> Self {
        Self(Arc::new(Shared {
            telemetry_path: flags.telemetry_path.clone(),
            prefix: flags.external_url.as_ref().map(|url| url.path().to_owned()).unwrap_or_default(),
            own_hosts: Arc::new(OwnHosts::of(flags)),
            enable_lifecycle: flags.enable_lifecycle,
            enable_job_api: flags.enable_job_api,
            shard,
            poller,
            published,
            clock,
            shown,
            reloads,
            process: ProcessMetrics::new(),
        }))
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The configuration in use, for `/config`; secrets are already redacted.
#[derive(Clone)]
pub struct Shown(Arc<ArcSwap<Configured>>);

/// The configuration as text, and the names of its bots.
pub(super) struct Configured {
    pub(super) text: String,
    pub(super) bots: Vec<BotName>,
    /// The last reload, if it failed: when, and the mistakes, one per line.
    pub(super) failed_reload: Option<(Timestamp, String)>,
}

impl Shown {
    /// Starts with this redacted configuration.
    pub fn new(redacted: String, bots: Vec<BotName>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Configured { text: redacted, bots, failed_reload: None })))
    }

    /// Replaces the configuration.
    pub fn put(&self, redacted: String, bots: Vec<BotName>) {
        self.0.store(Arc::new(Configured { text: redacted, bots, failed_reload: None }));
    }

    /// Keeps the configuration, and records that a reload failed.
    pub fn reload_failed(&self, at: Timestamp, mistakes: String) {
        let Configured { text, bots, .. } = &*self.get();
        let failed_reload = Some((at, mistakes));
        self.0.store(Arc::new(Configured { text: text.clone(), bots: bots.clone(), failed_reload }));
    }

    /// The last reload, if it failed: when, and the mistakes, one per line.
    pub fn failed_reload(&self) -> Option<(Timestamp, String)> {
        self.get().failed_reload.clone()
    }

    pub(super) fn get(&self) -> Arc<Configured> {
        self.0.load_full()
    }
}

/// Reload requests that can wait while one is running.
const RELOAD_QUEUE: usize = 4;

/// A request to reload the configuration.
pub struct ReloadRequest(oneshot::Sender<Result<(), String>>);

impl ReloadRequest {
    /// Answers with success, or with the mistakes in the configuration.
    pub fn answer(self, result: Result<(), String>) {
        // The requester may be gone.
        let _gone = self.0.send(result);
    }
}

/// The receiving end of reload requests.
pub struct Reloads(mpsc::Receiver<ReloadRequest>);

impl Reloads {
    /// Creates both ends of the queue.
    pub fn channel() -> (mpsc::Sender<ReloadRequest>, Self) {
        let (sender, receiver) = mpsc::channel(RELOAD_QUEUE);
        (sender, Self(receiver))
    }

    /// The next request; waits for ever once all senders are dropped.
    pub async fn next(&mut self) -> ReloadRequest {
        match self.0.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

/// Requests a reload and waits for its result; `None` during shutdown.
pub(super) async fn request_reload(sender: &mpsc::Sender<ReloadRequest>) -> Option<Result<(), String>> {
    let (reply, answer) = oneshot::channel();
    sender.send(ReloadRequest(reply)).await.ok()?;
    answer.await.ok()
}
