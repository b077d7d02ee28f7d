//! Maps a refusal, an envelope of errors or another text, to an outcome and a hint.

use crate::model::Outcome;

/// The beginning of a text that is searched for a phrase.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// A known phrase in a refusal. Only known phrases are shown to users: an unknown message may contain personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phrase {
    /// Wrong signature, client ID or bot ID; or no token.
    BadCredentials,
    /// The header is not a token.
    NotAJwt,
    /// The app lacks the scope.
    ScopeMissing,
    /// A token with `jti` is valid for too long.
    JtiLifetime,
    /// A `jti` was used before.
    Replay,
    /// The limit of a minute.
    RateMinute,
    /// The limit of an hour.
    RateHour,
    /// A limit whose window is not named.
    Rate,
    /// Unknown request ID.
    UnknownRequest,
    /// No such path.
    UnknownRoute,
    /// Wrong method.
    MethodNotAllowed,
    /// Invalid body or arguments.
    InvalidArguments,
}

impl Phrase {
    /// The text that identifies each phrase, in lower case; narrower texts come before wider ones
    /// (docs/UPSTREAM.md#errors, docs/UPSTREAM.md#rate-limits).
    const KNOWN: [(&str, Self); 14] = [
        ("hourly rate limit", Self::RateHour),
        ("per-hour rate limit", Self::RateHour),
        ("per-minute rate limit", Self::RateMinute),
        ("rate limit", Self::Rate),
        ("too many requests", Self::Rate),
        ("invalid sdk credentials", Self::BadCredentials),
        ("invalid jwt", Self::NotAJwt),
        ("scope is incorrect", Self::ScopeMissing),
        ("possibly a replay", Self::Replay),
        ("\"jti\" claim \"exp\"", Self::JtiLifetime),
        ("invalid request id", Self::UnknownRequest),
        ("cannot get /", Self::UnknownRoute),
        ("method not allowed", Self::MethodNotAllowed),
        ("validation errors", Self::InvalidArguments),
    ];

    /// The first known phrase in a text.
    pub(super) fn find(text: &[u8]) -> Option<Self> {
        let text = text.get(..MAX_TEXT_BYTES).unwrap_or(text).to_ascii_lowercase();
        let text = String::from_utf8_lossy(&text);
        // The bare words are what routers answer on a path that they do not have; a longer text may name the request.
        if text.trim().trim_end_matches('.') == "not found" {
            return Some(Self::UnknownRoute);
        }
        Self::KNOWN.iter().find(|(known, _)| text.contains(known)).map(|(_, phrase)| *phrase)
    }

    /// The meaning of the phrase, and what to do.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::BadCredentials => {
                "invalid SDK credentials: check client_id, the secret and bot_id (upstream says the same of a wrong bot)"
            }
            Self::NotAJwt => "invalid JWT token: check token_file or the signing key",
            Self::ScopeMissing => {
                "permission denied, scope is incorrect: give the app the scope `Proactive Messages` and publish the bot"
            }
            Self::JtiLifetime => "a token with `jti` may be valid for at most an hour: lower token_lifetime",
            Self::Replay => {
                "possibly a replay: the app enforces `jti`; set `jti: true` for a new token with every request"
            }
            Self::RateMinute => "per-minute rate limit exceeded",
            Self::RateHour => "hourly rate limit exceeded",
            Self::Rate => "rate limit exceeded",
            Self::UnknownRequest => "invalid request ID: unknown or expired job",
            Self::UnknownRoute => "unknown path",
            Self::MethodNotAllowed => "method not allowed: check base_url and api",
            Self::InvalidArguments => "validation errors, invalid arguments: check bot_id and api",
        }
    }

    const fn outcome(self) -> Outcome {
        match self {
            Self::BadCredentials | Self::NotAJwt | Self::ScopeMissing | Self::JtiLifetime | Self::Replay => {
                Outcome::Unauthorized
            }
            Self::RateMinute | Self::RateHour | Self::Rate => Outcome::RateLimited,
            Self::UnknownRequest => Outcome::NotFound,
            Self::UnknownRoute => Outcome::WrongEndpoint,
            Self::MethodNotAllowed | Self::InvalidArguments => Outcome::ClientError,
        }
    }
}

/// What a refusal says: an entry of `{"errors":[{"msg":"…","code":…}]}`, or the text of another body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Whether upstream's own envelope says it: an entry with a message.
    has_envelope: bool,
    code: Option<u64>,
    phrase: Option<Phrase>,
}

impl Refusal {
    /// An entry of an envelope; its message is absent if it was not a string.
    pub(super) fn from_envelope(code: Option<u64>, message: Option<&str>) -> Self {
        let phrase = message.and_then(|message| Phrase::find(message.as_bytes()));
        Self { has_envelope: message.is_some(), code, phrase }
    }

    /// A phrase in a body that is not an envelope.
    pub(super) fn from_phrase(phrase: Phrase) -> Self {
        Self { has_envelope: false, code: None, phrase: Some(phrase) }
    }

    /// Adds a phrase that was found elsewhere in the body, unless the envelope had one.
    pub(super) fn or_phrase(self, phrase: Option<Phrase>) -> Self {
        Self { phrase: self.phrase.or(phrase), ..self }
    }

