//! `GET /api/v1/campaigns`: the campaigns, as JSON or CSV.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::AppState;
use super::campaign_csv::csv;
use super::job_api::{error_response, respond};
use crate::model::{BotName, Campaign, EntryStatus, JobState, JobStatus};
use crate::poller::MAX_LISTED;

/// Campaigns listed where the caller does not say how many.
const DEFAULT_LISTED: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    bot: Option<String>,
    campaign: Option<String>,
    offset: Option<usize>,
    limit: Option<usize>,
    format: Option<String>,
}

/// A campaign as JSON: counts with their labels, times in Unix seconds.
#[derive(Serialize)]
struct Row<'a> {
    bot: &'a str,
    campaign: &'a str,
    jobs: BTreeMap<&'static str, u64>,
    jobs_finished: BTreeMap<&'static str, u64>,
    recipients: Option<u64>,
    completion_ratio: Option<f64>,
    success: u64,
    failure: u64,
    unknown: u64,
    success_ratio: Option<f64>,
    notifications: Vec<ChannelRow<'a>>,
    first_notification_timestamp_seconds: Option<f64>,
    last_notification_timestamp_seconds: Option<f64>,
    duration_seconds: Option<f64>,
    expected_end_timestamp_seconds: Option<f64>,
    last_change_timestamp_seconds: f64,
}

/// The log entries of one channel.
#[derive(Serialize)]
struct ChannelRow<'a> {
    channel: &'a str,
    success: u64,
    failure: u64,
    unknown: u64,
    failures: BTreeMap<&'a str, u64>,
}

/// `GET`.
pub(super) async fn list(
    State(state): State<AppState>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let parameters = match parameters {
        Ok(Query(parameters)) => parameters,
        Err(error) => return error_response(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    let as_csv = match parameters.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return error_response(StatusCode::BAD_REQUEST, "format is json or csv"),
    };
    let bot = match parameters.bot.as_deref().map(BotName::parse).transpose() {
        Ok(bot) => bot,
        Err(error) => return error_response(StatusCode::BAD_REQUEST, &format!("bot {error}")),
    };
    let mut campaigns = match state.poller.campaigns().await {
        Ok(campaigns) => campaigns,
        Err(error) => return error_response(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    campaigns.retain(|campaign| {
        bot.as_ref().is_none_or(|bot| *bot == campaign.key.bot)
            && parameters.campaign.as_ref().is_none_or(|name| name == campaign.key.name.as_str())
    });
    newest_first(&mut campaigns);
    let matching = campaigns.len();
    let offset = parameters.offset.unwrap_or(0);
    // A spreadsheet has no second page.
    let default = if as_csv { usize::MAX } else { DEFAULT_LISTED };
    let most = if as_csv { usize::MAX } else { MAX_LISTED };
    let limit = parameters.limit.unwrap_or(default).min(most);
    let page = campaigns.iter().skip(offset).take(limit).map(Arc::as_ref);
    if as_csv {
        let disposition = "attachment; filename=\"campaigns.csv\"";
        let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, disposition)];
        return (headers, csv(page)).into_response();
    }
    let rows: Vec<Row<'_>> = page.map(row).collect();
    let data = json!({"matching": matching, "offset": offset, "limit": limit, "campaigns": rows});
    respond(StatusCode::OK, &json!({"status": "success", "data": data}))
}

/// Most recently changed first.
pub(super) fn newest_first(campaigns: &mut [Arc<Campaign>]) {
    campaigns.sort_unstable_by(|a, b| b.last_change.cmp(&a.last_change).then_with(|| a.key.cmp(&b.key)));
}

fn row(campaign: &Campaign) -> Row<'_> {
    let seconds = |time: Option<crate::model::Timestamp>| time.map(crate::model::Timestamp::as_seconds);
    let channels = campaign.notifications.iter().map(|(channel, counts)| ChannelRow {
        channel: channel.as_str(),
        success: counts[EntryStatus::Success],
        failure: counts[EntryStatus::Failure],
        unknown: counts[EntryStatus::Unknown],
        failures: campaign
            .failures
            .iter()
            .filter(|((on, _), count)| on == channel && **count > 0)
            .map(|((_, reason), count)| (reason.as_str(), *count))
            .collect(),
    });
    let finished = campaign.jobs_finished.iter();
    Row {
        bot: campaign.key.bot.as_str(),
        campaign: campaign.key.name.as_str(),
        jobs: campaign.totals.jobs.iter().map(|(state, count)| (JobState::as_label(state), *count)).collect(),
        jobs_finished: finished.map(|(status, count)| (JobStatus::from(status).as_label(), *count)).collect(),
        recipients: campaign.totals.recipients(),
        completion_ratio: campaign.totals.completion(),
        success: campaign.entries(EntryStatus::Success),
        failure: campaign.entries(EntryStatus::Failure),
        unknown: campaign.entries(EntryStatus::Unknown),
        success_ratio: campaign.delivered_ratio(),
        notifications: channels.collect(),
        first_notification_timestamp_seconds: seconds(campaign.first_entry),
        last_notification_timestamp_seconds: seconds(campaign.last_entry),
        duration_seconds: campaign.duration().map(|duration| duration.as_secs_f64()),
        expected_end_timestamp_seconds: seconds(campaign.expected_end),
        last_change_timestamp_seconds: campaign.last_change.as_seconds(),
    }
}
