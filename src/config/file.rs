//! Reads the configuration file, and checks the files and environment variables that it names.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::input::read_bounded;
use crate::yaml::{ConfigErrors, Decoder, Mistake, Node, Position, Value, excerpt, format_bytes};

/// The maximum size of a configuration file in bytes: a hundred thousand request IDs need five million.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// The maximum size of a file with a secret, a token or a private key, in bytes: an RSA key of 16,384 bits has 13 KiB.
pub const MAX_SECRET_FILE_BYTES: u64 = 64 << 10;

/// What a named file contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A secret as text. Messages do not show its path, which may be the secret itself in the wrong place.
    Secret,
    /// A private key in PEM. Messages do not show its path either.
    PrivateKey,
    /// Certificates in PEM.
    Certificate,
}

/// The text of a configuration file.
pub(super) fn read(file: &Path) -> Result<String, ConfigErrors> {
    let one = |position, text: String| ConfigErrors::one(file, Mistake::of_file(position, text));
    let bytes = read_bounded(file, MAX_FILE_BYTES).map_err(|error| one(None, io_problem(&error, MAX_FILE_BYTES)))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let valid = String::from_utf8_lossy(valid);
        let last_line = valid.rsplit('\n').next().unwrap_or_default();
        let line = valid.matches('\n').count().saturating_add(1);
        let position = Position { line, column: last_line.chars().count().saturating_add(1) };
        one(Some(position), "invalid UTF-8; save the file as UTF-8".to_owned())
    })
}

/// Rejects a text that is longer than a file may be.
pub(super) fn check_length(text: &str, file: &Path) -> Result<(), ConfigErrors> {
    let fits = u64::try_from(text.len()).is_ok_and(|bytes| bytes <= MAX_FILE_BYTES);
    if fits { Ok(()) } else { Err(ConfigErrors::one(file, Mistake::of_file(None, too_large(MAX_FILE_BYTES)))) }
}

impl Decoder<'_> {
    /// The path of a readable, non-empty file. Relative paths start at the configuration file's directory.
    pub(super) fn existing_file(&mut self, node: &Node, kind: FileKind, max_bytes: u64) -> Option<PathBuf> {
        let text = self.text(node, "the path of a file")?;
        let path = self.directory.join(text);
        let problem = match read_bounded(&path, max_bytes) {
            _ if text.is_empty() => "path is empty; set it to the path of a file".to_owned(),
            Err(error) => io_problem(&error, max_bytes),
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => "file is empty".to_owned(),
            Ok(bytes) if kind != FileKind::Secret && !is_pem(&bytes) => {
                "file is not in PEM format (`-----BEGIN …`)".to_owned()
            }
            Ok(_) => return Some(path),
        };
        let is_missing = path.as_path() != Path::new(text) && !path.exists();
        let relative = if is_missing { "; relative paths start at the directory of this file" } else { "" };
        let name = if kind == FileKind::Certificate { format!("{}: ", excerpt(text)) } else { String::new() };
        self.mistake(node.at, || format!("{name}{problem}{relative}"));
        None
    }

    /// The name and value of an environment variable. Messages show neither, because either may be the secret.
    pub(super) fn environment_variable(&mut self, node: &Node) -> Option<(String, String)> {
        let name = self.text(node, "the name of an environment variable")?;
        let problem = match (self.env)(name) {
            _ if !matches!(node.value, Value::Scalar { .. }) || name.is_empty() => {
                "name is empty; set it to the name of an environment variable"
            }
            Some(value) if !value.trim().is_empty() => return Some((name.to_owned(), value)),
            Some(_) => "the environment variable is empty",
            None => "the environment variable is not set; write its name only, without `$`",
        };
        self.mistake(node.at, || problem.to_owned());
        None
    }
}

fn io_problem(error: &io::Error, max_bytes: u64) -> String {
    match error.kind() {
        ErrorKind::NotFound => "file does not exist".to_owned(),
        ErrorKind::IsADirectory => "path is a directory, not a file".to_owned(),
        ErrorKind::FileTooLarge => too_large(max_bytes),
        other => format!("cannot read file: {other}"),
    }
}

fn too_large(max_bytes: u64) -> String {
    format!("file is larger than {}", format_bytes(max_bytes))
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).any(|window| window == b"-----BEGIN ")
}
