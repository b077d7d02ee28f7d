//! `GET /probe?bot=NAME&target=ID`: one job, for users who let Prometheus discover the targets.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::AppState;
use super::metrics::negotiated;
use super::reply::text;
use super::shard_owner::{owner_message, with_owner};
use crate::exposition;
use crate::model::{BotName, JobKey, RequestId};
use crate::poller::ProbeError;

/// The answer is sent this long before the scrape timeout of Prometheus.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);
/// Timeout of a probe without a scrape timeout header.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest timeout that a caller can set.
const MAX_TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
pub(super) struct Parameters {
    bot: Option<String>,
    target: Option<String>,
}

pub(super) async fn probe(
    State(state): State<AppState>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    let bad = |message: String| text(StatusCode::BAD_REQUEST, message);
    let (Some(bot), Some(target)) = (parameters.bot, parameters.target) else {
        return bad("expected ?bot=NAME&target=REQUEST_ID\n".to_owned());
    };
    let bot = match BotName::parse(&bot) {
        Ok(bot) => bot,
        Err(error) => return bad(format!("bot {error}\n")),
    };
    let id = match RequestId::parse(&target) {
        Ok(id) => id,
        Err(error) => return bad(format!("target {error}; it must be a request ID (ds-…), not a URL\n")),
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
                ProbeError::NoBudget | ProbeError::TooSoon | ProbeError::NotReadable => StatusCode::SERVICE_UNAVAILABLE,
                ProbeError::Failed(_) => StatusCode::BAD_GATEWAY,
            };
            return text(status, format!("{error}\n"));
        }
        Ok(Ok(Ok(job))) => job,
    };
    let negotiated = negotiated(&headers);
    let body = exposition::render(std::iter::once(job.as_ref()), &[], &[], None, negotiated.format);
    ([(header::CONTENT_TYPE, negotiated.content_type)], body).into_response()
}

fn timeout(headers: &HeaderMap) -> Duration {
    let requested = headers.get("x-prometheus-scrape-timeout-seconds").and_then(|value| value.to_str().ok());
    let seconds =
        requested.and_then(|text| text.parse::<f64>().ok()).filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(requested) => {
            let timeout = requested.min(MAX_TIMEOUT);
            timeout.checked_sub(TIMEOUT_OFFSET).unwrap_or(timeout)
        }
        None => DEFAULT_TIMEOUT,
    }
}

/// 421: another shard polls this ID. A header names it.
fn misdirected(state: &AppState, bot: &BotName, id: &RequestId) -> Response {
    let response = text(StatusCode::MISDIRECTED_REQUEST, format!("{}\n", owner_message(state, bot, id)));
    with_owner(response, state, bot, id)
}
