//! The JSON of the upstream, field by field as in its samples (docs/UPSTREAM.md#field-presence).

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::job::{Api, Plan, ScriptedJob, Shape, Truth};

/// What a body needs besides the job.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyContext<'a> {
    pub(super) bot_id: &'a str,
    pub(super) canary: &'a str,
    pub(super) started_at_millis: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(flatten)]
    head: Option<Head<'a>>,
    status_logs: Option<Vec<LogEntry<'a>>>,
    #[serde(flatten)]
    counts: Option<Counted>,
    #[serde(flatten)]
    times: Option<Times>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(flatten)]
    tail: Option<Tail<'a>>,
}

/// The fields of v1 before the log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    status: &'a str,
    percentage_complete: u64,
    stream_id: &'a str,
    created_by: String,
    job_type: &'static str,
    action: &'static str,
}

/// The fields that only the newer generation of v1 has.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    count_of_dock_statuses: u32,
    store: Store,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Store {
    identities_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Times {
    l_mod: String,
    created_on: String,
    requested_time: String,
    #[serde(rename = "__v")]
    version: u32,
}

/// The fields of V2 after the log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tail<'a> {
    status: &'a str,
    stream_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogEntry<'a> {
    #[serde(rename = "_id")]
    id: String,
    request_id: &'a str,
    original_id: String,
    status: &'static str,
    created_by: String,
    comments: String,
    stream_id: &'a str,
    channel: &'a str,
    created_on: String,
    #[serde(rename = "__v")]
    version: u32,
    #[serde(flatten)]
    delivered: Option<Delivered>,
}

/// The fields of delivered entries only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delivered {
    kore_id: String,
    channel_id: String,
    #[serde(rename = "messagestoreId")]
    message_store_id: String,
}

/// The status body of a job.
pub(super) fn status(job: &ScriptedJob, truth: &Truth, context: BodyContext<'_>) -> Bytes {
    to_json(&envelope(job, truth, context))
}

/// The status body of a job with `"statusLogs": null`.
pub(super) fn status_with_null_logs(job: &ScriptedJob, truth: &Truth, context: BodyContext<'_>) -> Bytes {
    to_json(&Status { status_logs: None, ..envelope(job, truth, context) })
}

/// The response to the send of a job.
pub(super) fn send_response(job: &ScriptedJob, context: BodyContext<'_>) -> Bytes {
    to_json(&accepted(job, context))
}

/// The body of a finished job in three parts, for a log of any length: the text before the entries, one entry (to be repeated
/// with commas between), and the text after them.
pub(super) fn streamed(job: &ScriptedJob, context: BodyContext<'_>) -> (String, String, String) {
    let entry = String::from_utf8_lossy(&to_json(&log_entry(job, 0, context))).into_owned();
    let id = &job.id;
    (format!(r#"{{"_id":"{id}","percentageComplete":100,"statusLogs":["#), entry, r#"],"status":"SUCCESS"}"#.to_owned())
}

/// `{"errors":[{"msg":…,"code":…}]}` (docs/UPSTREAM.md#errors).
pub(super) fn errors(text: &str, code: u32) -> Bytes {
    to_json(&serde_json::json!({"errors": [{"msg": text, "code": code}]}))
}

fn envelope<'a>(job: &'a ScriptedJob, truth: &'a Truth, context: BodyContext<'a>) -> Status<'a> {
    if job.plan == Plan::Accepted {
        return accepted(job, context);
    }
    let logs = Some((0..truth.entries).map(|index| log_entry(job, index, context)).collect());
    match job.api {
        Api::V1 => Status {
            head: Some(head(job, &truth.status, percentage(truth), context)),
            status_logs: logs,
            counts: (job.shape == Shape::Counted).then(|| counted(job)),
            times: Some(times(job, context)),
            count: Some(truth.entries),
            tail: None,
        },
        Api::V2 => Status {
            head: None,
            status_logs: logs,
            counts: None,
            times: None,
            count: Some(truth.entries),
            tail: Some(Tail { status: &truth.status, stream_id: context.bot_id }),
        },
    }
}

fn accepted<'a>(job: &'a ScriptedJob, context: BodyContext<'a>) -> Status<'a> {
    Status {
        head: Some(head(job, "IN_PROGRESS", 0, context)),
        status_logs: Some(Vec::new()),
        counts: Some(counted(job)),
        times: Some(times(job, context)),
        count: None,
        tail: None,
    }
}

fn head<'a>(job: &'a ScriptedJob, status: &'a str, percentage_complete: u64, context: BodyContext<'a>) -> Head<'a> {
    Head {
        id: &job.id,
        status,
        percentage_complete,
        stream_id: context.bot_id,
        created_by: creator(context),
        job_type: "PROACTIVE_NOTIFICATIONS_API",
        action: "PROACTIVE_NOTIFICATIONS",
    }
}

fn counted(job: &ScriptedJob) -> Counted {
    Counted { count_of_dock_statuses: 1, store: Store { identities_count: job.recipients } }
}

/// `lMod` is truncated to whole seconds, so it is before `createdOn`, as observed (docs/UPSTREAM.md#field-meaning).
fn times(job: &ScriptedJob, context: BodyContext<'_>) -> Times {
    let created = context.started_at_millis.saturating_add(millis(job.created_at));
    Times {
        l_mod: rfc3339(created - created.rem_euclid(1_000)),
        created_on: rfc3339(created),
        requested_time: rfc3339(created),
        version: 0,
    }
}

fn log_entry<'a>(job: &'a ScriptedJob, index: u32, context: BodyContext<'a>) -> LogEntry<'a> {
    let entry = job.entry(index);
    let canary = context.canary;
    let recipient = format!("{canary}recipient{index}@example.com");
    let appeared = job.created_at.saturating_add(job.entry_age(index));
    LogEntry {
        id: format!("nl-{index:08x}-0000-4000-8000-000000000000"),
        request_id: &job.id,
        status: if entry.failed { "FAILURE" } else { "SUCCESS" },
        created_by: creator(context),
        comments: entry.comment.replace("{who}", &recipient),
        stream_id: context.bot_id,
        channel: entry.channel,
        created_on: rfc3339(context.started_at_millis.saturating_add(millis(appeared))),
        version: 0,
        delivered: (!entry.failed).then(|| Delivered {
            kore_id: format!("u-{canary}{index:08x}-0000-4000-8000-000000000000"),
            channel_id: format!("29:{canary}1964-s{index:05}-1MLqSODuQ"),
            message_store_id: format!("ms-{index:08x}-0000-4000-8000-000000000000"),
        }),
        original_id: recipient,
    }
}

fn creator(context: BodyContext<'_>) -> String {
    format!("u-{}10000000-0000-4000-8000-000000000000", context.canary)
}

fn percentage(truth: &Truth) -> u64 {
    (u64::from(truth.entries) * 100).checked_div(u64::from(truth.recipients)).unwrap_or(100)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}

fn to_json(value: &impl Serialize) -> Bytes {
    // These types have string keys and no fallible parts, so serialization cannot fail.
    serde_json::to_vec(value).unwrap_or_default().into()
}
