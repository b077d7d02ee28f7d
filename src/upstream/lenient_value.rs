//! Converts one JSON value of a known field, with tolerance for common variants.

use std::borrow::Cow;

use serde::de::{Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use crate::model::Timestamp;

/// The value of a field. Its raw text is parsed only here, so that neither a number out of range (`1e400`) nor half a
/// surrogate pair in a string (`"\ud83d"`, a text cut by its length in UTF-16) makes the whole body unreadable.
#[derive(Debug, PartialEq)]
pub(super) enum LenientValue<'a> {
    /// `null`, the same as a missing field.
    Null,
    /// A string without escapes.
    Text(Cow<'a, str>),
    /// The text of a number.
    Number(&'a str),
    /// A boolean, a list or an object.
    Other,
}

impl<'a> LenientValue<'a> {
    pub(super) fn of(raw: &'a RawValue) -> Self {
        let raw = raw.get();
        match raw.as_bytes().first() {
            Some(b'"') => Self::Text(unescaped(raw)),
            Some(b'-' | b'0'..=b'9') => Self::Number(raw),
            Some(b'n') => Self::Null,
            _ => Self::Other,
        }
    }

    /// A finite number, or a string that contains one, as in sibling APIs (docs/UPSTREAM.md#sibling-apis).
    pub(super) fn number(&self) -> Result<Option<f64>, NotANumber> {
        let text = match self {
            Self::Null => return Ok(None),
            Self::Number(text) => text,
            Self::Text(text) => text.trim(),
            Self::Other => return Err(NotANumber),
        };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(NotANumber),
        }
    }

    /// A count: a whole number from 0 to 2^53, or a string that contains one.
    pub(super) fn count(&self) -> Result<Option<u64>, NotANumber> {
        const MAX: f64 = 9_007_199_254_740_992.0;
        match self.number()? {
            None => Ok(None),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within 0..=2^53")]
            Some(number) if (0.0..=MAX).contains(&number) && number.fract() == 0.0 => Ok(Some(number as u64)),
            Some(_) => Err(NotANumber),
        }
    }

    /// A timestamp as in RFC 3339.
    pub(super) fn timestamp(&self) -> Result<Option<Timestamp>, NotATimestamp> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => usual_timestamp(text.as_bytes())
                .or_else(|| {
                    text.trim().parse::<jiff::Timestamp>().ok().map(|t| Timestamp::from_millis(t.as_millisecond()))
                })
                .map(Some)
                .ok_or(NotATimestamp),
            Self::Number(_) | Self::Other => Err(NotATimestamp),
        }
    }
}

/// The value is not a number.
#[derive(Debug, PartialEq)]
pub(super) struct NotANumber;

/// The value is not a timestamp.
#[derive(Debug, PartialEq)]
pub(super) struct NotATimestamp;

fn unescaped(raw: &str) -> Cow<'_, str> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    if !inner.as_bytes().contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let bytes = serde_json::Deserializer::from_str(raw).deserialize_bytes(Bytes).unwrap_or_default();
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads a string as bytes, which may contain half a surrogate pair.
struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(bytes.to_vec())
    }
}

/// Parses the form that upstream writes, `2022-01-24T20:55:21.918Z`, ten times faster than the general parser, which
/// handles all other forms.
fn usual_timestamp(text: &[u8]) -> Option<Timestamp> {
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        mo1,
        mo2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        mi1,
        mi2,
        b':',
        s1,
        s2,
        b'.',
        f1,
        f2,
        f3,
        b'Z',
    ] = text
    else {
        return None;
    };
    let digits = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0_i64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
    };
    let (year, month, day) = (digits(&[y1, y2, y3, y4])?, digits(&[mo1, mo2])?, digits(&[d1, d2])?);
    let (hour, minute, second, milli) =
        (digits(&[h1, h2])?, digits(&[mi1, mi2])?, digits(&[s1, s2])?, digits(&[f1, f2, f3])?);
    // Days 29 to 31 exist only in some months, second 60 only in some minutes: left to the general parser.
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since the epoch by the civil calendar, counting years from March so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day;
    let seconds = (days - 719_469) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Timestamp::from_millis(seconds * 1_000 + milli))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_may_be_strings_and_other_values_are_errors() {
        for (json, number) in [
            ("100", Ok(Some(100.0))),
            (r#""100""#, Ok(Some(100.0))),
            (r#"" 947 ""#, Ok(Some(947.0))),
            ("null", Ok(None)),
            ("-5", Ok(Some(-5.0))),
            ("1e400", Err(NotANumber)),
            (r#""NaN""#, Err(NotANumber)),
            (r#""inf""#, Err(NotANumber)),
            (r#""""#, Err(NotANumber)),
            ("true", Err(NotANumber)),
            ("[1]", Err(NotANumber)),
        ] {
            assert_eq!(LenientValue::of(&raw(json)).number(), number, "{json}");
        }
    }

    #[test]
    fn counts_are_whole_and_not_negative() {
        for (json, count) in [
            ("2", Ok(Some(2))),
            ("2.0", Ok(Some(2))),
            ("1e3", Ok(Some(1000))),
            ("9007199254740992", Ok(Some(1 << 53))),
            ("null", Ok(None)),
            ("1.5", Err(NotANumber)),
            ("-1", Err(NotANumber)),
            ("1e17", Err(NotANumber)),
        ] {
            assert_eq!(LenientValue::of(&raw(json)).count(), count, "{json}");
        }
    }

    #[test]
    fn strings_keep_their_text_whatever_their_escapes() {
        for (json, text) in [
            (r#""plain""#, "plain"),
            (r#""a\"b\\\u00e4""#, "a\"b\\ä"),
            (r#""cut \ud83d""#, "cut \u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(LenientValue::of(&raw(json)), LenientValue::Text(text.into()), "{json}");
        }
    }

    #[test]
    fn the_fast_timestamp_parser_agrees_with_the_general_one_on_every_day() {
        let mut day = jiff::civil::date(1890, 1, 1);
        while day < jiff::civil::date(2110, 1, 1) {
            let text = format!("{day}T23:59:58.987Z");
            let general: jiff::Timestamp = text.parse().unwrap();
            assert_eq!(
                LenientValue::Text(text.as_str().into()).timestamp(),
                Ok(Some(Timestamp::from_millis(general.as_millisecond()))),
                "{text}"
            );
            day = day.tomorrow().unwrap();
        }
    }

    #[test]
    fn other_forms_of_timestamps_are_parsed_and_the_rest_are_errors() {
        let at = |text: &str| LenientValue::Text(text.to_owned().into()).timestamp();
        let expected = Ok(Some(Timestamp::from_millis(1_643_057_723_000)));
        for good in ["2022-01-24T20:55:23Z", " 2022-01-24T20:55:23.000Z", "2022-01-24T21:55:23+01:00"] {
            assert_eq!(at(good), expected, "{good}");
        }
        for bad in [
            "",
            "yesterday",
            "2022-02-30T00:00:00.000Z",
            "2022-01-24",
            "2022-01-24T20:55:23.0x0Z",
            "0000-13-01T00:00:00.000Z",
        ] {
            assert_eq!(at(bad), Err(NotATimestamp), "{bad}");
        }
        assert_eq!(LenientValue::Number("1643057723000").timestamp(), Err(NotATimestamp));
    }
}
