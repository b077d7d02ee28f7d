//! `GET /probe?bot=NAME&target=ID`: one job, for people who let Prometheus discover.

use std::time::Duration;

use axum::extract::{Query, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::State;
use super::metrics::negotiated;
use super::reply::text;
use crate::exposition;
use crate::model::{BotName, JobKey, RequestId};
use crate::poller::ProbeError;

/// How long before Prometheus gives up the answer should be there.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);
/// How long a probe may take where Prometheus does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// What a caller may ask for at most.
const MAX_TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
pub(super) struct Parameters {
    bot: Option<String>,
    target: Option<String>,
}

pub(super) async fn probe(
    Extract(state): Extract<State>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    let bad = |message: String| text(StatusCode::BAD_REQUEST, message);
    let (Some(bot), Some(target)) = (parameters.bot, parameters.target) else {
        return bad("give ?bot=NAME&target=REQUEST_ID\n".to_owned());
    };
    let bot = match BotName::parse(&bot) {
        Ok(bot) => bot,
        Err(error) => return bad(format!("bot {error}\n")),
    };
    let id = match RequestId::parse(&target) {
        Ok(id) => id,
        Err(error) => return bad(format!("target {error}; it is a request ID (ds-…), never a URL\n")),
    };
    if state.shard.owner(&bot, &id) != state.shard.index() {
        return misdirected(&state, &bot, &id);
    }
    let answer = tokio::time::timeout(timeout(&headers), state.poller.probe(JobKey { bot, id })).await;
    let job = match answer {
        Err(_) => return text(StatusCode::GATEWAY_TIMEOUT, "the upstream did not answer in time\n"),
        Ok(Err(shutting_down)) => return text(StatusCode::SERVICE_UNAVAILABLE, format!("{shutting_down}\n")),
        Ok(Ok(Err(error))) => {
            let status = match error {
                ProbeError::UnknownBot => StatusCode::BAD_REQUEST,
                ProbeError::NoBudget | ProbeError::TooSoon => StatusCode::SERVICE_UNAVAILABLE,
                ProbeError::Failed(_) => StatusCode::BAD_GATEWAY,
            };
            return text(status, format!("{error}\n"));
        }
        Ok(Ok(Ok(job))) => job,
    };
    let negotiated = negotiated(&headers);
    let body = exposition::render(std::iter::once(job.as_ref()), &[], None, negotiated.format);
    ([(header::CONTENT_TYPE, negotiated.content_type)], body).into_response()
}

fn timeout(headers: &HeaderMap) -> Duration {
    let asked = headers.get("x-prometheus-scrape-timeout-seconds").and_then(|value| value.to_str().ok());
    let seconds =
        asked.and_then(|text| text.parse::<f64>().ok()).filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(asked) => asked.min(MAX_TIMEOUT).checked_sub(TIMEOUT_OFFSET).unwrap_or(asked.min(MAX_TIMEOUT)),
        None => DEFAULT_TIMEOUT,
    }
}

/// 421: another shard follows this ID. The header says which.
fn misdirected(state: &State, bot: &BotName, id: &RequestId) -> Response {
    let response = text(StatusCode::MISDIRECTED_REQUEST, format!("{}\n", whose(state, bot, id)));
    with_owner(response, state, bot, id)
}

/// Which shard follows this ID, in words.
pub(super) fn whose(state: &State, bot: &BotName, id: &RequestId) -> String {
    let (owner, ours, total) = (state.shard.owner(bot, id), state.shard.index(), state.shard.total());
    format!("{id} of bot {bot} belongs to shard {owner} of {total}; this is shard {ours}")
}

/// Puts the index of the shard that follows this ID into the response's head.
pub(super) fn with_owner(mut response: Response, state: &State, bot: &BotName, id: &RequestId) -> Response {
    response.headers_mut().insert("x-koreai-shard-index", state.shard.owner(bot, id).into());
    response
}
