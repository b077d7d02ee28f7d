//! `http_sd_configs`: requests the whole list of targets from an HTTP server.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HOST};
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc::Sender;

use super::error::DiscoveryError;
use super::file::first_of_each;
use super::groups::{Format, Groups, MAX_BYTES};
use super::http_client::{CachedClient, request_url};
use super::settings::{HttpSdAuth, HttpSdSettings, Secret};
use crate::input::read_bounded_text;
use crate::model::{SourceId, TargetUpdate};
use crate::transport::{SendError, SharedTransport};

/// The maximum timeout of a request, including the body. The timeout is the refresh interval if that is shorter.
const MAX_TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum size in bytes of a response that is parsed in the calling task: a thousand targets take less than 1 ms.
const MAX_INLINE_BYTES: usize = 64 * 1024;

/// The maximum size of a file with credentials, in bytes.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// Requests the targets at start and at every refresh. Ends when the receiver is dropped.
pub(super) async fn follow(
    id: SourceId,
    settings: HttpSdSettings,
    sender: Sender<TargetUpdate>,
    transport: SharedTransport,
) {
    let mut client = CachedClient::default();
    let mut failing = false;
    // The number of invalid targets in the set in use: a failed refresh keeps the set, and so the number.
    let mut invalid = 0;
    loop {
        let (source, bot, name) = (id.clone(), &id.bot, &id.name);
        let update = match request_targets(&mut client, &settings, &transport).await {
            Ok(groups) => {
                if std::mem::take(&mut failing) {
                    tracing::info!(%bot, source = %name, "target request succeeded again");
                }
                if groups.invalid > 0 {
                    let (invalid, first) = (groups.invalid, groups.complaints.join("; "));
                    tracing::warn!(%bot, source = %name, invalid, first, "skipping invalid targets of a response");
                }
                let (targets, beyond) = first_of_each(groups.targets.into_iter(), &id);
                invalid = groups.invalid.saturating_add(beyond);
                TargetUpdate { source, targets: Some(targets), up: true, invalid }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    let error = &error as &dyn Error;
                    tracing::warn!(%bot, source = %name, error, "target request failed; keeping the previous targets");
                }
                TargetUpdate { source, targets: None, up: false, invalid }
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

async fn request_targets(
    client: &mut CachedClient,
    settings: &HttpSdSettings,
    transport: &SharedTransport,
) -> Result<Groups, DiscoveryError> {
    let client = client.current(settings)?;
    let seconds = settings.refresh.as_secs_f64().to_string();
    let mut request = client
        .get(request_url(settings))
        .timeout(settings.refresh.min(MAX_TIMEOUT))
        .header(ACCEPT, "application/json")
        .header("X-Prometheus-Refresh-Interval-Seconds", seconds);
    if settings.tls.server_name.is_some() {
        request = request.header(HOST, authority(settings));
    }
    let request = authenticated(request, settings)?.build().map_err(request_error)?;
    let response = transport.send(&client, request).await.map_err(request_error)?;
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
    // Parsing half a million targets takes long enough to block other tasks.
    match tokio::task::spawn_blocking(move || Groups::parse(&text, Format::Json)).await {
        Ok(groups) => groups,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

fn authenticated(request: RequestBuilder, settings: &HttpSdSettings) -> Result<RequestBuilder, DiscoveryError> {
    Ok(match &settings.auth {
        None => request,
        Some(HttpSdAuth::Basic { username, password }) => {
            request.basic_auth(username, Some(reveal(password)?.expose_secret()))
        }
        Some(HttpSdAuth::Authorization { scheme, credentials }) => {
            request.header("authorization", authorization(scheme, reveal(credentials)?.expose_secret())?)
        }
    })
}

fn reveal(secret: &Secret) -> Result<SecretString, DiscoveryError> {
    match secret {
        Secret::Text(text) => Ok(text.clone()),
        Secret::File(path) => {
            let text = SecretString::from(
                read_bounded_text(path, MAX_SECRET_BYTES)
                    .map_err(|source| DiscoveryError::ReadFile { path: path.clone(), source })?,
            );
            Ok(SecretString::from(text.expose_secret().trim_end()))
        }
    }
}

fn authority(settings: &HttpSdSettings) -> String {
    let host = settings.url.host_str().unwrap_or_default();
    settings.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether the content type is `application/json`; a charset must be UTF-8.
fn is_json(response: &Response) -> bool {
    let Some(Ok(value)) = response.headers().get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
    let charset = parameters.trim().to_ascii_lowercase();
    kind.trim().eq_ignore_ascii_case("application/json")
        && matches!(charset.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"")
}

async fn body(mut response: Response) -> Result<String, DiscoveryError> {
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(request_error)? {
        content.extend_from_slice(&chunk);
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > MAX_BYTES {
            return Err(DiscoveryError::TooLarge { max: MAX_BYTES });
        }
    }
    String::from_utf8(content).map_err(|_| DiscoveryError::ContentType)
}

/// Without the URL, which may contain credentials; the source's name identifies it.
fn request_error(error: impl Into<SendError>) -> DiscoveryError {
    DiscoveryError::Request(error.into().without_url())
}

/// The header's value, marked as sensitive.
fn authorization(scheme: &str, credentials: &str) -> Result<reqwest::header::HeaderValue, DiscoveryError> {
    let mut value = reqwest::header::HeaderValue::try_from(format!("{scheme} {credentials}"))
        .map_err(|_| DiscoveryError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}
