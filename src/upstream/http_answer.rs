//! Reads response headers and describes failed requests, without text of the response body.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use url::Url;

use super::error::PollError;
use crate::model::{Outcome, Timestamp};
use crate::transport::SendError;

/// The longest `Retry-After`; longer ones are shortened.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Characters of a cause in a message.
const MAX_CAUSE_CHARS: usize = 160;
/// Characters of a redirect's origin in a message; longer than any DNS name.
const MAX_ORIGIN_CHARS: usize = 280;

/// `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: impl Fn() -> Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
            Timestamp::from_millis(0).plus(date).since(now())
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The error for a redirect. Redirects are not followed, because the token would be sent along.
pub(super) fn redirect(response: &Response) -> PollError {
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| response.url().join(location).ok());
    let detail = match target {
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

fn origin(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let origin = format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default());
    origin.chars().take(MAX_ORIGIN_CHARS).collect()
}

/// The error for a request without a response.
pub(super) fn no_answer(error: SendError) -> PollError {
    let stage = if error.is_connect() { "connect" } else { "send the request" };
    PollError::new(Outcome::Network, format!("failed to {stage}: {}", cause(&error)))
}

/// The error for a response with an incomplete body.
pub(super) fn broken(error: reqwest::Error) -> PollError {
    PollError::new(Outcome::Network, format!("incomplete body: {}", cause(&error)))
}

/// The innermost cause: the error of the system, the resolver or TLS. Only outer errors contain the URL.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut innermost: Option<&(dyn Error + 'static)> = None;
    let mut next = error.source();
    while let Some(error) = next {
        innermost = Some(error);
        // An io::Error's source is its inner error's source: step into the inner error itself.
        next = error
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref())
            .map(|inner| inner as &(dyn Error + 'static))
            .or_else(|| error.source());
    }
    let text = innermost.map_or_else(|| "unknown cause".to_owned(), ToString::to_string);
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
