//! The transport of a simulated world: status calls go to the fake upstream's state, `http_sd` requests to sources that
//! the world keeps. No socket is between them; latency, broken connections and torn bodies are drawn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use koreai_exporter::fake_upstream::{DirectCall, DirectReply, DirectUpstream, ScriptedResponse, Truth};
use koreai_exporter::transport::{SendError, Sending, Transport};
use reqwest::{Client, Request, Response, ResponseBuilderExt};
use tokio::time::Sleep;

use super::dice::Dice;
use super::disk::SimulatedDisk;
use super::ledger::{Key, Ledger, TERMINAL};
use super::time::Time;

/// What lies outside of the program.
pub(crate) struct Outside {
    pub(crate) time: Time,
    pub(crate) disk: SimulatedDisk,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) weather: Mutex<Weather>,
}

/// How the network, the upstream and the sources are at the moment.
pub(crate) struct Weather {
    pub(crate) upstream: DirectUpstream,
    pub(crate) dice: Dice,
    /// The longest that an answer takes to begin, in milliseconds.
    pub(crate) latency: u64,
    /// Entries of a report come in another order each time.
    pub(crate) reorders: bool,
    /// Bot IDs by the names of bots.
    pub(crate) names: BTreeMap<String, String>,
    /// Source → what it names: campaign and ID.
    pub(crate) lists: BTreeMap<(String, String), BTreeSet<(String, String)>>,
    /// How sources fail.
    pub(crate) failing: BTreeMap<(String, String), SourceFault>,
}

/// How a source of targets fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceFault {
    Refuses,
    Status,
    Garbage,
    Hangs,
    CutOff,
    /// Good, but for a few targets that are none.
    Invalid,
}

impl Outside {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, line: &str) {
        self.ledger().story.tell(self.time.now(), line);
    }
}

/// The way out of one life of the program; it leads nowhere once that has been killed.
pub(crate) struct Way {
    pub(crate) outside: Arc<Outside>,
    pub(crate) open: Arc<AtomicBool>,
}

impl Transport for Way {
    fn send<'a>(&'a self, _: &'a Client, request: Request) -> Sending<'a> {
        Box::pin(async move {
            let turns = self.outside.weather().dice.within(0..4);
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            if !self.open.load(Ordering::Relaxed) || self.outside.disk.is_dead() {
                std::future::pending::<()>().await;
            }
            match request.url().host_str() {
                Some("targets.example") => self.list(&request).await,
                _ => self.status(&request).await,
            }
        })
    }
}

impl Way {
    async fn status(&self, request: &Request) -> Result<Response, SendError> {
        let Judged { key, reply, truth, before, between, pieces } = self.judge(request)?;
        let (outside, now, bot) = (&self.outside, self.outside.time.now(), key.0.clone());
        let under_way = UnderWay { outside: outside.clone(), bot };
        tokio::time::sleep(before).await;
        let mut steps = VecDeque::new();
        let (answer, whole) = match reply {
            DirectReply::Silence => std::future::pending().await,
            DirectReply::Reset => return Err(Error::from(ErrorKind::ConnectionReset).into()),
            DirectReply::Answer(answer) => (answer, true),
            DirectReply::CutOff(answer) | DirectReply::Stalled(answer) if answer.body.is_empty() => (answer, true),
            DirectReply::CutOff(answer) => {
                steps.push_back(Step::Break);
                (answer, false)
            }
            DirectReply::Stalled(answer) => {
                steps.push_back(Step::Stall);
                (answer, false)
            }
        };
        let sent = if whole { answer.body.clone() } else { answer.body.slice(..answer.body.len() / 2) };
        for (place, piece) in sent.chunks(sent.len().div_ceil(pieces).max(1)).rev().enumerate() {
            steps.push_front(Step::Data(sent.slice_ref(piece)));
            if place + 1 < pieces {
                steps.push_front(Step::Wait(between));
            }
        }
        if let (304, Some(truth)) = (answer.status, &truth) {
            // Without a body the answer has arrived with its head.
            outside.ledger().told(&key, truth.clone(), is_terminal(truth), now, outside.time.now());
        }
        let report = truth.filter(|_| whole && answer.status == 200 && is_report(&answer.body));
        let arrival = report.map(|truth| Arrival { key, truth, began: now });
        let length = answer.body.len() as u64;
        let body = Chunks { steps, waiting: None, length, sent: 0, arrival, under_way: Some(under_way) };
        Ok(respond(answer.status, &answer.headers, request, body))
    }

