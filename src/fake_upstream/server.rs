//! The HTTP server: routes, and the handle for tests and the demo.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Request, State as Shared};
use axum::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::{Connections, ResetHandle};
use super::fault::FaultRule;
use super::fault_response;
use super::job::{Api, ScriptedJob, Truth};
use super::record::Record;
use super::representation::Preferences;
use super::state::{Endpoint, ReceivedCall, Reply, State};
use super::tenant::Tenant;

/// How long [`FakeUpstream::stop`] waits for calls in flight before it aborts them.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A running fake upstream. Dropping it stops it without waiting.
pub struct FakeUpstream {
    address: SocketAddr,
    base_path: String,
    server: Arc<Server>,
    serving: JoinHandle<io::Result<()>>,
}

/// Why the fake upstream could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The local address of the listener is unavailable.
    #[error("cannot read the address of the listener")]
    Address(#[source] io::Error),
    /// The public key of a bot is invalid.
    #[error("invalid public key of bot {bot_id:?}: expected an RSA key in PEM")]
    Key {
        /// The bot.
        bot_id: String,
        /// What is wrong with it.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
}

impl FakeUpstream {
    /// Serves plain HTTP on this listener, in tasks of the current tokio runtime.
    ///
    /// # Errors
    /// If the listener has no address or the public key of a bot is not an RSA key in PEM.
    pub fn start(listener: TcpListener, tenant: Tenant) -> Result<Self, StartError> {
        let address = listener.local_addr().map_err(StartError::Address)?;
        let base_path = tenant.base_path.trim_end_matches('/').to_owned();
        let state = State::new(tenant).map_err(|(bot_id, source)| StartError::Key { bot_id, source })?;
        let server = Arc::new(Server {
            state: Mutex::new(state),
            started: Instant::now(),
            answered: watch::Sender::new(()),
            stopping: CancellationToken::new(),
        });
        let routes = routes(&base_path).with_state(Arc::clone(&server));
        let stopping = server.stopping.clone();
        let serving = tokio::spawn(async move {
            axum::serve(Connections(listener), routes.into_make_service_with_connect_info::<ResetHandle>())
                .with_graceful_shutdown(stopping.cancelled_owned())
                .await
        });
        Ok(Self { address, base_path, server, serving })
    }

    /// The `base_url` for a bot: `http://…` with the base path, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.base_path)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Moves the job clock forward: jobs progress, new ones are created, fault schedules come due. Budgets, tokens and the
    /// record stay in real time.
    pub fn advance(&self, by: Duration) {
        let mut state = self.server.state();
        state.ahead = state.ahead.saturating_add(by);
    }

    /// The job clock: real time since the start plus all advances.
    pub fn job_clock(&self) -> Duration {
        let ahead = self.server.state().ahead;
        self.server.started.elapsed().saturating_add(ahead)
    }

    /// What is true of a job now; `None` if the job does not exist or its responses are literal.
    pub fn truth(&self, bot_id: &str, request_id: &str) -> Option<Truth> {
        let now = self.job_clock();
        self.server.state().truth(bot_id, request_id, now)
    }

    /// Adds or replaces a job; false if the bot does not exist or has too many jobs.
    pub fn add_job(&self, bot_id: &str, job: ScriptedJob) -> bool {
        self.server.state().add_job(bot_id, job)
    }

    /// Adds a fault after the existing ones; the first that matches a call wins.
    pub fn add_fault(&self, rule: FaultRule) {
        self.server.state().add_fault(rule);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.server.state().clear_faults();
    }

    /// The calls received so far.
    pub fn record(&self) -> Record {
        self.server.state().record.clone()
    }

    /// Waits until the record meets a condition, which is checked after every call; false on a timeout.
    pub async fn wait_until(&self, at_most: Duration, condition: impl Fn(&Record) -> bool) -> bool {
        let mut answered = self.server.answered.subscribe();
        let wait = async { while !condition(&self.server.state().record) && answered.changed().await.is_ok() {} };
        tokio::time::timeout(at_most, wait).await.is_ok()
    }

    /// Stops accepting connections, waits a few seconds for calls in flight, and closes.
    pub async fn stop(mut self) {
        self.server.stopping.cancel();
        if tokio::time::timeout(STOP_GRACE, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.server.stopping.cancel();
    }
}

/// What the handlers share.
struct Server {
    state: Mutex<State>,
    started: Instant,
    answered: watch::Sender<()>,
    stopping: CancellationToken,
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn respond(&self, call: ReceivedCall, reset: &ResetHandle) -> Response {
        let (reply, date) = {
            let mut state = self.state();
            let now = self.started.elapsed();
            (state.handle(&call, now), state.http_date(now))
        };
        self.answered.send_replace(());
        let mut response = match reply {
            Reply::Response(response) => fault_response::literal(response),
            Reply::Faulty(fault, sample) => fault_response::respond(fault, sample, reset, &self.stopping).await,
        };
        // The clock of the tenant, against which it verifies tokens.
        if let Ok(date) = date.parse() {
            response.headers_mut().insert("date", date);
        }
        response
    }
}

fn routes(base_path: &str) -> Router<Arc<Server>> {
    let public = Router::new()
        .route("/api/public/bot/{bot_id}/notify/status/{request_id}", any(status_v1))
        .route("/api/public/bot/{bot_id}/notifyV2/status/{request_id}", any(status_v2))
        .route("/api/public/bot/{bot_id}/notify", any(send_v1))
        .route("/api/public/bot/{bot_id}/notifyV2", any(send_v2));
    let public = if base_path.is_empty() { public } else { Router::new().nest(base_path, public) };
    public.route("/demo/targets/{bot_index}", get(targets)).fallback(unknown_path)
}

type Handle = Shared<Arc<Server>>;
type Connection = ConnectInfo<ResetHandle>;
type OneId = Path<String>;
type TwoIds = Path<(String, String)>;

async fn status_v1(Shared(server): Handle, ConnectInfo(reset): Connection, Path(ids): TwoIds, head: Head) -> Response {
    server.respond(head.call(ids.0, Endpoint::Status(Api::V1, ids.1), Bytes::new()), &reset).await
}

async fn status_v2(Shared(server): Handle, ConnectInfo(reset): Connection, Path(ids): TwoIds, head: Head) -> Response {
    server.respond(head.call(ids.0, Endpoint::Status(Api::V2, ids.1), Bytes::new()), &reset).await
}

async fn send_v1(
    Shared(server): Handle,
    ConnectInfo(reset): Connection,
    Path(bot): OneId,
    head: Head,
    body: Bytes,
) -> Response {
    server.respond(head.call(bot, Endpoint::Send(Api::V1), body), &reset).await
}

async fn send_v2(
    Shared(server): Handle,
    ConnectInfo(reset): Connection,
    Path(bot): OneId,
    head: Head,
    body: Bytes,
) -> Response {
    server.respond(head.call(bot, Endpoint::Send(Api::V2), body), &reset).await
}

async fn unknown_path(Shared(server): Handle, ConnectInfo(reset): Connection, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let head = Head { method: parts.method, headers: parts.headers };
    server.respond(head.call(String::new(), Endpoint::Unknown, Bytes::new()), &reset).await
}

/// The http_sd response of Prometheus with the jobs of one bot, by its index in the tenant; without authentication.
async fn targets(Shared(server): Handle, Path(bot_index): Path<usize>) -> Response {
    // Time is read while the lock is held, as everywhere, so that the state never sees it go back.
    let targets = server.state().targets(bot_index, server.started.elapsed());
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

/// The parts of the request headers that decide the response.
struct Head {
    method: Method,
    headers: HeaderMap,
}

impl Head {
    fn call(&self, bot_id: String, endpoint: Endpoint, body: Bytes) -> ReceivedCall {
        // A value that is not text is not a JWT either.
        let auth = self.headers.get("auth").map(|value| value.to_str().unwrap_or_default().to_owned());
        let header = |name| self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let accept_encoding = header(ACCEPT_ENCODING).unwrap_or_default();
        let preferences = Preferences { accept_encoding, if_none_match: header(IF_NONE_MATCH) };
        ReceivedCall { bot_id, endpoint, method: self.method.as_str().to_owned(), auth, preferences, body }
    }
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Head {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self { method: parts.method.clone(), headers: parts.headers.clone() })
    }
}