    /// The outcome of a refusal with this HTTP status.
    ///
    /// The rate limit's text counts on any status, because the status of a refusal is not documented. 401, 403 and 5xx
    /// are clear without a text. Everything else, 200 above all, is decided by the phrase, then by the code.
    ///
    /// Only upstream's own envelope can say that an ID is unknown: a gateway without a backend answers 404 too, and
    /// would end the polling of every job.
    pub(super) fn outcome(&self, status: u16) -> Outcome {
        let phrase = self.known_phrase().map(Phrase::outcome);
        if status == 429 || phrase == Some(Outcome::RateLimited) {
            return Outcome::RateLimited;
        }
        match status {
            401 | 403 => Outcome::Unauthorized,
            404 | 410 if !self.has_envelope => Outcome::WrongEndpoint,
            404 | 410 => phrase.unwrap_or(Outcome::NotFound),
            500.. => Outcome::ServerError,
            _ => phrase.unwrap_or(match self.code {
                Some(401 | 403 | 4002) => Outcome::Unauthorized,
                Some(429) => Outcome::RateLimited,
                Some(404 | 410) if self.has_envelope => Outcome::NotFound,
                Some(500..=599) => Outcome::ServerError,
                _ => Outcome::ClientError,
            }),
        }
    }

    pub(super) fn known_phrase(&self) -> Option<Phrase> {
        self.phrase.filter(|phrase| self.has_envelope || *phrase != Phrase::UnknownRequest)
    }

    /// Whether the hourly limit is exceeded, so that a pause of seconds is too short.
    pub(super) fn is_hourly(&self) -> bool {
        self.phrase == Some(Phrase::RateHour)
    }

    /// The message for users: codes, and the meaning of a known phrase.
    pub(super) fn detail(&self, status: u16) -> String {
        let code = self.code.map(|code| format!(", code {code}")).unwrap_or_default();
        if self.outcome(status) == Outcome::WrongEndpoint {
            return format!("HTTP {status}{code}: not an upstream answer about a request ID; check base_url");
        }
        let hint = self.known_phrase().map(|phrase| format!(": {}", phrase.hint())).unwrap_or_default();
        format!("HTTP {status}{code}{hint}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_published_refusal_has_its_outcome_on_the_status_it_was_seen_with() {
        for (status, code, msg, outcome) in [
            (401, 4002, "Invalid SDK credentials", Outcome::Unauthorized),
            (401, 4002, "Invalid JWT token", Outcome::Unauthorized),
            (401, 4002, "Permission denied. Scope is incorrect!", Outcome::Unauthorized),
            (400, 401, r#"error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)"#, Outcome::Unauthorized),
            (400, 401, "error verifying the jwt: possibly a replay", Outcome::Unauthorized),
            (400, 400, "Invalid request ID", Outcome::NotFound),
            (405, 405, "Method Not Allowed", Outcome::ClientError),
            (412, 412, "Validation errors/ Invalid arguments", Outcome::ClientError),
            (400, 400, "something new", Outcome::ClientError),
            (500, 500, "something new", Outcome::ServerError),
            (404, 4040, "something new", Outcome::NotFound),
            (410, 410, "Invalid request ID", Outcome::NotFound),
            (404, 404, "Not Found", Outcome::WrongEndpoint),
            (404, 404, "not found.", Outcome::WrongEndpoint),
            (404, 404, "Request not found", Outcome::NotFound),
        ] {
            assert_eq!(Refusal::from_envelope(Some(code), Some(msg)).outcome(status), outcome, "{status} {msg}");
        }
    }

    #[test]
    fn a_refusal_in_a_200_is_told_by_its_text_and_then_by_its_code() {
        for (code, msg, outcome) in [
            (4002, "something new", Outcome::Unauthorized),
            (400, "Invalid request ID", Outcome::NotFound),
            (404, "gone fishing", Outcome::NotFound),
            (429, "slow down", Outcome::RateLimited),
            (404, "Not Found", Outcome::WrongEndpoint),
            (503, "", Outcome::ServerError),
            (7, "", Outcome::ClientError),
        ] {
            assert_eq!(Refusal::from_envelope(Some(code), Some(msg)).outcome(200), outcome, "{code} {msg}");
        }
    }

    #[test]
    fn only_an_envelope_with_a_message_says_that_an_id_is_unknown() {
        for refusal in
            [Refusal::default(), Refusal::from_phrase(Phrase::UnknownRequest), Refusal::from_envelope(Some(404), None)]
        {
            for (status, outcome) in [
                (200, Outcome::ClientError),
                (400, Outcome::ClientError),
                (404, Outcome::WrongEndpoint),
                (410, Outcome::WrongEndpoint),
            ] {
                assert_eq!(refusal.outcome(status), outcome, "{refusal:?} {status}");
            }
        }
    }

    #[test]
    fn a_rate_limit_is_one_on_any_status_and_the_hour_is_told_apart() {
        for (msg, hourly) in [
            ("Rate limit for this API has been reached. Please try again after some time.", false),
            ("Rate limit for this API has been reached. Please try again later", false),
            ("You've exceeded the per-minute rate limit. Please wait for sometime before retrying.", false),
            ("You've exceeded the hourly rate limit. Please wait for sometime before retrying.", true),
        ] {
            for status in [200, 400, 401, 403, 429, 503] {
                let refusal = Refusal::from_envelope(None, Some(msg));
                assert_eq!(refusal.outcome(status), Outcome::RateLimited, "{status} {msg}");
                assert_eq!(refusal.is_hourly(), hourly, "{msg}");
            }
        }
        assert_eq!(Refusal::default().outcome(429), Outcome::RateLimited);
    }

    #[test]
    fn a_text_that_is_not_known_is_not_shown() {
        let refusal = Refusal::from_envelope(Some(4002), Some("no such user john@abc.com"));
        assert_eq!(refusal.detail(401), "HTTP 401, code 4002");
    }
}
