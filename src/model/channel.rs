//! The channel of a log entry: an open set at the upstream, a bounded one here.

use std::fmt;
use std::sync::Arc;

/// Limit of characters of a channel name; a longer one becomes [`Channel::other`].
pub const MAX_CHANNEL_CHARS: usize = 32;

/// A channel code: lower case, starts with a letter, then letters, digits, `_` or `-`; at most [`MAX_CHANNEL_CHARS`].
///
/// The upstream's samples misspell two codes (`msteam`, `hangoutchat`; pages of the V2 APIs): both are read as the
/// documented code. `ivr` is the upstream's code for a webhook, not for telephony (docs/UPSTREAM.md#send-apis).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel(Arc<str>);

impl Channel {
    /// The channel for invalid names and for channels beyond a limit.
    pub fn other() -> Self {
        Self(Arc::from("other"))
    }

    /// Normalises a name (trim, lower case, known misspellings); `None` if the result is not a valid code.
    pub fn clean(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_CHANNEL_CHARS {
            return None;
        }
        let lower = text.to_ascii_lowercase();
        let fits = lower.starts_with(|c: char| c.is_ascii_lowercase())
            && lower.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
        if !fits {
            return None;
        }
        Some(Self(Arc::from(match lower.as_str() {
            "msteam" => "msteams",
            "hangoutchat" | "hangoutschat" => "hangouts",
            _ => lower.as_str(),
        })))
    }

    /// The text, the value of the label `channel`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_and_addresses_are_refused() {
        let clean = |text| Channel::clean(text).map(|c| c.to_string());
        assert_eq!(clean(" MSTeam ").as_deref(), Some("msteams"));
        assert_eq!(clean("hangoutchat").as_deref(), Some("hangouts"));
        assert_eq!(clean("WhatsApp").as_deref(), Some("whatsapp"));
        for not_a_channel in ["", "john@abc.com", "+4917012345", "4917012345", "a b", &"x".repeat(33)] {
            assert_eq!(clean(not_a_channel), None, "{not_a_channel}");
        }
    }
}
