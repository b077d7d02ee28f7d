//! The examination of one bot.

use std::sync::Arc;

use super::answer::{Meaning, Requested, meaning};
use super::network::{Peer, connect, resolve};
use super::step::{Check, Examination, Failure};
use super::times::{distance, rounded};
use super::tls::{Stream, handshake, speaks_tls};
use super::{credential, proxy, token};
use crate::auth::{Token, TokenSource};
use crate::clock::Clock;
use crate::config::{Auth, BotConfig, MAX_JTI_LIFETIME};
use crate::model::{ApiVersion, Outcome, RequestId, Timestamp, error_chain};
use crate::scheduler::MIN_GAP;
use crate::upstream::{BodyBudget, Client, ClientSettings, Phrase, ReasonTable, ResponseHead, StatusResponse};

/// The most calls in one run, over all bots.
pub const MAX_CALLS: u32 = 2;

/// The ID that is requested without `--request-id`: a valid form that no job has.
const PLACEHOLDER: &str = "ds-00000000-0000-0000-0000-000000000000";

/// A difference of the clocks that upstream may reject a token for, and one that is worth a remark, in seconds.
const SKEW_LIMIT: u64 = 60;
const SKEW_REMARK: u64 = 10;

/// The calls that are left in this run.
#[derive(Debug)]
pub struct CallsLeft(u32);

impl Default for CallsLeft {
    fn default() -> Self {
        Self(MAX_CALLS)
    }
}

impl CallsLeft {
    fn take(&mut self) -> bool {
        let left = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        left
    }
}

/// What is examined.
pub struct Patient<'a> {
    /// The bot.
    pub bot: &'a BotConfig,
    /// The settings of its client, as the exporter uses them.
    pub settings: ClientSettings,
    /// What is said about the configuration.
    pub configuration: String,
    /// The job to request; `None`: an ID that no job has.
    pub request_id: Option<RequestId>,
}

type Failed = (Check, Failure);

/// Checks a call of this bot step by step.
pub async fn examine(patient: &Patient<'_>, calls: &mut CallsLeft, clock: &Clock) -> Examination {
    let mut examination = Examination::new(Some(patient.bot.name.clone()));
    if let Err((check, failure)) = walk(patient, calls, clock, &mut examination).await {
        examination.fail(check, failure);
    }
    examination.finished()
}

async fn walk(patient: &Patient<'_>, calls: &mut CallsLeft, clock: &Clock, e: &mut Examination) -> Result<(), Failed> {
    let Patient { bot, settings, .. } = patient;
    e.ok(Check::Configuration, patient.configuration.clone());
    e.ok(Check::Credential, credential::credential(&bot.auth).map_err(|failure| (Check::Credential, failure))?);
    let token = make_token(&bot.auth, clock.system_now(), e)?;
    reach(settings, clock, e).await?;

    let client = client(settings).map_err(|failure| (Check::Request, failure))?;
    if !calls.take() {
        e.skip(
            Check::Request,
            format!("a run makes at most {MAX_CALLS} calls; examine this bot with --bot={}", bot.name),
        );
        return Ok(());
    }
    let placeholder = RequestId::parse(PLACEHOLDER).ok();
    let Some(id) = patient.request_id.as_ref().or(placeholder.as_ref()) else { return Ok(()) };
    let response = client.fetch_status(id, &token.secret, clock.system_now()).await;
    let Some(head) = response.head.clone() else {
        return Err((Check::Request, no_response(settings, &response).await));
    };
    e.ok(Check::Request, format!("HTTP {} after {:.2} s", head.status, response.duration.as_secs_f64()));
    if settings.base_url.scheme() == "http" && head.is_html && head.status == 400 && answers_tls(settings).await {
        return Err((Check::Answer, https_expected(settings)));
    }
    compare_clocks(&response, &head, clock.system_now(), e)?;

    let requested = Requested { bot, id: patient.request_id.as_ref() };
    let failed = |failure| (Check::Answer, failure);
    match meaning(&requested, &response, &head) {
        Meaning::Good(seen) => e.ok(Check::Answer, seen),
        Meaning::Bad(failure) => return Err(failed(failure)),
        Meaning::MaybeOtherApi(failure) => {
            let may_call = bot.rate_limit.per_minute >= MAX_CALLS && calls.take();
            let other = if may_call { other_api(settings, id, &bot.auth, clock).await } else { None };
            return Err(failed(other.unwrap_or(failure)));
        }
        Meaning::MaybeJti(failure) => {
            let may_call = bot.rate_limit.per_minute >= MAX_CALLS && calls.take();
            let jti = if may_call { with_jti(&client, id, &bot.auth, clock).await } else { None };
            return Err(failed(jti.unwrap_or(failure)));
        }
    }
    Ok(())
}