    /// The upstream's judgement, and how its answer travels.
    fn judge(&self, request: &Request) -> Result<Judged, SendError> {
        let outside = &self.outside;
        let (path, now) = (request.url().path(), outside.time.now());
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let [.., "bot", bot_id, _, "status", id] = segments.as_slice() else {
            return Err(Error::other("no such path").into());
        };
        let mut weather = outside.weather();
        let bot = weather.names.get(*bot_id).cloned().unwrap_or_default();
        let key: Key = (bot, (*id).to_owned());
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let call = DirectCall {
            method: request.method().as_str(),
            path,
            auth: header("auth"),
            accept_encoding: header("accept-encoding"),
            if_none_match: header("if-none-match"),
        };
        let reply = weather.upstream.ask(&call, now);
        let truth = weather.upstream.truth(bot_id, id, now);
        let latency = weather.latency;
        let before = Duration::from_millis(weather.dice.scaled(5, latency.max(6)));
        let between = Duration::from_millis(weather.dice.scaled(1, latency.max(2)) / 4);
        let (pieces, reorders) = (weather.dice.within(1..4) as usize, weather.reorders);
        let reply = match reply {
            DirectReply::Answer(answer) if reorders && answer.status == 200 => {
                DirectReply::Answer(reordered(answer, &mut weather.dice))
            }
            reply => reply,
        };
        let mut ledger = outside.ledger();
        ledger.call(&key, now);
        ledger.story.tell(now, &format!("call {} {}: {}", key.0, key.1, spelt(&reply)));
        Ok(Judged { key, reply, truth, before, between, pieces })
    }

    async fn list(&self, request: &Request) -> Result<Response, SendError> {
        let outside = &self.outside;
        let mut path = request.url().path().trim_start_matches('/').split('/').map(str::to_owned);
        let source = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
        let wait = Duration::from_millis(outside.weather().dice.within(1..50));
        tokio::time::sleep(wait).await;
        let fault = outside.weather().failing.get(&source).copied();
        let list = outside.weather().lists.get(&source).cloned().unwrap_or_default();
        outside.tell(&format!("list {}/{}: {} targets, {fault:?}", source.0, source.1, list.len()));
        let json = vec![("content-type".to_owned(), "application/json".to_owned())];
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (campaign, id) in &list {
            groups.entry(campaign).or_default().push(id);
        }
        if fault == Some(SourceFault::Invalid) {
            groups.entry("broken").or_default().extend(["no good", "", "ds 1"]);
        }
        let groups: Vec<_> = groups
            .into_iter()
            .map(|(campaign, ids)| serde_json::json!({"targets": ids, "labels": {"campaign": campaign}}))
            .collect();
        let whole = Bytes::from(serde_json::to_vec(&groups).map_err(Error::other)?);
        let length = whole.len();
        let body = |steps: Vec<Step>, length: usize| Chunks {
            steps: steps.into(),
            waiting: None,
            length: length as u64,
            sent: 0,
            arrival: None,
            under_way: None,
        };
        match fault {
            Some(SourceFault::Refuses) => Err(Error::from(ErrorKind::ConnectionRefused).into()),
            Some(SourceFault::Status) => Ok(respond(503, &json, request, body(Vec::new(), 0))),
            Some(SourceFault::Garbage) => {
                let garbage = Bytes::from_static(b"[{\"targets\": [\"ds-1\"");
                let length = garbage.len();
                Ok(respond(200, &json, request, body(vec![Step::Data(garbage)], length)))
            }
            Some(SourceFault::Hangs) => {
                tokio::time::sleep(request.timeout().copied().unwrap_or(Duration::from_secs(30))).await;
                Err(Error::from(ErrorKind::TimedOut).into())
            }
            Some(SourceFault::CutOff) => {
                let half = whole.slice(..length / 2);
                Ok(respond(200, &json, request, body(vec![Step::Data(half), Step::Break], length)))
            }
            Some(SourceFault::Invalid) | None => {
                let ids: BTreeSet<String> = list.iter().map(|(_, id)| id.clone()).collect();
                outside.ledger().named(source, ids, outside.time.now());
                Ok(respond(200, &json, request, body(vec![Step::Data(whole)], length)))
            }
        }
    }
}

