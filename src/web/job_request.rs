//! Parses the body of a POST to the job API.

use serde::Deserialize;
use serde_json::Value;

use crate::model::{BotName, InvalidLabel, LabelName, LabelValue, MAX_TARGET_LABELS, RequestId, Target};

/// Jobs in one POST.
const MAX_JOBS_PER_POST: usize = 10_000;
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
    if others.len() > MAX_TARGET_LABELS {
        return Err(format!("too many labels: {}, at most {MAX_TARGET_LABELS} are allowed", others.len()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaign_and_empty_labels_do_not_count_as_labels() {
        let of = |others: usize| {
            let mut labels = serde_json::Map::from_iter((0..others).map(|index| (format!("l{index}"), "x".into())));
            labels.insert("campaign".to_owned(), "spring".into());
            labels.insert("empty".to_owned(), "".into());
            labels_of(Some(&Value::Object(labels)))
        };
        let (campaign, others) = of(MAX_TARGET_LABELS).unwrap();
        assert_eq!((campaign.unwrap().as_str(), others.len()), ("spring", MAX_TARGET_LABELS));
        assert_eq!(of(MAX_TARGET_LABELS + 1).unwrap_err(), "too many labels: 33, at most 32 are allowed");
    }
}
