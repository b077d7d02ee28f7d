//! `/api/v1/jobs`: list, register and delete jobs.

use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::AppState;
use super::job_request::{RegisterParameters, parse_jobs};
use super::shard_owner::{owner_message, with_owner};
use super::{registration_response, request_body};
use crate::model::{
    BotName, EntryStatus, Job, JobKey, JobNumber, JobState, JobStatus, LabelValue, RequestId, SourceKind,
};
use crate::poller::{Filter, MAX_LISTED};

/// Jobs in a listing without `limit`.
const DEFAULT_LISTED: usize = 100;

/// The largest body of a POST: 10,000 jobs with labels.
const MAX_BODY_MIB: usize = 8;

/// Limits the body of a POST.
pub(super) fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(MAX_BODY_MIB << 20)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParameters {
    bot: Option<String>,
    state: Option<String>,
    status: Option<String>,
    campaign: Option<String>,
    request_id: Option<String>,
    offset: Option<usize>,
    limit: Option<usize>,
    format: Option<String>,
}

#[derive(Serialize)]
struct ListedJobJson<'a> {
    bot: &'a str,
    request_id: &'a str,
    campaign: Option<&'a str>,
    labels: serde_json::Map<String, Value>,
    api: &'static str,
    state: &'static str,
    status: &'static str,
    completion_ratio: Option<f64>,
    recipients: Option<u64>,
    success: u64,
    failure: u64,
    poll_up: Option<bool>,
    last_change_timestamp_seconds: Option<f64>,
    finished_timestamp_seconds: Option<f64>,
    last_poll_timestamp_seconds: Option<f64>,
    last_poll_success_timestamp_seconds: Option<f64>,
    sources: Vec<&'static str>,
}

/// `GET`.
pub(super) async fn list(
    State(state): State<AppState>,
    parameters: Result<Query<ListParameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let parameters = match parameters {
        Ok(Query(parameters)) => parameters,
        Err(error) => return error_response(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    let http_sd = match parameters.format.as_deref() {
        None | Some("json") => false,
        Some("http_sd") => true,
        Some(format) => {
            return error_response(
                StatusCode::BAD_REQUEST,
                &format!("invalid format {format:?}: expected json or http_sd"),
            );
        }
    };
    let filter = match filter(&parameters) {
        Ok(filter) => filter,
        Err(message) => return error_response(StatusCode::BAD_REQUEST, &message),
    };
    if http_sd {
        return match state.poller.keys(filter).await {
            Ok(keys) => as_http_sd(&keys),
            Err(error) => error_response(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        };
    }
    let (offset, limit) = (filter.offset, filter.limit);
    match state.poller.list(filter).await {
        Ok(listing) => {
            let rows: Vec<ListedJobJson<'_>> = listing.jobs.iter().map(|row| job_json(&row.job, row)).collect();
            let data = json!({"matching": listing.matching, "offset": offset, "limit": limit, "jobs": rows});
            respond(StatusCode::OK, &json!({"status": "success", "data": data}))
        }
        Err(error) => error_response(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

fn filter(parameters: &ListParameters) -> Result<Filter, String> {
    let bot = parameters.bot.as_deref().map(BotName::parse).transpose().map_err(|error| format!("bot {error}"))?;
    let state = one_of("state", parameters.state.as_deref(), &JobState::ALL, JobState::as_label)?;
    let status = one_of("status", parameters.status.as_deref(), &JobStatus::ALL, JobStatus::as_label)?;
    let request_id = parameters.request_id.as_deref().map(RequestId::parse).transpose();
    Ok(Filter {
        bot,
        state,
        status,
        campaign: parameters.campaign.clone(),
        request_id: request_id.map_err(|error| format!("request_id {error}"))?,
        request_id_part: None,
        offset: parameters.offset.unwrap_or(0),
        limit: parameters.limit.unwrap_or(DEFAULT_LISTED).min(MAX_LISTED),
    })
}

fn one_of<T: Copy>(
    key: &str,
    text: Option<&str>,
    all: &[T],
    label: fn(T) -> &'static str,
) -> Result<Option<T>, String> {
    let Some(text) = text else { return Ok(None) };
    let found = all.iter().copied().find(|value| label(*value) == text);
    found.map(Some).ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|value| label(*value)).collect();
        format!("invalid {key} {text:?}: expected one of {}", known.join(", "))
    })
}

fn job_json<'a>(job: &'a Job, row: &crate::poller::ListedJob) -> ListedJobJson<'a> {
    let sum = |status| job.tallies.iter().map(|tally| tally.entries[status]).sum();
    let labels = job.labels.iter().map(|(name, value)| (name.to_string(), Value::from(value.as_str())));
    ListedJobJson {
        bot: job.key.bot.as_str(),
        request_id: job.key.id.as_str(),
        campaign: job.campaign.as_ref().map(LabelValue::as_str),
        labels: labels.collect(),
        api: job.api.as_label(),
        state: job.state.as_label(),
        status: job.status.as_label(),
        completion_ratio: job.completion,
        recipients: job.numbers[JobNumber::Recipients],
        success: sum(EntryStatus::Success),
        failure: sum(EntryStatus::Failure),
        poll_up: job.poll_up,
        last_change_timestamp_seconds: job.last_change.map(|at| at.as_seconds()),
        finished_timestamp_seconds: job.finished.map(|at| at.as_seconds()),
        last_poll_timestamp_seconds: row.last_poll.map(|at| at.as_seconds()),
        last_poll_success_timestamp_seconds: job.last_poll_success.map(|at| at.as_seconds()),
        sources: row.sources.iter().map(|kind| kind.as_label()).collect(),
    }
}

/// Prometheus' http_sd format, for a Prometheus that scrapes `/probe`.
fn as_http_sd(keys: &[(JobKey, Option<LabelValue>)]) -> Response {
    let mut groups: std::collections::BTreeMap<(&str, &str), Vec<&str>> = std::collections::BTreeMap::new();
    for (key, campaign) in keys {
        let campaign = campaign.as_ref().map_or("", LabelValue::as_str);
        groups.entry((key.bot.as_str(), campaign)).or_default().push(key.id.as_str());
    }
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|((bot, campaign), targets)| {
            let mut labels = json!({"__param_bot": bot, "__meta_koreai_bot": bot});
            if !campaign.is_empty()
                && let Some(labels) = labels.as_object_mut()
            {
                labels.insert("campaign".to_owned(), Value::from(campaign));
            }
            json!({"targets": targets, "labels": labels})
        })
        .collect();
    respond(StatusCode::OK, &Value::from(groups))
}

