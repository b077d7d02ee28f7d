//! The settings of the file, apart from TLS.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use secrecy::SecretString;

use crate::yaml::{Decoder, Fields, Node, Value};

/// The maximum number of users; also bounds the cache of verified passwords.
const MAX_USERS: usize = 1_000;

/// The response headers that may be set, each with its allowed values (none: any value). The toolkit's list (its
/// `docs/web-configuration.md`).
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

/// The settings apart from TLS.
#[derive(Debug)]
pub(super) struct Settings {
    /// HTTP/2 over TLS.
    pub(super) http2: bool,
    /// Set on every response.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// bcrypt hashes by user. Without users, no password is required.
    pub(super) users: BTreeMap<String, SecretString>,
    /// Requests beyond it get status 429.
    pub(super) rate_limit: Option<RateLimit>,
}

/// A token bucket: one request per `interval`, at most `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RateLimit {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { http2: true, headers: Vec::new(), users: BTreeMap::new(), rate_limit: None }
    }
}

impl Settings {
    pub(super) fn decode(d: &mut Decoder<'_>, root: &Fields<'_>) -> Self {
        let mut settings = Self::default();
        d.optional(root, "http_server_config", |d, node| {
            let fields = d.fields(node, &["http2", "headers"])?.without_nulls();
            settings.http2 = d.optional(&fields, "http2", boolean).unwrap_or(true);
            settings.headers = d.optional(&fields, "headers", headers).unwrap_or_default();
            Some(())
        });
        settings.users = d.optional(root, "basic_auth_users", users).unwrap_or_default();
        settings.rate_limit = d.optional(root, "rate_limit", RateLimit::decode).flatten();
        settings
    }
}

/// `true` or `false`, in the spellings of the toolkit's YAML parser.
pub(super) fn boolean(d: &mut Decoder<'_>, node: &Node) -> Option<bool> {
    match d.text(node, "true or false")? {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => {
            d.invalid(node, "boolean", "expected true or false");
            None
        }
    }
}

fn headers(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let entries = d.entries(node, || "a mapping such as {X-Frame-Options: deny}".to_owned())?;
    let present = entries.into_iter().filter(|(_, node)| !matches!(node.value, Value::Null));
    let decoded = present.map(|(key, node)| d.under_key(key.text.to_string(), |d| header(d, &key.text, node)));
    Some(decoded.flatten().collect())
}

fn header(d: &mut Decoder<'_>, name: &str, node: &Node) -> Option<(HeaderName, HeaderValue)> {
    let Some((known, allowed)) = HEADERS.iter().find(|(known, _)| *known == name) else {
        let known = HEADERS.map(|(known, _)| known).join(", ");
        d.mistake(node.at, || format!("this header cannot be set; supported headers are {known}"));
        return None;
    };
    let value = d.text(node, "a string")?;
    if !allowed.is_empty() && !allowed.contains(&value) {
        d.invalid(node, "value", format_args!("expected {}", allowed.join(" or ")));
        return None;
    }
    match (HeaderName::from_str(known), HeaderValue::from_str(value)) {
        (Ok(name), Ok(value)) => Some((name, value)),
        _ => {
            d.invalid(node, "value", "it contains a character that is not allowed in a header");
            None
        }
    }
}

fn users(d: &mut Decoder<'_>, node: &Node) -> Option<BTreeMap<String, SecretString>> {
    let entries = d.entries(node, || "a mapping from user names to bcrypt hashes".to_owned())?;
    if entries.len() > MAX_USERS {
        d.mistake(node.at, || format!("too many users: {}, at most {MAX_USERS} are allowed", entries.len()));
    }
    let mut users = BTreeMap::new();
    // A user without a hash is a mistake: if it were ignored, the only user's file would require no password.
    for (key, node) in entries {
        d.under_key(key.text.to_string(), |d| {
            let hash = d.text(node, "a bcrypt hash")?;
            // Without the value: it may be a password.
            match bcrypt::HashParts::from_str(hash) {
                Ok(_) => drop(users.insert(key.text.to_string(), SecretString::from(hash))),
                Err(_) => d.mistake(node.at, || {
                    "invalid bcrypt hash; generate one with `htpasswd -nBC 10 \"\"`: `$2y$10$…`".to_owned()
                }),
            }
            Some(())
        });
    }
    Some(users)
}

impl RateLimit {
    /// `Some(None)` if an interval of 0 disables it.
    fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Option<Self>> {
        let fields = d.fields(node, &["interval", "burst"])?.without_nulls();
        let interval = d.optional(&fields, "interval", |d, node| {
            let interval = go_duration(d.text(node, "a duration such as 1s or 250ms")?);
            if interval.is_none() {
                d.invalid(node, "duration", "expected a number with a unit, such as 1s or 250ms");
            }
            interval
        })?;
        if interval.is_zero() {
            return Some(None);
        }
        let burst = d.optional(&fields, "burst", |d, node| {
            let burst = d.text(node, "a whole number")?.parse::<i64>().ok();
            if burst.is_none() {
                d.invalid(node, "number", "expected a whole number");
            }
            burst
        });
        let burst = u32::try_from(burst.unwrap_or(0).max(0)).unwrap_or(u32::MAX);
        if burst == 0 {
            d.under_key("burst", |d| {
                d.warning(fields.position_of("burst"), || {
                    "0 requests are allowed at once: every request except health checks is rejected".to_owned()
                });
            });
        }
        Some(Some(Self { interval, burst }))
    }
}

/// A duration in Go's notation: `1s`, `1m30s`, `1.5s`, `0`.
fn go_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    // A negative interval disables the limit, as 0 does.
    if let Some(positive) = text.strip_prefix('-') {
        return go_duration(positive).filter(|_| !positive.starts_with('-')).map(|_| Duration::ZERO);
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, tail) = rest.split_at(digits);
        let length = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(length);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_as_go_parses_them() {
        for (text, millis) in [("1s", 1_000), ("1m30s", 90_000), ("250ms", 250), ("1.5s", 1_500), ("0", 0), ("-1s", 0)]
        {
            assert_eq!(go_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "1", "s", "1d", "-1", "--1s", "1s2", "1..2s", "1e3s"] {
            assert_eq!(go_duration(bad), None, "{bad}");
        }
    }
}
