//! Classifies the free text of `comments` into a closed set of failure reasons.

use crate::model::Reason;

/// The beginning of a text that is searched. Published texts have 45 bytes; the reason comes first.
pub const MAX_COMMENT_BYTES: usize = 512;

/// The built-in rules: a text that the normalized comment contains, and its reason. The first match wins. Only the first
/// text is published (docs/UPSTREAM.md#comments-texts); the others are common errors of channels, because `comments` may
/// contain them.
const BUILTIN: &[(&str, &str)] = &[
    ("identity is not associated", "identity_not_associated"),
    ("not associated with the channel", "identity_not_associated"),
    ("rate limit", "rate_limited"),
    ("too many requests", "rate_limited"),
    ("throttl", "rate_limited"),
    ("quota exceeded", "rate_limited"),
    ("opted out", "user_blocked"),
    ("opted-out", "user_blocked"),
    ("unsubscribed", "user_blocked"),
    ("blocked", "user_blocked"),
    ("unauthorized", "unauthorized"),
    ("unauthorised", "unauthorized"),
    ("forbidden", "unauthorized"),
    ("access denied", "unauthorized"),
    ("permission denied", "unauthorized"),
    ("invalid token", "unauthorized"),
    ("authentication", "unauthorized"),
    ("channel is not enabled", "channel_disabled"),
    ("channel not enabled", "channel_disabled"),
    ("channel is disabled", "channel_disabled"),
    ("channel disabled", "channel_disabled"),
    ("channel is not configured", "channel_disabled"),
    ("channel not configured", "channel_disabled"),
    ("not published", "channel_disabled"),
    ("timed out", "timeout"),
    ("timeout", "timeout"),
    ("etimedout", "timeout"),
    ("invalid phone", "invalid_recipient"),
    ("invalid number", "invalid_recipient"),
    ("invalid email", "invalid_recipient"),
    ("invalid recipient", "invalid_recipient"),
    ("invalid identity", "invalid_recipient"),
    ("invalid user", "invalid_recipient"),
    ("user not found", "invalid_recipient"),
    ("unknown user", "invalid_recipient"),
    ("does not exist", "invalid_recipient"),
    ("not reachable", "not_reachable"),
    ("unreachable", "not_reachable"),
    ("undeliverable", "not_reachable"),
    ("econnrefused", "not_reachable"),
    ("econnreset", "not_reachable"),
    ("service unavailable", "not_reachable"),
];

/// The built-in rules as (text, reason), in order of precedence.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    BUILTIN
}

/// Rules that map `comments` to a reason: those of the configuration first, then the built-in ones.
///
/// The text of a rule and the comment are normalized in the same way: without quotes and apostrophes (upstream puts them
/// inside the string), ASCII letters in lower case, white space as one space, at most [`MAX_COMMENT_BYTES`].
#[derive(Debug, Clone)]
pub struct ReasonTable {
    rules: Vec<(Box<[u8]>, Reason)>,
    other: Reason,
}

impl ReasonTable {
    /// The rules of the configuration, then the built-in ones. A rule whose normalized text is empty is ignored: it would
    /// match everything.
    pub fn new(extra: &[(String, Reason)]) -> Self {
        let extra = extra.iter().map(|(text, reason)| (text.as_str(), reason.clone()));
        let builtin = BUILTIN.iter().filter_map(|(text, reason)| Some((*text, Reason::parse(reason)?)));
        let rules = extra
            .chain(builtin)
            .map(|(text, reason)| (Box::from(Normalized::from(text).as_bytes()), reason))
            .filter(|(text, _): &(Box<[u8]>, Reason)| !text.is_empty())
            .collect();
        Self { rules, other: Reason::other() }
    }

    /// The reason of the first matching rule; `None` if no rule matches.
    pub fn find(&self, comment: &str) -> Option<&Reason> {
        let normalized = Normalized::from(comment);
        let text = normalized.as_bytes();
        self.rules.iter().find(|(rule, _)| contains(text, rule)).map(|(_, reason)| reason)
    }