/// A call, judged.
struct Judged {
    key: Key,
    reply: DirectReply,
    truth: Option<Truth>,
    /// From the call to the answer's head, and between pieces of its body.
    before: Duration,
    between: Duration,
    pieces: usize,
}

fn respond(status: u16, headers: &[(String, String)], request: &Request, body: Chunks) -> Response {
    let mut builder = http::Response::builder().status(status).url(request.url().clone());
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    builder.body(reqwest::Body::wrap(body)).expect("status and headers are good").into()
}

fn spelt(reply: &DirectReply) -> String {
    match reply {
        DirectReply::Answer(answer) => format!("{} with {} bytes", answer.status, answer.body.len()),
        DirectReply::CutOff(_) => "cut off".to_owned(),
        DirectReply::Stalled(_) => "stalls".to_owned(),
        DirectReply::Silence => "silence".to_owned(),
        DirectReply::Reset => "reset".to_owned(),
    }
}

fn is_report(body: &[u8]) -> bool {
    body.first() == Some(&b'{') && body.windows(12).any(|window| window == b"\"statusLogs\"")
}

fn is_terminal(truth: &Truth) -> bool {
    TERMINAL.contains(&truth.status.as_str())
}

/// The same report with its entries in another order.
fn reordered(answer: ScriptedResponse, dice: &mut Dice) -> ScriptedResponse {
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(&answer.body) else { return answer };
    let Some(entries) = value.get_mut("statusLogs").and_then(|logs| logs.as_array_mut()) else { return answer };
    for last in (1..entries.len()).rev() {
        let other = dice.within(0..last as u64 + 1) as usize;
        entries.swap(last, other);
    }
    ScriptedResponse { body: value.to_string().into(), ..answer }
}

/// A report that arrives with the last byte.
struct Arrival {
    key: Key,
    truth: Truth,
    began: Duration,
}

/// A call that ends when this is dropped.
struct UnderWay {
    outside: Arc<Outside>,
    bot: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let now = self.outside.time.now();
        self.outside.ledger().call_ended(&self.bot, now);
    }
}

enum Step {
    Data(Bytes),
    Wait(Duration),
    Break,
    Stall,
}

/// A body in pieces.
struct Chunks {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<Sleep>>>,
    length: u64,
    sent: u64,
    arrival: Option<Arrival>,
    under_way: Option<UnderWay>,
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                if waiting.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.waiting = None;
            }
            match self.steps.pop_front() {
                Some(Step::Data(bytes)) => {
                    self.sent += bytes.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Wait(pause)) => self.waiting = Some(Box::pin(tokio::time::sleep(pause))),
                Some(Step::Break) => return Poll::Ready(Some(Err(Error::from(ErrorKind::UnexpectedEof)))),
                Some(Step::Stall) => {
                    self.steps.push_front(Step::Stall);
                    return Poll::Pending;
                }
                None => break,
            }
        }
        if let (Some(Arrival { key, truth, began }), Some(under_way)) = (self.arrival.take(), &self.under_way) {
            let outside = under_way.outside.clone();
            let (now, terminal) = (outside.time.now(), is_terminal(&truth));
            outside.ledger().told(&key, truth, terminal, began, now);
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length - self.sent)
    }
}