fn make_token(auth: &Auth, now: Timestamp, e: &mut Examination) -> Result<Token, Failed> {
    let failed = |failure| (Check::Token, failure);
    let tokens = TokenSource::new(auth)
        .map_err(|error| failed(Failure::ours(error_chain(&error), "correct the keys of `auth`")))?;
    let (token, seen) = token::token(&tokens, auth, now).map_err(failed)?;
    e.ok(Check::Token, seen);
    Ok(token)
}

/// The steps from DNS to TLS.
async fn reach(settings: &ClientSettings, clock: &Clock, e: &mut Examination) -> Result<(), Failed> {
    let upstream = Peer::of(&settings.base_url, "base_url");
    let through = settings.proxy_url.as_ref().map(|url| (url, Peer::of(url, "proxy_url")));
    let first = through.as_ref().map_or(&upstream, |(_, proxy)| proxy);
    let (addresses, seen) = resolve(first).await.map_err(|failure| (Check::Dns, failure))?;
    e.ok(Check::Dns, seen);
    let (stream, seen) = connect(first, &addresses).await.map_err(|failure| (Check::Tcp, failure))?;
    e.ok(Check::Tcp, seen);

    let mut stream: Stream = Box::new(stream);
    let is_https = settings.base_url.scheme() == "https";
    match &through {
        None => e.skip(Check::Proxy, "no proxy_url is configured"),
        Some((url, proxy)) => {
            let failed = |failure| (Check::Proxy, failure);
            if url.scheme() == "https" {
                (stream, ..) = handshake(stream, proxy, &settings.tls, clock.system_now()).await.map_err(failed)?;
            }
            if is_https {
                let (tunnel, seen) = proxy::tunnel(stream, url, proxy, &upstream).await.map_err(failed)?;
                stream = tunnel;
                e.ok(Check::Proxy, seen);
            } else {
                e.ok(
                    Check::Proxy,
                    format!("the proxy {} gets the request itself: base_url is http", proxy.authority()),
                );
            }
        }
    }
    if !is_https {
        e.skip(Check::Tls, "base_url is http: the token is sent without encryption");
        return Ok(());
    }
    let (_, seen, expires_soon) = handshake(stream, &upstream, &settings.tls, clock.system_now())
        .await
        .map_err(|failure| (Check::Tls, failure))?;
    if expires_soon {
        e.remark(Check::Tls, seen, "the certificate expires soon: remind the operator of the server");
    } else {
        e.ok(Check::Tls, seen);
    }
    Ok(())
}

fn client(settings: &ClientSettings) -> Result<Client, Failure> {
    Client::new(settings, Arc::new(ReasonTable::new(&[])), BodyBudget::new())
        .map_err(|error| Failure::ours(error_chain(&error), "correct base_url, bot_id, tls_config and proxy_url"))
}

/// Why no head of a response arrived, although a connection was possible.
async fn no_response(settings: &ClientSettings, response: &StatusResponse) -> Failure {
    if settings.base_url.scheme() == "http" && answers_tls(settings).await {
        return https_expected(settings);
    }
    let authority = Peer::of(&settings.base_url, "base_url").authority();
    let detail = response.result.as_ref().err().map_or("", |error| &error.detail);
    let next =
        "repeat this; if it stays, check proxies and gateways in between, and whether base_url names an HTTP server";
    Failure::theirs(format!("no response from {authority}: {detail}"), next)
}

