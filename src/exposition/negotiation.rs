//! Chooses format and encoding of a response by the `Accept` and `Accept-Encoding` headers.
//!
//! Rules: RFC 9110 §12.5 (quality values, the most specific range decides) and Prometheus' page "scrape protocol content
//! negotiation" (the highest weight that we support, text 0.0.4 as the last resort).

use super::format::{Encoding, Format};

/// The chosen format and encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// The format of the body.
    pub format: Format,
    /// Its encoding.
    pub encoding: Encoding,
    /// The value of the header `Content-Type`.
    pub content_type: &'static str,
}

/// Parses both headers, each as one list (several lines joined by commas). Invalid elements are ignored. If nothing is
/// acceptable, the result is text 0.0.4 without compression, because a failed scrape is less useful.
pub fn negotiate(accept: Option<&str>, accept_encoding: Option<&str>) -> Negotiated {
    let (format, content_type) = negotiate_format(accept.unwrap_or("*/*"));
    Negotiated { format, encoding: negotiate_encoding(accept_encoding.unwrap_or("identity")), content_type }
}

fn negotiate_format(accept: &str) -> (Format, &'static str) {
    let ranges: Vec<MediaRange<'_>> = accept.split(',').filter_map(MediaRange::parse).collect();
    let text = best_match(&ranges, "text", "plain", "0.0.4");
    let openmetrics = best_match(&ranges, "application", "openmetrics-text", "1.0.0");
    match openmetrics {
        Some((rank, range)) if text.as_ref().is_none_or(|(other, _)| rank > *other) => {
            // The response names an escaping scheme if the request does. All our names are `[a-z_]`, which the scheme
            // `underscores` does not change (`dots` would), so it is correct whatever was requested.
            let content_type = if range.has_escaping {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            } else {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            };
            (Format::OpenMetrics, content_type)
        }
        _ => (Format::Text, "text/plain; version=0.0.4; charset=utf-8"),
    }
}

/// One element of an `Accept` header.
struct MediaRange<'a> {
    kind: &'a str,
    subkind: &'a str,
    version: Option<&'a str>,
    has_escaping: bool,
    weight: Weight,
}

impl<'a> MediaRange<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subkind) = parts.next()?.split_once('/')?;
        let mut range = Self { kind, subkind, version: None, has_escaping: false, weight: Weight::FULL };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => range.weight = Weight::parse(value)?,
                "version" => range.version = Some(value.trim().trim_matches('"')),
                "escaping" => range.has_escaping = true,
                _ => {}
            }
        }
        Some(range)
    }

    /// How specifically this range matches a media type; `None` if it does not match.
    fn specificity(&self, kind: &str, subkind: &str, version: &str) -> Option<u8> {
        let same_kind = self.kind.eq_ignore_ascii_case(kind);
        if same_kind && self.subkind.eq_ignore_ascii_case(subkind) {
            return match self.version {
                Some(requested) => (requested == version).then_some(3),
                None => Some(2),
            };
        }
        match (self.kind, self.subkind) {
            (_, "*") if same_kind => Some(1),
            ("*", "*") => Some(0),
            _ => None,
        }
    }
}

/// The range that decides about a media type, and its rank: by weight, then by specificity, then by its position in the
/// header. `None` if the media type is not acceptable.
fn best_match<'r, 'a>(
    ranges: &'r [MediaRange<'a>],
    kind: &str,
    subkind: &str,
    version: &str,
) -> Option<((Weight, u8, usize), &'r MediaRange<'a>)> {
    let matches = ranges.iter().rev().enumerate().filter_map(|(place, range)| {
        range.specificity(kind, subkind, version).map(|specificity| (specificity, place, range))
    });
    let (specificity, place, range) = matches.max_by_key(|(specificity, place, _)| (*specificity, *place))?;
    (range.weight > Weight::ZERO).then_some(((range.weight, specificity, place), range))
}

fn negotiate_encoding(accept_encoding: &str) -> Encoding {
    let (mut gzip, mut identity, mut rest) = (None, None, None);
    for element in accept_encoding.split(',') {
        let (coding, parameters) = element.split_once(';').unwrap_or((element, ""));
        let weight = match parameters.split_once('=') {
            Some((q, value)) if q.trim().eq_ignore_ascii_case("q") => Weight::parse(value),
            _ => Some(Weight::FULL),
        };
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = gzip.max(weight),
            "identity" => identity = identity.max(weight),
            "*" => rest = rest.max(weight),
            _ => {}
        }
    }
    let gzip = gzip.or(rest).unwrap_or(Weight::ZERO);
    let identity = identity.or(rest).unwrap_or(Weight::ZERO);
    if gzip > Weight::ZERO && gzip >= identity { Encoding::Gzip } else { Encoding::Identity }
}

/// A quality value in thousandths, 0..=1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight(u16);

impl Weight {
    const ZERO: Self = Self(0);
    const FULL: Self = Self(1000);

    /// Reads `0`, `0.5`, `1.000`; at most three decimals count.
    fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        if !decimals.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        match whole {
            "1" => Some(Self::FULL),
            "0" => {
                let digits = decimals.bytes().map(|b| u16::from(b - b'0')).chain([0, 0, 0]).take(3);
                Some(Self(digits.fold(0, |thousandths, digit| thousandths * 10 + digit)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "tests/negotiation.rs"]
mod tests;
