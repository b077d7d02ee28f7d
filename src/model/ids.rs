//! Identifiers: request ID, bot name, and job key.

use std::fmt;
use std::sync::Arc;

/// Why a text is not a valid identifier. Reads after "`key`: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is too long.
    #[error("has {chars} characters, at most {max} are allowed")]
    TooLong {
        /// Characters given.
        chars: usize,
        /// Characters allowed.
        max: usize,
    },
    /// A character outside the allowed set.
    #[error("contains {0:?}; only letters, digits, `-`, `_` and `.` are allowed, starting with a letter or digit")]
    BadCharacter(char),
}

fn checked(text: &str, max: usize) -> Result<Arc<str>, InvalidId> {
    let chars = text.chars().count();
    let Some(first) = text.chars().next() else { return Err(InvalidId::Empty) };
    if chars > max {
        return Err(InvalidId::TooLong { chars, max });
    }
    if !first.is_ascii_alphanumeric() {
        return Err(InvalidId::BadCharacter(first));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        Some(bad) => Err(InvalidId::BadCharacter(bad)),
        None => Ok(Arc::from(text)),
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Limit of characters.
            pub const MAX_CHARS: usize = $max;

            /// Parses an identifier; surrounding white space is an error.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                checked(text, Self::MAX_CHARS).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

identifier!(
    /// The ID of a job, `_id` of the upstream's send response, of the form `ds-<uuid>`. It is used as a path segment and as
    /// a label value, so only letters, digits, `-`, `_` and `.` are allowed.
    RequestId,
    128
);
identifier!(
    /// The value of the label `bot`: a name that the operator chose, not the upstream's bot ID.
    BotName,
    64
);

/// One job: request IDs are unique within a bot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey {
    /// The bot that sent it.
    pub bot: BotName,
    /// Its request ID.
    pub id: RequestId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_safe_path_segment() {
        for good in ["ds-10000000-0000-0000-0000-000000000000", "ds-1", "a.b_c"] {
            assert_eq!(RequestId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " ds-1", "ds-1/..", "ds 1", "ds-ä", "../x", "ds-1\n", "-x", &"x".repeat(129)] {
            assert!(RequestId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
