//! The stand-in behind a listener: routes, and the handle that a test or the demo holds.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Request, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::{Connections, Fuse};
use super::fault::FaultRule;
use super::fault_response;
use super::job::{Api, ScriptedJob, Truth};
use super::record::Record;
use super::state::{Endpoint, ReceivedCall, Reply, State};
use super::tenant::Tenant;

/// How long [`FakeUpstream::stop`] waits for calls under way before it cuts them off.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The running stand-in. Dropping it ends it without waiting.
pub struct FakeUpstream {
    address: SocketAddr,
    base_path: String,
    desk: Arc<Desk>,
    serving: JoinHandle<io::Result<()>>,
}

/// Why the stand-in could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener has no local address.
    #[error("reading the listener's address")]
    Address(#[source] io::Error),
    /// A bot's public key is none.
    #[error("reading the public key of bot {bot_id}")]
    Key {
        /// The bot.
        bot_id: String,
        /// What is wrong with it.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
}

impl FakeUpstream {
    /// Answers on this listener from now on, over plain HTTP, in tasks of the current tokio runtime.
    ///
    /// # Errors
    /// When the listener has no address or a bot's public key is no RSA key in PEM.
    pub fn start(listener: TcpListener, tenant: Tenant) -> Result<Self, StartError> {
        let address = listener.local_addr().map_err(StartError::Address)?;
        let base_path = tenant.base_path.trim_end_matches('/').to_owned();
        let state = State::new(tenant).map_err(|(bot_id, source)| StartError::Key { bot_id, source })?;
        let desk = Arc::new(Desk {
            state: Mutex::new(state),
            started: Instant::now(),
            answered: watch::Sender::new(()),
            stopping: CancellationToken::new(),
        });
        let routes = routes(&base_path).with_state(Arc::clone(&desk));
        let stopping = desk.stopping.clone();
        let serving = tokio::spawn(async move {
            axum::serve(Connections(listener), routes.into_make_service_with_connect_info::<Fuse>())
                .with_graceful_shutdown(stopping.cancelled_owned())
                .await
        });
        Ok(Self { address, base_path, desk, serving })
    }

    /// `http://…` with the base path, without a slash at the end: a bot's `base_url`.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.base_path)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Moves the job clock on: jobs run, births and fault schedules come due. Budgets, tokens and the record stay in real
    /// time.
    pub fn advance(&self, by: Duration) {
        let mut state = self.desk.state();
        state.ahead = state.ahead.saturating_add(by);
    }

    /// The job clock: real time since the start, and what it was advanced by.
    pub fn job_clock(&self) -> Duration {
        let ahead = self.desk.state().ahead;
        self.desk.started.elapsed().saturating_add(ahead)
    }

    /// What is true of a job now; `None` where there is no such job, or its answers are literal.
    pub fn truth(&self, bot_id: &str, request_id: &str) -> Option<Truth> {
        let now = self.job_clock();
        self.desk.state().truth(bot_id, request_id, now)
    }

    /// Adds a job, or replaces the one of that ID; false where there is no such bot or it is full.
    pub fn add_job(&self, bot_id: &str, job: ScriptedJob) -> bool {
        self.desk.state().add_job(bot_id, job)
    }

    /// Adds a fault behind those there are; the first that fits a call wins.
    pub fn add_fault(&self, rule: FaultRule) {
        self.desk.state().add_fault(rule);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.desk.state().clear_faults();
    }

    /// What it was asked so far.
    pub fn record(&self) -> Record {
        self.desk.state().record.clone()
    }

    /// Waits until the record is as wished for, looking at it after every call; false when that takes too long.
    pub async fn wait_until(&self, at_most: Duration, wish: impl Fn(&Record) -> bool) -> bool {
        let mut answered = self.desk.answered.subscribe();
        let wait = async { while !wish(&self.desk.state().record) && answered.changed().await.is_ok() {} };
        tokio::time::timeout(at_most, wait).await.is_ok()
    }

    /// Stops accepting, lets calls under way end for a few seconds, and closes.
    pub async fn stop(mut self) {
        self.desk.stopping.cancel();
        if tokio::time::timeout(STOP_GRACE, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.desk.stopping.cancel();
    }
}

/// What the handlers share.
struct Desk {
    state: Mutex<State>,
    started: Instant,
    answered: watch::Sender<()>,
    stopping: CancellationToken,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, asked: ReceivedCall, fuse: &Fuse) -> Response {
        let reply = self.state().handle(&asked, self.started.elapsed());
        self.answered.send_replace(());
        match reply {
            Reply::ScriptedResponse(answer) => fault_response::literal(answer),
            Reply::Misbehave(fault, sample) => fault_response::answer(fault, sample, fuse, &self.stopping).await,
        }
    }
}

fn routes(base_path: &str) -> Router<Arc<Desk>> {
    let public = Router::new()
        .route("/api/public/bot/{bot_id}/notify/status/{request_id}", any(status_v1))
        .route("/api/public/bot/{bot_id}/notifyV2/status/{request_id}", any(status_v2))
        .route("/api/public/bot/{bot_id}/notify", any(send_v1))
        .route("/api/public/bot/{bot_id}/notifyV2", any(send_v2));
    let public = if base_path.is_empty() { public } else { Router::new().nest(base_path, public) };
    public.route("/demo/targets/{bot_index}", get(targets)).fallback(elsewhere)
}

type Handle = Shared<Arc<Desk>>;
type Connection = ConnectInfo<Fuse>;
type OneId = Path<String>;
type TwoIds = Path<(String, String)>;

async fn status_v1(Shared(desk): Handle, ConnectInfo(fuse): Connection, Path(ids): TwoIds, head: Head) -> Response {
    desk.answer(head.asks(ids.0, Endpoint::Status(Api::V1, ids.1), Bytes::new()), &fuse).await
}

async fn status_v2(Shared(desk): Handle, ConnectInfo(fuse): Connection, Path(ids): TwoIds, head: Head) -> Response {
    desk.answer(head.asks(ids.0, Endpoint::Status(Api::V2, ids.1), Bytes::new()), &fuse).await
}

async fn send_v1(
    Shared(desk): Handle,
    ConnectInfo(fuse): Connection,
    Path(bot): OneId,
    head: Head,
    body: Bytes,
) -> Response {
    desk.answer(head.asks(bot, Endpoint::Send(Api::V1), body), &fuse).await
}

async fn send_v2(
    Shared(desk): Handle,
    ConnectInfo(fuse): Connection,
    Path(bot): OneId,
    head: Head,
    body: Bytes,
) -> Response {
    desk.answer(head.asks(bot, Endpoint::Send(Api::V2), body), &fuse).await
}

async fn elsewhere(Shared(desk): Handle, ConnectInfo(fuse): Connection, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let head = Head { method: parts.method, headers: parts.headers };
    desk.answer(head.asks(String::new(), Endpoint::Elsewhere, Bytes::new()), &fuse).await
}

/// Prometheus' http_sd answer for the jobs of the bot at that place in the tenant; without authentication.
async fn targets(Shared(desk): Handle, Path(bot_index): Path<usize>) -> Response {
    // The time is read under the lock, as everywhere: the state never sees it go back.
    let targets = desk.state().targets(bot_index, desk.started.elapsed());
    let Some(targets) = targets else { return StatusCode::NOT_FOUND.into_response() };
    let mut by_campaign: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for (campaign, id) in targets {
        by_campaign.entry(campaign).or_default().push(id);
    }
    let groups = by_campaign.into_iter().map(|(campaign, ids)| match campaign {
        Some(campaign) => serde_json::json!({"targets": ids, "labels": {"campaign": campaign}}),
        None => serde_json::json!({"targets": ids, "labels": {}}),
    });
    axum::Json(groups.collect::<serde_json::Value>()).into_response()
}

/// What the judgement needs of a request's head.
struct Head {
    method: Method,
    headers: HeaderMap,
}

impl Head {
    fn asks(&self, bot_id: String, endpoint: Endpoint, body: Bytes) -> ReceivedCall {
        // A value that is no text is certainly no JWT.
        let auth = self.headers.get("auth").map(|value| value.to_str().unwrap_or_default().to_owned());
        ReceivedCall { bot_id, endpoint, method: self.method.as_str().to_owned(), auth, body }
    }
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Head {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self { method: parts.method.clone(), headers: parts.headers.clone() })
    }
}
