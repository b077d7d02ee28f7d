//! What a response to a rate-limited call looks like.

use std::time::{Duration, UNIX_EPOCH};

use super::budget::Limit;
use super::job::ScriptedResponse;
use super::status_body;

/// What a rate-limited call is answered. The upstream documents neither code nor headers (docs/UPSTREAM.md#rate-limits), so
/// a client must recognise all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitForm {
    /// The HTTP code: 429, 400, 403, or even 200.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: RetryAfter,
    /// The text in the errors envelope.
    pub text: RateLimitText,
}

impl Default for RateLimitForm {
    fn default() -> Self {
        Self { status: 429, retry_after: RetryAfter::Absent, text: RateLimitText::NamesWindow }
    }
}

/// The header `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// Not sent.
    Absent,
    /// A number of seconds.
    Seconds(u32),
    /// An HTTP date, that many seconds ahead.
    HttpDate(u32),
}

/// The three generations of the text (docs/UPSTREAM.md#rate-limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitText {
    /// Current documentation: names the window, per-minute or hourly.
    NamesWindow,
    /// Forum: "Please try again later".
    TryLater,
    /// Older documentation: "Please try again after some time."
    AfterSomeTime,
}

/// The response to a call beyond the budget.
pub(super) fn rate_limited(form: RateLimitForm, window: Limit, unix_millis: i64) -> ScriptedResponse {
    let text = match (form.text, window) {
        (RateLimitText::NamesWindow, Limit::Minute) => {
            "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
        }
        (RateLimitText::NamesWindow, Limit::Hour) => {
            "You've exceeded the hourly rate limit. Please wait for sometime before retrying."
        }
        (RateLimitText::TryLater, _) => "Rate limit for this API has been reached. Please try again later",
        (RateLimitText::AfterSomeTime, _) => {
            "Rate limit for this API has been reached. Please try again after some time."
        }
    };
    let mut answer = ScriptedResponse::json(form.status, status_body::errors(text, 429));
    let retry_after = match form.retry_after {
        RetryAfter::Absent => return answer,
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::HttpDate(seconds) => http_date(unix_millis, Duration::from_secs(u64::from(seconds))),
    };
    answer.headers.push(("retry-after".to_owned(), retry_after));
    answer
}

/// The HTTP date of a time, with a duration added; 1970 for a time that has none.
pub(super) fn http_date(unix_millis: i64, ahead: Duration) -> String {
    /// The year 9999; `httpdate` panics beyond it.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = Duration::from_millis(u64::try_from(unix_millis).unwrap_or(0)).saturating_add(ahead).min(LAST);
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}
