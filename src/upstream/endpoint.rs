//! The URL of a status request.

use url::Url;

use super::error::ClientError;
use super::settings::ClientSettings;
use crate::model::{ApiVersion, RequestId};

/// The URL without the request ID.
#[derive(Debug, Clone)]
pub(super) struct Endpoint(Url);

impl Endpoint {
    /// `{base_url}/api/public/bot/{bot_id}/notify/status`, or `notifyV2` (docs/UPSTREAM.md#status-apis). `api` is not added
    /// if the path of the base URL already ends in `/api`, or in `/api/` and a version as in some installations.
    pub(super) fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        let mut url = settings.base_url.clone();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(ClientError::BaseUrl("is not an http or https URL"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ClientError::BaseUrl("contains a user or password; the upstream does not use them"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ClientError::BaseUrl("contains a query or fragment; only scheme, host and path are allowed"));
        }
        if settings.bot_id.trim_matches('.').is_empty() {
            return Err(ClientError::BotId);
        }
        let path: Vec<&str> = url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty()).collect();
        let is_version = |segment: &str| segment.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let has_api = match path.as_slice() {
            [.., "api"] => true,
            [.., "api", version] => is_version(version),
            _ => false,
        };
        let call = match settings.api {
            ApiVersion::V1 => "notify",
            ApiVersion::V2 => "notifyV2",
        };
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            if !has_api {
                segments.push("api");
            }
            segments.extend(["public", "bot", &settings.bot_id, call, "status"]);
        }
        Ok(Self(url))
    }

    /// The URL for one request ID.
    pub(super) fn of(&self, id: &RequestId) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(id.as_str());
        }
        url
    }
}

/// The URL of a job's status, with a text in the place of the request ID; for people.
///
/// # Errors
/// If a setting is invalid.
pub fn status_url(settings: &ClientSettings, id: &str) -> Result<Url, ClientError> {
    let Endpoint(mut url) = Endpoint::new(settings)?;
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(id);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn endpoint(base_url: &str, bot_id: &str, api: ApiVersion) -> Result<String, String> {
        let settings = ClientSettings {
            base_url: Url::parse(base_url).unwrap(),
            bot_id: bot_id.to_owned(),
            api,
            timeout: Duration::from_secs(10),
            max_body_bytes: 1,
            tls: crate::client_tls::ClientTls::default(),
            proxy_url: None,
        };
        let endpoint = Endpoint::new(&settings).map_err(|error| error.to_string())?;
        Ok(endpoint.of(&RequestId::parse("ds-1").unwrap()).to_string())
    }

    #[test]
    fn a_path_in_the_base_url_is_kept_and_segments_are_escaped() {
        for (base_url, bot_id, api, url) in [
            ("https://host", "st-1", ApiVersion::V1, "https://host/api/public/bot/st-1/notify/status/ds-1"),
            ("https://host/", "st-1", ApiVersion::V2, "https://host/api/public/bot/st-1/notifyV2/status/ds-1"),
            (
                "http://h:8080/kore/",
                "st-1",
                ApiVersion::V1,
                "http://h:8080/kore/api/public/bot/st-1/notify/status/ds-1",
            ),
            ("https://host/api/1.1", "st-1", ApiVersion::V1, "https://host/api/1.1/public/bot/st-1/notify/status/ds-1"),
            (
                "https://host/x/api/",
                "a/b?c",
                ApiVersion::V1,
                "https://host/x/api/public/bot/a%2Fb%3Fc/notify/status/ds-1",
            ),
        ] {
            assert_eq!(endpoint(base_url, bot_id, api).as_deref(), Ok(url));
        }
    }

    #[test]
    fn an_invalid_base_url_is_an_error() {
        for (base_url, bot_id) in [
            ("ftp://host", "st-1"),
            ("https://user:pass@host", "st-1"),
            ("https://host/?a=b", "st-1"),
            ("https://host/#a", "st-1"),
            ("https://host", ""),
            ("https://host", ".."),
        ] {
            let message = endpoint(base_url, bot_id, ApiVersion::V1).unwrap_err();
            assert!(!message.contains("pass@"), "{message}");
        }
    }
}
