//! Parses the body of a POST to the job API.

use serde::Deserialize;
use serde_json::Value;

use crate::model::{BotName, InvalidLabel, LabelName, LabelValue, RequestId, Target};

/// Jobs in one POST.
const MAX_JOBS_PER_POST: usize = 10_000;
/// Labels of one job.
const MAX_LABELS: usize = 32;
/// Mistakes that an answer reports.
const MAX_REPORTED: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterParameters {
    bot: Option<String>,
    campaign: Option<String>,
}

/// The jobs of a body, or what is wrong with it: one invalid job makes the whole body invalid.
pub(super) fn parse_jobs(
    body: &[u8],
    parameters: &RegisterParameters,
    bots: &[BotName],
) -> Result<Vec<(BotName, Target)>, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("invalid JSON: {}", position(&error)))?;
    let items = match value {
        Value::Array(items) => items,
        item @ Value::Object(_) => vec![item],
        _ => return Err(FORMS.to_owned()),
    };
    if items.len() > MAX_JOBS_PER_POST {
        return Err(format!("{} jobs in one request; at most {MAX_JOBS_PER_POST} are allowed", items.len()));
    }
    let mut jobs = Vec::with_capacity(items.len());
    let mut mistakes = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match parse_job(item, parameters, bots) {
            Ok(job) => jobs.push(job),
            Err(message) => mistakes.push(format!("[{index}]: {message}")),
        }
    }
    match mistakes.is_empty() {
        true => Ok(jobs),
        false => {
            mistakes.truncate(MAX_REPORTED);
            Err(format!("no jobs were accepted: {}", mistakes.join("; ")))
        }
    }
}

const FORMS: &str = "expected {\"bot\": …, \"request_id\": \"ds-…\", \"labels\": {…}}, a list of them, or the upstream's send \
                     response with ?bot=NAME";

/// One job. The upstream's send response is recognized by its `_id`, the only field of it that is read.
fn parse_job(item: &Value, parameters: &RegisterParameters, bots: &[BotName]) -> Result<(BotName, Target), String> {
    let item = item.as_object().ok_or(FORMS)?;
    let sent = item.get("_id").filter(|_| !item.contains_key("request_id"));
    if sent.is_none()
        && let Some(key) = item.keys().find(|key| !["bot", "request_id", "labels"].contains(&key.as_str()))
    {
        return Err(format!("unknown key {:?}; {FORMS}", shortened(key)));
    }
    let text = |key: &str, value: Option<&Value>| match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{key} is not a string")),
    };
    let own_bot = if sent.is_some() { None } else { text("bot", item.get("bot"))? };
    let bot = own_bot.or_else(|| parameters.bot.clone()).ok_or("bot is missing; set it in the body or as ?bot=NAME")?;
    let bot = BotName::parse(&bot).map_err(|error| format!("bot {error}"))?;
    if !bots.contains(&bot) {
        return Err(format!("unknown bot \"{bot}\": it is not in the configuration"));
    }
    let id = text("request_id", sent.or_else(|| item.get("request_id")))?.ok_or("request_id is missing")?;
    let id = RequestId::parse(&id).map_err(|error| format!("request_id {error}"))?;
    let labels = if sent.is_some() { None } else { item.get("labels") };
    let (campaign, labels) = labels_of(labels)?;
    let campaign = match (campaign, &parameters.campaign) {
        (None, Some(text)) => Some(LabelValue::parse(text).map_err(|error| format!("campaign {error}"))?),
        (own, _) => own,
    };
    Ok((bot, Target { id, campaign: campaign.filter(|value| !value.as_str().is_empty()), labels: labels.into() }))
}

type Labels = (Option<LabelValue>, Vec<(LabelName, LabelValue)>);

fn labels_of(labels: Option<&Value>) -> Result<Labels, String> {
    let map = match labels {
        None | Some(Value::Null) => return Ok((None, Vec::new())),
        Some(Value::Object(map)) => map,
        Some(_) => return Err("labels is not an object".to_owned()),
    };
    if map.len() > MAX_LABELS {
        return Err(format!("{} labels; at most {MAX_LABELS} are allowed", map.len()));
    }
    let mut campaign = None;
    let mut others = Vec::new();
    for (name, value) in map {
        let shown = shortened(name);
        let value = value.as_str().ok_or_else(|| format!("label {shown:?} is not a string"))?;
        let value =
            LabelValue::parse(value).map_err(|error: InvalidLabel| format!("the value of label {shown:?} {error}"))?;
        // As in Prometheus, an empty label is the same as a missing one.
        if value.as_str().is_empty() {
            continue;
        }
        if name == "campaign" {
            campaign = Some(value);
        } else {
            others.push((LabelName::parse(name).map_err(|error| format!("{shown:?} {error}"))?, value));
        }
    }
    others.sort();
    Ok((campaign, others))
}

/// Bounds the length of error messages.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The position of a JSON mistake, without the text there.
fn position(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}
