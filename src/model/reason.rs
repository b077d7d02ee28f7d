//! The reason of a failed notification: one of a small closed set.

use std::fmt;
use std::sync::Arc;

/// The value of the label `reason`: `[a-z][a-z0-9_]*`, at most 64 characters. The set is closed at start: the built-in
/// table and the configured rules. The text that a reason was derived from is never stored.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reason(Arc<str>);

impl Reason {
    /// The reason of texts that match no rule.
    pub fn other() -> Self {
        Self(Arc::from("other"))
    }

    /// Parses a name of the right form.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        valid.then(|| Self(Arc::from(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
