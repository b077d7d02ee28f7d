//! `http_sd_configs`: a server that answers with the whole list.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HOST};
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc::Sender;

use super::error::DiscoveryError;
use super::file::first_of_each;
use super::groups::{Format, Groups, MAX_BYTES};
use super::http_client::{CachedClient, read_small, request_url};
use super::settings::{HttpSdAuth, HttpSdSettings, Secret};
use crate::model::{SourceId, TargetUpdate};
use crate::transport::{SendError, SharedTransport};

/// The longest that a whole answer may take; less where the next refresh is nearer.
const MAX_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer up to this size, a thousand targets and more, is read where it is: that takes less than a millisecond.
const MAX_INLINE_BYTES: usize = 64 * 1024;

/// Asks at once, then at every refresh. Ends when nobody receives.
pub(super) async fn follow(
    id: SourceId,
    settings: HttpSdSettings,
    sender: Sender<TargetUpdate>,
    transport: SharedTransport,
) {
    let mut client = CachedClient::default();
    let mut failing = false;
    loop {
        let (source, bot, name) = (id.clone(), &id.bot, &id.name);
        let update = match ask(&mut client, &settings, &transport).await {
            Ok(groups) => {
                if std::mem::take(&mut failing) {
                    tracing::info!(%bot, source = %name, "targets can be asked for again");
                }
                if groups.invalid > 0 {
                    let (invalid, first) = (groups.invalid, groups.complaints.join("; "));
                    tracing::warn!(%bot, source = %name, invalid, first, "targets of an answer are skipped");
                }
                let (targets, beyond) = first_of_each(groups.targets.into_iter(), &id);
                TargetUpdate {
                    source,
                    targets: Some(targets),
                    up: true,
                    invalid: groups.invalid.saturating_add(beyond),
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    let error = &error as &dyn Error;
                    tracing::warn!(%bot, source = %name, error, "targets cannot be asked for, the last set stays in force");
                }
                TargetUpdate { source, targets: None, up: false, invalid: 0 }
            }
        };
        if sender.send(update).await.is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(settings.refresh) => {}
            () = sender.closed() => return,
        }
    }
}

async fn ask(
    client: &mut CachedClient,
    settings: &HttpSdSettings,
    transport: &SharedTransport,
) -> Result<Groups, DiscoveryError> {
    let client = client.current(settings).await?;
    let seconds = settings.refresh.as_secs_f64().to_string();
    let mut request = client
        .get(request_url(settings))
        .timeout(settings.refresh.min(MAX_TIMEOUT))
        .header(ACCEPT, "application/json")
        .header("X-Prometheus-Refresh-Interval-Seconds", seconds);
    if settings.tls.server_name.is_some() {
        request = request.header(HOST, authority(settings));
    }
    let request = authenticated(request, settings).await?.build().map_err(unanswered)?;
    let response = transport.send(&client, request).await.map_err(unanswered)?;
    if response.status().as_u16() != 200 {
        return Err(DiscoveryError::Status(response.status().as_u16()));
    }
    if !is_json(&response) {
        return Err(DiscoveryError::ContentType);
    }
    let text = body(response).await?;
    if text.len() <= MAX_INLINE_BYTES {
        return Groups::parse(&text, Format::Json);
    }
    // Half a million targets take a moment; other tasks do not wait for it.
    match tokio::task::spawn_blocking(move || Groups::parse(&text, Format::Json)).await {
        Ok(groups) => groups,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

async fn authenticated(request: RequestBuilder, settings: &HttpSdSettings) -> Result<RequestBuilder, DiscoveryError> {
    Ok(match &settings.auth {
        None => request,
        Some(HttpSdAuth::Basic { username, password }) => {
            request.basic_auth(username, Some(reveal(password).await?.expose_secret()))
        }
        Some(HttpSdAuth::Authorization { scheme, credentials }) => {
            request.header("authorization", authorization(scheme, reveal(credentials).await?.expose_secret())?)
        }
    })
}

async fn reveal(secret: &Secret) -> Result<SecretString, DiscoveryError> {
    match secret {
        Secret::Text(text) => Ok(text.clone()),
        Secret::File(path) => {
            let content = read_small(path).await?;
            let text = String::from_utf8(content).map_err(|_| DiscoveryError::ReadFile {
                path: path.clone(),
                source: std::io::Error::new(std::io::ErrorKind::InvalidData, "is not UTF-8"),
            })?;
            Ok(SecretString::from(text.trim_end()))
        }
    }
}

fn authority(settings: &HttpSdSettings) -> String {
    let host = settings.url.host_str().unwrap_or_default();
    settings.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// `application/json`, in UTF-8 where it says so.
fn is_json(response: &Response) -> bool {
    let Some(Ok(value)) = response.headers().get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
    let charset = parameters.trim().to_ascii_lowercase();
    kind.trim().eq_ignore_ascii_case("application/json")
        && matches!(charset.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"")
}

async fn body(mut response: Response) -> Result<String, DiscoveryError> {
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        content.extend_from_slice(&chunk);
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > MAX_BYTES {
            return Err(DiscoveryError::TooLarge { max: MAX_BYTES });
        }
    }
    String::from_utf8(content).map_err(|_| DiscoveryError::ContentType)
}

/// A URL may carry credentials; the source's name says which one it is.
fn unanswered(error: impl Into<SendError>) -> DiscoveryError {
    DiscoveryError::Request(error.into().without_url())
}

/// The header's value, never shown.
fn authorization(scheme: &str, credentials: &str) -> Result<reqwest::header::HeaderValue, DiscoveryError> {
    let mut value = reqwest::header::HeaderValue::try_from(format!("{scheme} {credentials}"))
        .map_err(|_| DiscoveryError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}
