//! Standard output and standard error.

use std::io::{self, Write};

use super::error::AppError;

/// Writes a result to standard output.
pub(super) fn print(text: &str) -> Result<(), AppError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader has closed the pipe (`… | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(AppError::Print),
    }
}

/// Writes an error with its causes to standard error, in plain text whatever the format of the log is.
pub(super) fn print_error(error: &AppError) {
    let text = format!("koreai_exporter: {}\n", crate::model::error_chain(error));
    // There is nowhere else to report a failure.
    let _lost = io::stderr().write_all(text.as_bytes());
}
