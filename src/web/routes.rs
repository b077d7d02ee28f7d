//! The routes.
//!
//! | path | answer |
//! | --- | --- |
//! | `/` | the status page |
//! | `/metrics` (`--web.telemetry-path`) | the current metrics |
//! | `/probe?bot=NAME&target=ID` | one job, polled now or from memory |
//! | `/-/healthy`, `/-/ready` | liveness, readiness |
//! | `POST /-/reload` | reloads the configuration (`--web.enable-lifecycle`) |
//! | `/config` | the configuration in use, secrets redacted |
//! | `/campaign`, `/job` | the pages of one campaign and of one job |
//! | `/static/…` | style sheet and script of the pages |
//! | `GET /api/v1/campaigns` | the campaigns, as JSON or CSV |
//! | `GET`, `POST`, `DELETE /api/v1/jobs` | the job API (`--web.enable-job-api` for the last two) |

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::reply::text;
use super::{AppState, campaign_api, cross_site, job_api, metrics, pages, paths, probe, state};

/// All routes, and the same routes under the path of `--web.external-url` if it has one.
pub fn router(state: AppState) -> Router {
    let routes = Router::new()
        .route(paths::STATUS, get(pages::status))
        .route(&state.telemetry_path, get(metrics::metrics))
        .route(paths::PROBE, get(probe::probe))
        .route(paths::HEALTHY, get(healthy))
        .route(paths::READY, get(ready))
        .route(paths::RELOAD, post(reload).put(reload))
        .route(paths::CONFIG, get(config))
        .route(
            paths::JOBS,
            get(job_api::list).post(job_api::register).delete(job_api::forget).layer(job_api::body_limit()),
        )
        .route(paths::CAMPAIGN_PAGE, get(pages::campaign))
        .route(paths::JOB_PAGE, get(pages::job))
        .route(paths::STYLE_SHEET, get(pages::style_sheet))
        .route(paths::REFRESH_SCRIPT, get(pages::refresh_script))
        .route(paths::CAMPAIGNS, get(campaign_api::list))
        .fallback(not_found);
    let own_hosts = Arc::clone(&state.own_hosts);
    let prefix = state.prefix.clone();
    let routes = routes.with_state(state.clone()).layer(from_fn_with_state(own_hosts, cross_site::check));
    if prefix.is_empty() {
        return routes;
    }
    // A nested `/` matches the prefix only without a trailing slash.
    let root = Router::new().route(&format!("{prefix}/"), get(pages::status)).with_state(state);
    routes.clone().nest(&prefix, routes).merge(root)
}

async fn healthy(State(state): State<AppState>) -> Response {
    if state.published.is_alive(state.clock.now()) {
        text(StatusCode::OK, "koreai_exporter is healthy.\n")
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "the polling loop has not run for a minute.\n")
    }
}

async fn ready(State(state): State<AppState>) -> Response {
    if state.published.is_ready() {
        text(StatusCode::OK, "koreai_exporter is ready.\n")
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "not every target source has been read yet.\n")
    }
}

async fn reload(State(state): State<AppState>) -> Response {
    if !state.enable_lifecycle {
        return text(StatusCode::FORBIDDEN, "reloading is disabled; enable it with --web.enable-lifecycle.\n");
    }
    match state::request_reload(&state.reloads).await {
        Some(Ok(())) => text(StatusCode::OK, "reloaded.\n"),
        Some(Err(mistakes)) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("reload failed; keeping the previous configuration:\n{}\n", mistakes.trim_end()),
        ),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "shutting down.\n"),
    }
}

async fn config(State(state): State<AppState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], state.shown.get().text.clone()).into_response()
}

async fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "no such page.\n")
}
