//! The entry point of the fuzz target.

use std::path::Path;

use super::file;
use crate::input::FileStamps;

/// Reads a text as `--web.config.file`, or says what is wrong with it.
pub(in crate::web) fn check_text(path: &Path, text: &str) -> Result<(), String> {
    file::parse(path, text, &mut FileStamps::default()).map(drop).map_err(|error| error.to_string())
}