    /// Every reason in this table, each once, `other` last.
    pub fn reasons(&self) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = Vec::new();
        for (_, reason) in self.rules.iter().filter(|(_, reason)| *reason != self.other) {
            if !reasons.contains(reason) {
                reasons.push(reason.clone());
            }
        }
        reasons.push(self.other.clone());
        reasons
    }

    /// The reason for texts that no rule matches.
    pub(super) fn other(&self) -> &Reason {
        &self.other
    }
}

fn contains(text: &[u8], rule: &[u8]) -> bool {
    let Some((first, rest)) = rule.split_first() else { return false };
    let mut from = text;
    while let Some(at) = from.iter().position(|byte| byte == first) {
        from = from.get(at + 1..).unwrap_or_default();
        if from.starts_with(rest) {
            return true;
        }
    }
    false
}

/// A normalized text, on the stack: each failed entry of a job is classified.
struct Normalized {
    bytes: [u8; MAX_COMMENT_BYTES],
    len: usize,
}

impl Normalized {
    fn from(text: &str) -> Self {
        let mut normalized = Self { bytes: [0; MAX_COMMENT_BYTES], len: 0 };
        // Typographic quotes are three bytes that begin with E2 80; dropping those two and 98..=9F drops them.
        let mut rest = text.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            match (byte, after) {
                (b'\'' | b'"' | b'`', _) => continue,
                (0xE2, [0x80, 0x98..=0x9F, beyond @ ..]) => rest = beyond,
                (byte, _) => {
                    let byte = if byte.is_ascii_whitespace() { b' ' } else { byte.to_ascii_lowercase() };
                    let last = normalized.len.checked_sub(1).and_then(|last| normalized.bytes.get(last));
                    if byte == b' ' && matches!(last, None | Some(b' ')) {
                        continue;
                    }
                    let Some(slot) = normalized.bytes.get_mut(normalized.len) else { break };
                    *slot = byte;
                    normalized.len += 1;
                }
            }
        }
        normalized
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default().trim_ascii_end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(comment: &str) -> String {
        ReasonTable::new(&[]).find(comment).map_or("none".to_owned(), Reason::to_string)
    }

    #[test]
    fn the_published_failure_text_is_known_with_and_without_its_quotes() {
        for comment in [
            "'Identity is not associated with the channel'",
            "Identity is not associated with the channel",
            "\u{2018}IDENTITY  is not\nassociated with the channel\u{2019}",
        ] {
            assert_eq!(read(comment), "identity_not_associated", "{comment}");
        }
    }

    #[test]
    fn each_builtin_rule_gives_its_reason() {
        for (text, reason) in builtin() {
            assert!(Reason::parse(reason).is_some(), "{reason}");
            assert_eq!(read(text), *reason, "{text}");
            assert_eq!(read(&format!("Error: 'the {}'!", text.to_uppercase())), *reason, "{text}");
        }
    }

    #[test]
    fn a_text_without_a_matching_rule_has_no_reason() {
        for comment in ["", "'", "the moon was in the way", "rate  of limit"] {
            assert_eq!(read(comment), "none", "{comment}");
        }
    }

    #[test]
    fn rules_of_the_configuration_win_and_empty_ones_match_nothing() {
        let extra = [
            ("Isn't  \"associated\"".to_owned(), Reason::parse("no_profile").unwrap()),
            ("identity is not".to_owned(), Reason::parse("no_identity").unwrap()),
            (" '' ".to_owned(), Reason::parse("never").unwrap()),
        ];
        let table = ReasonTable::new(&extra);
        assert_eq!(table.find("it isnt associated, sorry").map(Reason::as_str), Some("no_profile"));
        assert_eq!(table.find("'Identity is not associated'").map(Reason::as_str), Some("no_identity"));
        assert_eq!(table.find("something else"), None);
        assert_eq!(table.reasons().last(), Some(&Reason::other()));
    }

    #[test]
    fn only_the_beginning_of_a_text_is_searched() {
        assert_eq!(read(&format!("{}timeout", "x".repeat(MAX_COMMENT_BYTES - 7))), "timeout");
        assert_eq!(read(&format!("{}timeout", "x".repeat(MAX_COMMENT_BYTES - 6))), "none");
    }
}
