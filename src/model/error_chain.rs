//! Formats an error with its causes.

use std::error::Error;

/// An error and all its causes on one line, outermost first. Errors here do not repeat their cause.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
