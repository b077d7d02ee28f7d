//! The pages, and the files that they load.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::AppState;
use super::campaign_api::newest_first;
use super::reply::text;
use crate::cli::version;
use crate::model::{BotName, CampaignKey, JobKey, JobStatus, LabelValue, RequestId};
use crate::poller::Filter;
use crate::ui::{self, Frame, StatusFilter};

/// Jobs on a page; `/api/v1/jobs` lists all of them.
const MAX_JOBS: usize = 200;

/// Campaigns on the status page; `/api/v1/campaigns` lists all of them.
const MAX_CAMPAIGNS: usize = 100;

/// Only the exporter's own style sheet and script, and nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                                       img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The filter of the status page.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct StatusParameters {
    campaign: String,
    status: String,
    bot: String,
    request_id: String,
}

/// `GET /`.
pub(super) async fn status(
    State(state): State<AppState>,
    parameters: Result<Query<StatusParameters>, QueryRejection>,
) -> Response {
    let Ok(Query(parameters)) = parameters else {
        return text(StatusCode::BAD_REQUEST, "expected ?campaign=&status=&bot=&request_id=\n");
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let status = JobStatus::ALL.into_iter().find(|status| status.as_label() == parameters.status);
    let bot = BotName::parse(&parameters.bot);
    let error = match (&bot, status) {
        (Err(error), _) if !parameters.bot.is_empty() => Some(format!("The filter has no effect: the bot {error}.")),
        (_, None) if !parameters.status.is_empty() => Some("The filter has no effect: unknown status.".to_owned()),
        _ => None,
    };
    let filter = if error.is_some() { StatusParameters::default() } else { parameters };
    let jobs = Filter {
        bot: bot.ok().filter(|_| error.is_none()),
        status: status.filter(|_| error.is_none()),
        campaign: given(&filter.campaign),
        request_id_part: given(&filter.request_id),
        limit: MAX_JOBS,
        ..Filter::default()
    };
    let poller = &state.poller;
    let (Ok(mut campaigns), Ok(bots), Ok(listing), Ok(sources)) =
        (poller.campaigns().await, poller.bots().await, poller.list(jobs).await, poller.sources().await)
    else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "shutting down.\n");
    };
    campaigns.retain(|campaign| {
        (filter.bot.is_empty() || filter.bot == campaign.key.bot.as_str())
            && (filter.campaign.is_empty() || filter.campaign == campaign.key.name.as_str())
    });
    newest_first(&mut campaigns);
    let matching = campaigns.len();
    campaigns.truncate(MAX_CAMPAIGNS);
    page(ui::status_page(&ui::StatusView {
        frame: frame(&state),
        filter: StatusFilter {
            campaign: &filter.campaign,
            status: status.filter(|_| error.is_none()),
            bot: &filter.bot,
            request_id: &filter.request_id,
            error: error.as_deref(),
        },
        failed_reload: state.shown.failed_reload(),
        sources: &sources,
        campaigns: (&campaigns, matching),
        bots: &bots,
        listing: &listing,
    }))
}

/// The campaign of a page.
#[derive(Deserialize)]
pub(super) struct CampaignParameters {
    bot: String,
    campaign: String,
}

/// `GET /campaign?bot=NAME&campaign=NAME`.
pub(super) async fn campaign(
    State(state): State<AppState>,
    parameters: Result<Query<CampaignParameters>, QueryRejection>,
) -> Response {
    let Ok(Query(CampaignParameters { bot, campaign })) = parameters else {
        return text(StatusCode::BAD_REQUEST, "expected ?bot=NAME&campaign=NAME\n");
    };
    let (Ok(bot), Ok(name)) = (BotName::parse(&bot), LabelValue::parse(&campaign)) else {
        return text(StatusCode::BAD_REQUEST, "not the name of a bot and of a campaign.\n");
    };
    let jobs = Filter { bot: Some(bot.clone()), campaign: Some(campaign), limit: MAX_JOBS, ..Filter::default() };
    let (Ok(found), Ok(listing)) =
        (state.poller.campaign(CampaignKey { bot, name }).await, state.poller.list(jobs).await)
    else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "shutting down.\n");
    };
    match found {
        Some((campaign, history)) => page(ui::campaign_page(frame(&state), &campaign, &history, &listing)),
        None => text(StatusCode::NOT_FOUND, "no such campaign, or campaign_retention after its last change is over.\n"),
    }
}

/// The job of a page.
#[derive(Deserialize)]
pub(super) struct JobParameters {
    bot: String,
    request_id: String,
}

/// `GET /job?bot=NAME&request_id=ID`.
pub(super) async fn job(
    State(state): State<AppState>,
    parameters: Result<Query<JobParameters>, QueryRejection>,
) -> Response {
    let Ok(Query(JobParameters { bot, request_id })) = parameters else {
        return text(StatusCode::BAD_REQUEST, "expected ?bot=NAME&request_id=ID\n");
    };
    let (Ok(bot), Ok(id)) = (BotName::parse(&bot), RequestId::parse(&request_id)) else {
        return text(StatusCode::BAD_REQUEST, "not the name of a bot and a request ID.\n");
    };
    match state.poller.job(JobKey { bot, id }).await {
        Ok(Some((listed, history))) => page(ui::job_page(frame(&state), &listed, &history)),
        Ok(None) => text(StatusCode::NOT_FOUND, "no such job, or its retention is over.\n"),
        Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

/// `GET /static/style.css`.
pub(super) async fn style_sheet() -> Response {
    file("text/css; charset=utf-8", ui::STYLE_SHEET)
}

/// `GET /static/refresh.js`.
pub(super) async fn refresh_script() -> Response {
    file("text/javascript; charset=utf-8", ui::REFRESH_SCRIPT)
}

fn frame(state: &AppState) -> Frame<'_> {
    Frame {
        version: version::VERSION,
        revision: version::REVISION,
        prefix: &state.prefix,
        telemetry_path: &state.telemetry_path,
        ready: state.published.is_ready(),
        job_api: state.enable_job_api,
        now: state.clock.now(),
    }
}

fn page(rendered: Result<String, askama::Error>) -> Response {
    match rendered {
        Ok(html) => {
            let mut response = Html(html).into_response();
            set(&mut response, header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
            set(&mut response, header::REFERRER_POLICY, "no-referrer");
            set(&mut response, header::CACHE_CONTROL, "no-store");
            set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
            response
        }
        Err(error) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, format!("internal error: cannot render the page: {error}\n"))
        }
    }
}

/// A file of this version; browsers ask again, because the next version may have another.
fn file(content_type: &'static str, content: &'static str) -> Response {
    let mut response = content.into_response();
    set(&mut response, header::CONTENT_TYPE, content_type);
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

fn set(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}
