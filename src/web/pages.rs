//! The status page.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::AppState;
use super::reply::text;
use crate::cli::version;
use crate::poller::Filter;
use crate::ui;

/// Jobs on the page; `/api/v1/jobs` lists all of them.
const MAX_JOBS: usize = 200;

pub(super) async fn status(State(state): State<AppState>) -> Response {
    let filter = Filter { limit: MAX_JOBS, ..Filter::default() };
    let (Ok(bots), Ok(listing)) = (state.poller.bots().await, state.poller.list(filter).await) else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "shutting down.\n");
    };
    let page = ui::status_page(&ui::StatusView {
        version: version::VERSION,
        revision: version::REVISION,
        prefix: &state.prefix,
        telemetry_path: &state.telemetry_path,
        ready: state.published.is_ready(),
        now: state.clock.now(),
        bots: &bots,
        listing: &listing,
    });
    let mut response = Html(page).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
