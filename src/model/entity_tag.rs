//! The validator of a report.

use std::fmt;

/// The longest `ETag` that is used, in bytes; a job with a longer one is read whole each time.
pub const MAX_ENTITY_TAG_BYTES: usize = 128;

/// The `ETag` of a report (RFC 9110, section 8.8.3): visible ASCII between quotes, perhaps after `W/`. The server chooses
/// its text, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct EntityTag(Box<str>);

impl EntityTag {
    /// The value of a header `ETag`; `None` if it is invalid or too long.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = str::from_utf8(value).ok()?.trim();
        let opaque = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?.strip_suffix('"')?;
        let is_valid = text.len() <= MAX_ENTITY_TAG_BYTES && opaque.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        is_valid.then(|| Self(text.into()))
    }

    /// As in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntityTag(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_tag_of_bounded_length_is_taken_as_it_is_and_never_shown() {
        let longest = format!("\"{}\"", "x".repeat(MAX_ENTITY_TAG_BYTES - 2));
        for text in ["\"\"", "\"a-1\"", "W/\"a/b==\"", longest.as_str()] {
            assert_eq!(EntityTag::parse(text.as_bytes()).unwrap().as_str(), text);
        }
        let too_long = format!("\"{}\"", "x".repeat(MAX_ENTITY_TAG_BYTES - 1));
        for text in ["", "a", "\"", "w/\"a\"", "\"a\"b\"", "\"a b\"", "\"a\nb\"", "\"ä\"", "*", too_long.as_str()] {
            assert_eq!(EntityTag::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(format!("{:?}", EntityTag::parse(b"\"canary-leak\"").unwrap()), "EntityTag(..)");
    }
}
