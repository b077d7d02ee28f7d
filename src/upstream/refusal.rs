//! Upstream's refusals: an envelope of errors, or a text, brought down to an outcome and a hint.

use crate::model::Outcome;

/// How much of a text is looked at for a phrase.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// A phrase of upstream's that we know. Only these are shown to people: a message that is not known may hold anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phrase {
    BadCredentials,
    NotAJwt,
    ScopeMissing,
    JtiLifetime,
    Replay,
    RateMinute,
    RateHour,
    Rate,
    UnknownRequest,
    MethodNotAllowed,
    InvalidArguments,
}

impl Phrase {
    /// What the phrase is found by, in lower case; a narrower one stands before a wider one. Sources: pages "rate limit",
    /// "SDK security", and public tests of sibling APIs.
    const KNOWN: [(&str, Self); 13] = [
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
        ("method not allowed", Self::MethodNotAllowed),
        ("validation errors", Self::InvalidArguments),
    ];

    /// The first known phrase in a text.
    pub(super) fn find(text: &[u8]) -> Option<Self> {
        let text = text.get(..MAX_TEXT_BYTES).unwrap_or(text).to_ascii_lowercase();
        let text = String::from_utf8_lossy(&text);
        Self::KNOWN.iter().find(|(known, _)| text.contains(known)).map(|(_, phrase)| *phrase)
    }

    /// What upstream means, in our words, and what to do.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::BadCredentials => {
                "invalid SDK credentials: check client_id, the secret and bot_id (upstream says the same of a wrong bot)"
            }
            Self::NotAJwt => "invalid JWT token: what was sent is no token; check token_file or the signing key",
            Self::ScopeMissing => {
                "permission denied, scope is incorrect: give the app the scope `Proactive Messages` and publish the bot"
            }
            Self::JtiLifetime => "a token with `jti` may live for an hour at most: lower token_lifetime",
            Self::Replay => {
                "possibly a replay: the app enforces `jti`, set `jti: true` for a fresh token with every call"
            }
            Self::RateMinute => "the per-minute rate limit is used up",
            Self::RateHour => "the hourly rate limit is used up",
            Self::Rate => "the rate limit is used up",
            Self::UnknownRequest => "invalid request ID: upstream does not know the job, or no longer",
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
            Self::MethodNotAllowed | Self::InvalidArguments => Outcome::ClientError,
        }
    }
}

/// What a refusal said: an entry of `{"errors":[{"msg":"…","code":…}]}`, or the text of another body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusal {
    code: Option<u64>,
    phrase: Option<Phrase>,
    /// Whether the body is the upstream's own list of errors, not a page of something in between.
    from_upstream: bool,
}

impl Refusal {
    pub(super) fn read(code: Option<u64>, msg: &str) -> Self {
        Self { code, phrase: Phrase::find(msg.as_bytes()), from_upstream: true }
    }

    pub(super) fn of(phrase: Phrase) -> Self {
        Self { code: None, phrase: Some(phrase), from_upstream: false }
    }

    /// The same with a phrase that was found elsewhere in the body, where the envelope held none.
    pub(super) fn or_phrase(self, phrase: Option<Phrase>) -> Self {
        Self { phrase: self.phrase.or(phrase), ..self }
    }

    /// The outcome of a refusal with this HTTP status.
    ///
    /// The rate limit's text counts on any status, because the status of a refusal is not documented. A 404 or a 5xx
    /// says enough by itself, and so does a 401. What is left, 200 above all, is told by the text, then by the code.
    pub(super) fn outcome(&self, status: u16) -> Outcome {
        let phrase = self.phrase.map(Phrase::outcome);
        // A job must not end because of a page of something in between.
        let phrase = phrase.filter(|outcome| *outcome != Outcome::NotFound || self.from_upstream);
        if status == 429 || phrase == Some(Outcome::RateLimited) {
            return Outcome::RateLimited;
        }
        match status {
            401 | 403 => Outcome::Unauthorized,
            404 | 410 if self.from_upstream => Outcome::NotFound,
            404 | 410 => Outcome::UnexpectedNotFound,
            500.. => Outcome::ServerError,
            _ => phrase.unwrap_or(match self.code {
                Some(401 | 403 | 4002) => Outcome::Unauthorized,
                Some(429) => Outcome::RateLimited,
                Some(404 | 410) => Outcome::NotFound,
                Some(500..=599) => Outcome::ServerError,
                _ => Outcome::ClientError,
            }),
        }
    }

    /// Whether the hourly limit is used up, so that minutes help and seconds do not.
    pub(super) fn is_hourly(&self) -> bool {
        self.phrase == Some(Phrase::RateHour)
    }

    /// What to tell people: codes, and the meaning of a known phrase.
    pub(super) fn detail(&self, status: u16) -> String {
        let code = self.code.map(|code| format!(", code {code}")).unwrap_or_default();
        let hint = match self.phrase {
            _ if self.outcome(status) == Outcome::UnexpectedNotFound => {
                ": not an error message of the upstream; check base_url and proxies in between".to_owned()
            }
            Some(phrase) => format!(": {}", phrase.hint()),
            None => String::new(),
        };
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
        ] {
            assert_eq!(Refusal::read(Some(code), msg).outcome(status), outcome, "{status} {msg}");
        }
    }

    #[test]
    fn only_an_error_message_of_the_upstream_says_that_an_id_is_unknown() {
        for (refusal, status, outcome) in [
            (Refusal::default(), 404, Outcome::UnexpectedNotFound),
            (Refusal::default(), 410, Outcome::UnexpectedNotFound),
            (Refusal::of(Phrase::UnknownRequest), 404, Outcome::UnexpectedNotFound),
            (Refusal::of(Phrase::UnknownRequest), 400, Outcome::ClientError),
            (Refusal::read(None, "Invalid request ID"), 404, Outcome::NotFound),
            (Refusal::read(Some(400), "Invalid request ID"), 400, Outcome::NotFound),
        ] {
            assert_eq!(refusal.outcome(status), outcome, "{refusal:?} with {status}");
        }
        assert!(Refusal::default().detail(404).contains("check base_url"));
    }

    #[test]
    fn a_refusal_in_a_200_is_told_by_its_text_and_then_by_its_code() {
        for (code, msg, outcome) in [
            (4002, "something new", Outcome::Unauthorized),
            (400, "Invalid request ID", Outcome::NotFound),
            (404, "gone fishing", Outcome::NotFound),
            (429, "slow down", Outcome::RateLimited),
            (503, "", Outcome::ServerError),
            (7, "", Outcome::ClientError),
        ] {
            assert_eq!(Refusal::read(Some(code), msg).outcome(200), outcome, "{code} {msg}");
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
                let refusal = Refusal::read(None, msg);
                assert_eq!(refusal.outcome(status), Outcome::RateLimited, "{status} {msg}");
                assert_eq!(refusal.is_hourly(), hourly, "{msg}");
            }
        }
        assert_eq!(Refusal::default().outcome(429), Outcome::RateLimited);
    }

    #[test]
    fn a_text_that_is_not_known_is_not_shown() {
        let refusal = Refusal::read(Some(4002), "no such user john@abc.com");
        assert_eq!(refusal.detail(401), "HTTP 401, code 4002");
    }
}
