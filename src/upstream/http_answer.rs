//! Reads response headers and describes failed requests, without text of the response body.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use url::Url;

use super::error::PollError;
use super::settings::ClientSettings;
use crate::model::{Outcome, Timestamp};
use crate::transport::SendError;

/// The longest `Retry-After`; longer ones are shortened.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Characters of a cause in a message.
const MAX_CAUSE_CHARS: usize = 160;
/// Characters of a redirect's origin in a message; longer than any DNS name.
const MAX_ORIGIN_CHARS: usize = 280;

/// The head of a response, without any text that the server chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// The HTTP status.
    pub status: u16,
    /// The header `Date`: the server's clock.
    pub date: Option<Timestamp>,
    /// Whether the body is a web page; the upstream sends JSON.
    pub is_html: bool,
    /// Scheme, host and port of a redirect's target.
    pub redirect: Option<String>,
}

impl ResponseHead {
    pub(super) fn of(response: &Response) -> Self {
        let headers = response.headers();
        let is_html = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let redirect = target(response).filter(|_| response.status().is_redirection()).map(|url| origin(&url));
        Self { status: response.status().as_u16(), date: http_date(headers.get(DATE)), is_html, redirect }
    }
}

fn http_date(value: Option<&reqwest::header::HeaderValue>) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(value?.to_str().ok()?.trim()).ok()?;
    Some(Timestamp::from_millis(0).plus(date.duration_since(std::time::UNIX_EPOCH).ok()?))
}

/// The target of a redirect.
fn target(response: &Response) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    response.url().join(location).ok()
}

/// `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: impl Fn() -> Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(headers.get(RETRY_AFTER))?.since(now()),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The error for a redirect. Redirects are not followed, because the token would be sent along.
pub(super) fn redirect(response: &Response) -> PollError {
    let status = response.status().as_u16();
    let detail = match target(response) {
        Some(target) if target.origin() == response.url().origin() => {
            format!("HTTP {status}: redirect to another path of the same host, not followed: check base_url and api")
        }
        Some(target) => format!(
            "HTTP {status}: redirect to {}, not followed because the token would be sent along: set base_url to it if it is trusted",
            origin(&target)
        ),
        None => format!("HTTP {status}: redirect without a valid location"),
    };
    PollError::new(Outcome::ClientError, detail)
}

/// The error for a 304 that nothing asked for.
pub(super) fn unexpected_not_modified() -> PollError {
    let detail = "HTTP 304, but the request had no If-None-Match: check caches, gateways and proxies in between";
    PollError::new(Outcome::Malformed, detail)
}

fn origin(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let origin = format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default());
    origin.chars().take(MAX_ORIGIN_CHARS).collect()
}

/// The error for a request without a response. Names host and port, and asks for the scheme if the other side speaks
/// another protocol.
pub(super) fn no_answer(error: SendError, settings: &ClientSettings) -> PollError {
    let stage = if error.is_connect() { "connect to" } else { "send the request to" };
    let upstream = authority(&settings.base_url);
    let proxy = settings.proxy_url.as_ref().map(|url| format!(" through the proxy {}", authority(url)));
    let hint = if speaks_another_protocol(&error) { "; is base_url https?" } else { "" };
    let proxy = proxy.unwrap_or_default();
    PollError::new(Outcome::Network, format!("failed to {stage} {upstream}{proxy}: {}{hint}", cause(&error)))
}

/// Host and port.
fn authority(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    let authority = format!("{}{port}", url.host_str().unwrap_or_default());
    authority.chars().take(MAX_ORIGIN_CHARS).collect()
}

/// Whether plain HTTP arrived where TLS was expected, or the other way round.
fn speaks_another_protocol(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let tls = cause.downcast_ref::<rustls::Error>();
        matches!(tls, Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)))
            || cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
    })
}

/// The error for a response with an incomplete body.
pub(super) fn broken(error: reqwest::Error) -> PollError {
    PollError::new(Outcome::Network, format!("incomplete body: {}", cause(&error)))
}

/// The causes of an error, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |error| next_cause(*error))
}

/// An io::Error's source is its inner error's source: this steps into the inner error itself.
fn next_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inner = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
    inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
}

/// The innermost cause: the error of the system, the resolver or TLS. Only outer errors contain the URL.
fn cause(error: &(dyn Error + 'static)) -> String {
    let text = causes(error).last().map_or_else(|| "unknown cause".to_owned(), ToString::to_string);
    text.chars().filter(|c| !c.is_control()).take(MAX_CAUSE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_and_bounded() {
        let now = Timestamp::from_millis(784_111_777_000 - 30_000);
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, || now)
        };
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Fri, 06 Nov 1970 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999"), Some(MAX_RETRY_AFTER));
        for none in ["", "-1", "soon", "99999999999999999999999"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
