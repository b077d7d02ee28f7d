//! Labels that a target brings along: names as Prometheus wants them, values bounded.

use std::fmt;
use std::sync::Arc;

/// The most characters of a label value; longer ones are refused at the door.
pub const MAX_LABEL_VALUE_CHARS: usize = 128;

/// Why a text is no label name or value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabel {
    /// Not `[a-zA-Z_][a-zA-Z0-9_]*`, or longer than 64 characters.
    #[error("is no label name: letters, digits and `_`, no digit first, at most 64 characters")]
    Name,
    /// Kept by Prometheus (`__…`) or by this exporter.
    #[error("is a label that Prometheus or this exporter sets itself")]
    Reserved,
    /// Longer than [`MAX_LABEL_VALUE_CHARS`].
    #[error("has {0} characters, at most {MAX_LABEL_VALUE_CHARS} are allowed")]
    TooLong(usize),
    /// Control characters have no place in a label.
    #[error("has a control character in it")]
    Control,
}

/// A label name of a target: `[a-zA-Z_][a-zA-Z0-9_]*`, none of ours and none of Prometheus'.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelName(Arc<str>);

/// Labels of `koreai_job_info` that a target cannot set. `campaign` is one too: it travels apart.
const RESERVED: [&str; 10] =
    ["bot", "request_id", "campaign", "api", "job_type", "action", "job", "instance", "le", "quantile"];

impl LabelName {
    /// Takes a name that a target may bring.
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
    /// Takes a value within the bounds.
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
    fn names_that_prometheus_or_we_keep_are_refused() {
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
