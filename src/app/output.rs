//! Standard output and standard error.

use std::io::{self, Write};

use super::error::AppError;
use crate::cli::LogFormat;
use crate::model::error_chain;

/// Writes a result to standard output.
pub(super) fn print(text: &str) -> Result<(), AppError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader has closed the pipe (`… | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(AppError::Print),
    }
}

/// Writes an error with its causes to standard error: as plain text, or as a log line per mistake with `--log.format=json`.
pub(super) fn print_error(error: &AppError, format: LogFormat) {
    let chain = error_chain(error);
    match format {
        LogFormat::Json => {
            for line in chain.lines() {
                tracing::error!("{line}");
            }
        }
        LogFormat::Logfmt => {
            // There is nowhere else to report a failure.
            let _lost = io::stderr().write_all(format!("koreai_exporter: {chain}\n").as_bytes());
        }
    }
}

/// Writes a note for people to standard error, beside a result for a program.
pub(super) fn print_note(text: &str) {
    // The result does not depend on it.
    let _lost = io::stderr().write_all(text.as_bytes());
}
