//! The network of a world: status calls reach the fake upstream's state, `http_sd` requests the lists of its jobs.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http;
use bytes::Bytes;
use koreai_exporter::fake_upstream::{DirectCall, DirectReply, DirectUpstream, ScriptedJob, ScriptedResponse};
use koreai_exporter::transport::{SendError, Sending, Transport};
use reqwest::{Client, Request, Response, ResponseBuilderExt};

use super::{Bot, Limit};
use crate::time::Time;

/// How long the upstream takes for an answer.
const LATENCY: Duration = Duration::from_millis(80);

/// What is outside of the exporters.
pub(crate) struct Outside {
    pub(crate) time: Time,
    state: Mutex<OutsideState>,
}

/// The upstream and the sources.
pub(crate) struct OutsideState {
    pub(crate) upstream: DirectUpstream,
    /// Jobs of each bot, for the sources.
    pub(crate) lists: Vec<(String, Vec<ScriptedJob>)>,
    pub(crate) lists_empty: bool,
    pub(crate) sources_fail: bool,
    pub(crate) others: Option<Limit>,
    /// Calls of the last minute that the limit let through.
    admitted: VecDeque<Duration>,
}

impl Outside {
    pub(crate) fn new(upstream: DirectUpstream, bots: &[Bot]) -> Self {
        let state = OutsideState {
            upstream,
            lists: bots.iter().map(|bot| (bot.name.to_owned(), bot.jobs.clone())).collect(),
            lists_empty: false,
            sources_fail: false,
            others: None,
            admitted: VecDeque::new(),
        };
        Self { time: Time::new(), state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, OutsideState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutsideState {
    /// What the upstream answers to a call.
    fn status(&mut self, request: &Request, now: Duration) -> DirectReply {
        let refused = match self.others {
            None => None,
            Some(Limit::Hour) => {
                Some("You've exceeded the hourly rate limit. Please wait for sometime before retrying.")
            }
            Some(Limit::Minute(left)) => {
                while self.admitted.front().is_some_and(|at| *at + Duration::from_secs(60) <= now) {
                    self.admitted.pop_front();
                }
                (self.admitted.len() >= left)
                    .then_some("You've exceeded the per-minute rate limit. Please wait for sometime before retrying.")
            }
        };
        if let Some(text) = refused {
            let body = serde_json::json!({"errors": [{"msg": text, "code": 429}]}).to_string();
            return DirectReply::Answer(ScriptedResponse::json(429, body));
        }
        self.admitted.push_back(now);
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let call = DirectCall {
            method: request.method().as_str(),
            path: request.url().path(),
            auth: header("auth"),
            accept_encoding: header("accept-encoding"),
            if_none_match: header("if-none-match"),
        };
        self.upstream.ask(&call, now)
    }

    /// What the source of a bot returns.
    fn list(&self, bot: &str, now: Duration) -> ScriptedResponse {
        if self.sources_fail {
            return ScriptedResponse::json(503, "{}");
        }
        let jobs = self.lists.iter().filter(|(name, _)| name == bot && !self.lists_empty).flat_map(|(_, jobs)| jobs);
        let groups: Vec<_> = jobs
            .filter(|job| job.created_at <= now)
            .map(|job| match &job.campaign {
                Some(campaign) => serde_json::json!({"targets": [job.id], "labels": {"campaign": campaign}}),
                None => serde_json::json!({"targets": [job.id]}),
            })
            .collect();
        ScriptedResponse::ok(serde_json::Value::from(groups).to_string())
    }
}

/// The network of one life of an exporter; closed once that life has ended.
pub(crate) struct Network {
    pub(crate) outside: Arc<Outside>,
    pub(crate) open: Arc<AtomicBool>,
}

impl Transport for Network {
    fn send<'a>(&'a self, _: &'a Client, request: Request) -> Sending<'a> {
        Box::pin(async move {
            tokio::time::sleep(LATENCY).await;
            if !self.open.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            let now = self.outside.time.now();
            let reply = match request.url().host_str() {
                Some("targets.example") => {
                    let bot = request.url().path().trim_start_matches('/');
                    DirectReply::Answer(self.outside.state().list(bot, now))
                }
                _ => self.outside.state().status(&request, now),
            };
            match reply {
                DirectReply::Answer(answer) => respond(&answer, answer.body.clone(), &request),
                DirectReply::CutOff(answer) => respond(&answer, answer.body.slice(..answer.body.len() / 2), &request),
                DirectReply::Stalled(_) | DirectReply::Silence => std::future::pending().await,
                DirectReply::Reset => Err(Error::from(ErrorKind::ConnectionReset).into()),
            }
        })
    }
}

fn respond(answer: &ScriptedResponse, body: Bytes, request: &Request) -> Result<Response, SendError> {
    let mut builder = http::Response::builder().status(answer.status).url(request.url().clone());
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    Ok(builder.body(reqwest::Body::from(body)).map_err(Error::other)?.into())
}
