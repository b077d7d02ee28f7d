//! The schema of the file, and what it says.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use secrecy::SecretString;

use super::decode::{Mistakes, Section, Text};

/// More users than anyone keeps by hand; bounds the cache of verified passwords too.
const MAX_USERS: usize = 1_000;

/// Response headers that may be set, and the values that those with a closed set of them may have. The toolkit's own
/// list (its `docs/web-configuration.md`).
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

/// What the file says, apart from certificates.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// HTTP/2 over TLS.
    pub(super) http2: bool,
    /// Set on every response.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// bcrypt hashes by user; nobody is asked for a password when there are none.
    pub(super) users: BTreeMap<String, SecretString>,
    /// Requests beyond it are answered with 429.
    pub(super) rate_limit: Option<RateLimit>,
}

/// A token bucket: one request every `interval`, `burst` of them at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RateLimit {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

impl Settings {
    pub(super) fn decode(root: &Section, mistakes: &mut Mistakes) -> Self {
        root.only(&["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"], mistakes);
        let mut settings = Self { http2: true, ..Self::default() };
        if let Some(http) = root.section("http_server_config", mistakes) {
            http.only(&["http2", "headers"], mistakes);
            settings.http2 = http.flag("http2", true, mistakes);
            if let Some(headers) = http.section("headers", mistakes) {
                settings.headers =
                    headers.texts(mistakes).iter().filter_map(|(name, text)| header(name, text, mistakes)).collect();
            }
        }
        if let Some(users) = root.section("basic_auth_users", mistakes) {
            let entries = users.texts(mistakes);
            if entries.len() > MAX_USERS {
                mistakes.add(
                    users.line,
                    format!("basic_auth_users: {} users, at most {MAX_USERS} are allowed", entries.len()),
                );
            }
            for (name, hash) in entries {
                // The hash is a secret: it is not repeated.
                match bcrypt::HashParts::from_str(&hash.value) {
                    Ok(_) => drop(settings.users.insert(name, SecretString::from(hash.value))),
                    Err(_) => mistakes.add(
                        hash.line,
                        format!("{}: is no bcrypt hash; `htpasswd -nBC 10 \"\"` makes one: `$2y$10$…`", hash.key),
                    ),
                }
            }
        }
        settings.rate_limit = root.section("rate_limit", mistakes).and_then(|section| rate_limit(section, mistakes));
        settings
    }
}

fn header(name: &str, text: &Text, mistakes: &mut Mistakes) -> Option<(HeaderName, HeaderValue)> {
    let Some((_, allowed)) = HEADERS.iter().find(|(known, _)| *known == name) else {
        let known = HEADERS.map(|(known, _)| known).join(", ");
        mistakes.add(text.line, format!("{}: cannot be set; one can set {known}", text.key));
        return None;
    };
    if !allowed.is_empty() && !allowed.contains(&text.value.as_str()) {
        mistakes.add(text.line, format!("{}: `{}` is none of {}", text.key, text.value, allowed.join(", ")));
        return None;
    }
    match (HeaderName::from_str(name), HeaderValue::from_str(&text.value)) {
        (Ok(name), Ok(value)) => Some((name, value)),
        _ => {
            mistakes.add(text.line, format!("{}: has a character that no header can carry", text.key));
            None
        }
    }
}

fn rate_limit(section: &Section, mistakes: &mut Mistakes) -> Option<RateLimit> {
    section.only(&["interval", "burst"], mistakes);
    let interval = section.text("interval", mistakes)?;
    let Some(duration) = go_duration(&interval.value) else {
        mistakes.add(
            interval.line,
            format!("{}: `{}` is no duration such as `1s` or `250ms`", interval.key, interval.value),
        );
        return None;
    };
    if duration.is_zero() {
        return None;
    }
    let Some(burst) = section.text("burst", mistakes) else {
        mistakes.add(section.line, "rate_limit.burst: is missing; without it every request would be turned away");
        return None;
    };
    match burst.value.parse() {
        Ok(count) if count > 0 => Some(RateLimit { interval: duration, burst: count }),
        _ => {
            mistakes.add(burst.line, format!("{}: `{}` is no number of requests from 1 on", burst.key, burst.value));
            None
        }
    }
}

/// A duration as Go writes it: `1s`, `1m30s`, `1.5s`, `0`.
fn go_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];
    if text == "0" {
        return Some(Duration::ZERO);
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
    fn durations_are_read_as_go_reads_them() {
        for (text, millis) in [("1s", 1_000), ("1m30s", 90_000), ("250ms", 250), ("1.5s", 1_500), ("0", 0)] {
            assert_eq!(go_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "1", "s", "1d", "-1s", "1s2", "1..2s", "1e3s"] {
            assert_eq!(go_duration(bad), None, "{bad}");
        }
    }
}
