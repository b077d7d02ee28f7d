//! What a response to a rate-limited call looks like.

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
