//! Labels of targets: valid Prometheus names, bounded values.

use std::fmt;
use std::sync::Arc;

/// Limit of characters of a label value; longer values are rejected.
pub const MAX_LABEL_VALUE_CHARS: usize = 128;

/// Why a text is not a valid label name or value. Reads after the name of the label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabel {
    /// Not `[a-zA-Z_][a-zA-Z0-9_]*`, or longer than 64 characters.
    #[error("must have only letters, digits and `_`, not start with a digit, and have at most 64 characters")]
    Name,
    /// Reserved for Prometheus (`__…`) or this exporter.
    #[error("is reserved for Prometheus or this exporter")]
    Reserved,
    /// Longer than [`MAX_LABEL_VALUE_CHARS`].
    #[error("has {0} characters, at most {MAX_LABEL_VALUE_CHARS} are allowed")]
    TooLong(usize),
    /// Has a control character.
    #[error("contains a control character")]
    Control,
}

/// A label name of a target: `[a-zA-Z_][a-zA-Z0-9_]*`, not reserved.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelName(Arc<str>);

/// Labels that a target cannot set. `campaign` is among them because [`super::Target`] has a field for it.
const RESERVED: [&str; 10] =
    ["bot", "request_id", "campaign", "api", "job_type", "action", "job", "instance", "le", "quantile"];

impl LabelName {
    /// Parses a label name of a target.
    pub fn parse(text: &str) -> Result<Self, InvalidLabel> {
        let mut chars = text.chars();
        let first_fits = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !first_fits || text.len() > 64 || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(InvalidLabel::Name);
        }
        if text.starts_with("__") || RESERVED.contains(&text) {
            return Err(InvalidLabel::Reserved);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A label value: at most [`MAX_LABEL_VALUE_CHARS`] characters, no control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelValue(Arc<str>);

impl LabelValue {
    /// Parses a label value.
    pub fn parse(text: &str) -> Result<Self, InvalidLabel> {
        let chars = text.chars().count();
        if chars > MAX_LABEL_VALUE_CHARS {
            return Err(InvalidLabel::TooLong(chars));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidLabel::Control);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
impl fmt::Display for LabelValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for LabelValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_and_invalid_names_are_refused() {
        assert!(LabelName::parse("team").is_ok());
        for reserved in ["__address__", "bot", "request_id", "campaign", "job"] {
            assert_eq!(LabelName::parse(reserved), Err(InvalidLabel::Reserved), "{reserved}");
        }
        for bad in ["", "1a", "a-b", "ä"] {
            assert_eq!(LabelName::parse(bad), Err(InvalidLabel::Name), "{bad}");
        }
    }

    #[test]
    fn values_are_bounded_and_printable() {
        assert!(LabelValue::parse("Frühling 2026").is_ok());
        assert_eq!(LabelValue::parse(&"x".repeat(129)), Err(InvalidLabel::TooLong(129)));
        assert_eq!(LabelValue::parse("a\nb"), Err(InvalidLabel::Control));
    }
}