async fn answers_tls(settings: &ClientSettings) -> bool {
    if settings.proxy_url.is_some() {
        return false;
    }
    let peer = Peer::of(&settings.base_url, "base_url");
    let Ok((addresses, _)) = resolve(&peer).await else { return false };
    match connect(&peer, &addresses).await {
        Ok((stream, _)) => speaks_tls(stream, &peer).await,
        Err(_) => false,
    }
}

fn https_expected(settings: &ClientSettings) -> Failure {
    let authority = Peer::of(&settings.base_url, "base_url").authority();
    Failure::ours(
        format!("{authority} speaks TLS, but base_url is http: is base_url https?"),
        "write https:// in base_url",
    )
}

/// A clock that is wrong is the cause only if the upstream rejects the token for a reason that it may explain.
fn compare_clocks(
    response: &StatusResponse,
    head: &ResponseHead,
    now: Timestamp,
    e: &mut Examination,
) -> Result<(), Failed> {
    let Some(date) = head.date else {
        e.skip(Check::Clock, "the response has no header Date");
        return Ok(());
    };
    let skew = distance(now, date);
    let side = if now > date { "ahead of" } else { "behind" };
    let seen = format!("this machine's clock is {} {side} the upstream's (header Date)", rounded(skew));
    let advice = "synchronize this machine's clock (NTP)";
    let may_explain = match &response.result {
        Err(error) => {
            error.outcome == Outcome::Unauthorized
                && !matches!(error.phrase, Some(Phrase::ScopeMissing | Phrase::NotAJwt | Phrase::Replay))
        }
        Ok(_) => false,
    };
    match skew.as_secs() {
        SKEW_LIMIT.. if may_explain => {
            let cause = format!("{seen}, so the token is expired or not yet valid there");
            return Err((Check::Clock, Failure::ours(cause, advice)));
        }
        SKEW_REMARK.. => e.remark(Check::Clock, seen, advice),
        _ => e.ok(Check::Clock, "this machine's clock agrees with the upstream's (header Date)"),
    }
    Ok(())
}

/// Requests the job from the other API version.
async fn other_api(settings: &ClientSettings, id: &RequestId, auth: &Auth, clock: &Clock) -> Option<Failure> {
    let (api, ours, theirs) = match settings.api {
        ApiVersion::V1 => (ApiVersion::V2, "v1", "v2"),
        ApiVersion::V2 => (ApiVersion::V1, "v2", "v1"),
    };
    let client = client(&ClientSettings { api, ..settings.clone() }).ok()?;
    tokio::time::sleep(MIN_GAP).await;
    let token = TokenSource::new(auth).ok()?.token(clock.system_now()).ok()?;
    let response = client.fetch_status(id, &token.secret, clock.system_now()).await;
    (response.outcome() == Outcome::Ok).then(|| {
        Failure::ours(
            format!("the job {:?} belongs to the {theirs} API, but api is {ours}", id.as_str()),
            format!("set `api: {theirs}` for this bot; jobs of both APIs need two entries in bots"),
        )
    })
}

/// Repeats the call with a token that has a `jti`.
async fn with_jti(client: &Client, id: &RequestId, auth: &Auth, clock: &Clock) -> Option<Failure> {
    let Auth::Sign(signing) = auth else { return None };
    let mut signing = signing.clone();
    signing.jti = true;
    signing.token_lifetime = signing.token_lifetime.min(MAX_JTI_LIFETIME);
    tokio::time::sleep(MIN_GAP).await;
    let token = TokenSource::new(&Auth::Sign(signing)).ok()?.token(clock.system_now()).ok()?;
    let response = client.fetch_status(id, &token.secret, clock.system_now()).await;
    let accepted = response.head.is_some() && matches!(response.outcome(), Outcome::Ok | Outcome::NotFound);
    accepted.then(|| {
        Failure::ours(
            "the app enforces jti: it rejects a token without jti and accepts one with it",
            "set `jti: true` in auth",
        )
    })
}
