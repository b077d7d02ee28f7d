//! What handlers share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use crate::cli::WebFlags;
use crate::clock::Clock;
use crate::model::{BotName, Shard};
use crate::poller::{Handle, Published};

use super::process::ProcessMetrics;

/// What handlers share; cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Shared>);

/// What a [`State`] points to.
pub struct Shared {
    pub(super) telemetry_path: String,
    pub(super) prefix: String,
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

impl State {
    /// What the handlers of one server share.
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
            prefix: flags.external_url.as_ref().map(|path| path.as_str().to_owned()).unwrap_or_default(),
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

impl std::ops::Deref for State {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What is shown of the configuration in force: secrets are redacted before it comes here.
#[derive(Clone)]
pub struct Shown(Arc<ArcSwap<Configured>>);

/// The configuration as text, and the names of its bots.
pub(super) struct Configured {
    pub(super) text: String,
    pub(super) bots: Vec<BotName>,
}

impl Shown {
    /// Shows a redacted configuration.
    pub fn new(redacted: String, bots: Vec<BotName>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Configured { text: redacted, bots })))
    }

    /// Shows another one.
    pub fn put(&self, redacted: String, bots: Vec<BotName>) {
        self.0.store(Arc::new(Configured { text: redacted, bots }));
    }

    pub(super) fn get(&self) -> Arc<Configured> {
        self.0.load_full()
    }
}

/// Reloads that may wait: one is under way, and who asks meanwhile waits for its own.
const RELOAD_QUEUE: usize = 4;

/// Someone asks for a reload.
pub struct ReloadRequest(oneshot::Sender<Result<(), String>>);

impl ReloadRequest {
    /// Says what came of it: nothing, or what is wrong with the configuration.
    pub fn answer(self, result: Result<(), String>) {
        // Who asked may have gone.
        let _gone = self.0.send(result);
    }
}

/// The receiving end of reload requests.
pub struct Reloads(mpsc::Receiver<ReloadRequest>);

impl Reloads {
    /// Both ends.
    pub fn channel() -> (mpsc::Sender<ReloadRequest>, Self) {
        let (sender, receiver) = mpsc::channel(RELOAD_QUEUE);
        (sender, Self(receiver))
    }

    /// The next request; waits for ever once nobody can ask any more.
    pub async fn next(&mut self) -> ReloadRequest {
        match self.0.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

pub(super) async fn ask_for_reload(sender: &mpsc::Sender<ReloadRequest>) -> Option<Result<(), String>> {
    let (reply, answer) = oneshot::channel();
    sender.send(ReloadRequest(reply)).await.ok()?;
    answer.await.ok()
}