/// `POST`: registers one job, a list of jobs, or with `?bot=` the job of the upstream's response to a send.
///
/// The request is checked as a whole: if one job in it is invalid or belongs to another shard, none is registered. Valid
/// jobs are then registered one by one; the answer names those that were rejected, because of `max_jobs` for example.
pub(super) async fn register(
    State(state): State<AppState>,
    parameters: Result<Query<RegisterParameters>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    if !state.enable_job_api {
        return error_response(StatusCode::FORBIDDEN, "the job API is disabled; enable it with --web.enable-job-api");
    }
    let parameters = match parameters {
        Ok(Query(parameters)) => parameters,
        Err(error) => return error_response(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    let body = match request_body::read(request, MAX_BODY_MIB).await {
        Ok(body) => body,
        Err((status, message)) => return error_response(status, &message),
    };
    let jobs = match parse_jobs(&body, &parameters, &state.shown.get().bots) {
        Ok(jobs) => jobs,
        Err(message) => return error_response(StatusCode::BAD_REQUEST, &message),
    };
    for (bot, target) in &jobs {
        if !state.shard.owns(bot, &target.id) {
            return misdirected(&state, bot, &target.id, "; no jobs were accepted: send each shard its own IDs");
        }
    }
    let (status, answer) = registration_response::register(&state.poller, jobs).await.response();
    respond(status, &answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgetParameters {
    bot: String,
    request_id: String,
}

/// `DELETE ?bot=NAME&request_id=ID`.
pub(super) async fn forget(
    State(state): State<AppState>,
    parameters: Result<Query<ForgetParameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    if !state.enable_job_api {
        return error_response(StatusCode::FORBIDDEN, "the job API is disabled; enable it with --web.enable-job-api");
    }
    let Ok(Query(parameters)) = parameters else {
        return error_response(StatusCode::BAD_REQUEST, "expected ?bot=NAME&request_id=ID");
    };
    let (bot, id) = match (BotName::parse(&parameters.bot), RequestId::parse(&parameters.request_id)) {
        (Ok(bot), Ok(id)) => (bot, id),
        (Err(error), _) => return error_response(StatusCode::BAD_REQUEST, &format!("bot {error}")),
        (_, Err(error)) => return error_response(StatusCode::BAD_REQUEST, &format!("request_id {error}")),
    };
    if !state.shard.owns(&bot, &id) {
        return misdirected(&state, &bot, &id, "");
    }
    match state.poller.forget(JobKey { bot, id }).await {
        Ok(Ok(true)) => respond(StatusCode::OK, &json!({"status": "success", "data": {"forgotten": 1}})),
        Ok(Err(error)) => error_response(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Ok(Ok(false)) => error_response(
            StatusCode::NOT_FOUND,
            &format!("no such job was registered through this API (source {:?})", SourceKind::Api.as_label()),
        ),
        Err(error) => error_response(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// 421: another shard polls this ID. A header names it.
fn misdirected(state: &AppState, bot: &BotName, id: &RequestId, advice: &str) -> Response {
    let response =
        error_response(StatusCode::MISDIRECTED_REQUEST, &format!("{}{advice}", owner_message(state, bot, id)));
    with_owner(response, state, bot, id)
}

pub(super) fn error_response(status: StatusCode, message: &str) -> Response {
    respond(status, &json!({"status": "error", "error": message}))
}

pub(super) fn respond(status: StatusCode, value: &Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    (status, headers, value.to_string()).into_response()
}
