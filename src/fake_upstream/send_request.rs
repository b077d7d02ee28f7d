//! Parses sends (docs/UPSTREAM.md#send-apis), so that the job API can be tried with the fake upstream.

use serde::Deserialize;
use serde_json::Value;

use super::job::Api;

/// The most identities of one call.
const MAX_IDENTITIES: usize = 1_000;

/// What is used of a send; content and identities are not stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Send {
    pub(super) recipients: u32,
    pub(super) channels: Vec<String>,
}

#[derive(Deserialize)]
struct Body {
    channel: Option<OneOrMany>,
    identities: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Parses the body of a send; `None` if the upstream would answer "Validation errors/ Invalid arguments".
pub(super) fn parse(api: Api, body: &[u8]) -> Option<Send> {
    let body: Body = serde_json::from_slice(body).ok()?;
    let is_valid = |identity: &Value| match api {
        Api::V1 => identity.is_string(),
        Api::V2 => identity.is_object(),
    };
    if body.identities.is_empty() || body.identities.len() > MAX_IDENTITIES || !body.identities.iter().all(is_valid) {
        return None;
    }
    let channels = match body.channel? {
        OneOrMany::One(channel) => vec![channel],
        OneOrMany::Many(channels) => channels,
    };
    let recipients = u32::try_from(body.identities.len()).ok()?;
    (!channels.is_empty()).then_some(Send { recipients, channels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_accepts_strings_and_v2_accepts_objects() {
        let v1 = br#"{"channel":"msteams","identities":["a@example.com","b@example.com"]}"#;
        let v2 = br#"{"channel":["ivr","slack"],"identities":[{"ivr":{"email":"a@example.com"}}]}"#;
        let two = Send { recipients: 2, channels: vec!["msteams".to_owned()] };
        let one = Send { recipients: 1, channels: vec!["ivr".to_owned(), "slack".to_owned()] };
        assert_eq!((parse(Api::V1, v1), parse(Api::V2, v1)), (Some(two), None));
        assert_eq!((parse(Api::V1, v2), parse(Api::V2, v2)), (None, Some(one)));
    }

    #[test]
    fn more_than_a_thousand_identities_are_rejected() {
        let body =
            |count: usize| serde_json::to_vec(&serde_json::json!({"channel": "slack", "identities": vec!["a"; count]}));
        assert!(parse(Api::V1, &body(1_000).unwrap()).is_some());
        assert!(parse(Api::V1, &body(1_001).unwrap()).is_none());
        assert!(parse(Api::V1, b"not json").is_none());
    }
}
