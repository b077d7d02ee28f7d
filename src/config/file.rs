//! Reading files within bounds, and asking whether a file that the configuration names is there.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::decoder::{Decoder, shown};
use super::error::{ConfigErrors, Mistake, Position};
use super::tree::{Node, Value};

/// The most bytes of a configuration file or target file: a hundred thousand request IDs need five million.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// What a named file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A secret as text. Its path is not shown in messages: it may be the secret itself, in the wrong place.
    Secret,
    /// A private key in PEM. Its path is not shown either.
    PrivateKey,
    /// Certificates in PEM.
    Certificate,
}

/// The text of a configuration file.
pub(super) fn read(file: &Path) -> Result<String, ConfigErrors> {
    let one = |position, text: String| ConfigErrors::one(file, Mistake::of_file(position, text));
    let bytes = read_bounded(file, MAX_FILE_BYTES).map_err(|what| one(None, what))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let good = String::from_utf8_lossy(good);
        let last_line = good.rsplit('\n').next().unwrap_or_default();
        let line = good.matches('\n').count().saturating_add(1);
        let position = Position { line, column: last_line.chars().count().saturating_add(1) };
        one(Some(position), "this is not UTF-8; save the file as UTF-8".to_owned())
    })
}

/// Whether a text is longer than any file may be.
pub(super) fn check_length(text: &str, file: &Path) -> Result<(), ConfigErrors> {
    let fits = u64::try_from(text.len()).is_ok_and(|bytes| bytes <= MAX_FILE_BYTES);
    if fits { Ok(()) } else { Err(ConfigErrors::one(file, Mistake::of_file(None, too_large(MAX_FILE_BYTES)))) }
}

impl Decoder<'_> {
    /// A path to a file that exists, can be read and has something in it. Relative paths start at the file's folder.
    pub(super) fn existing_file(&mut self, node: &Node, kind: Kind, most: u64) -> Option<PathBuf> {
        let text = self.text(node, "the path of a file")?;
        let path = self.folder.join(text);
        let problem = match read_bounded(&path, most) {
            _ if text.is_empty() => "is empty; give the path of a file".to_owned(),
            Err(problem) => problem,
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => "the file is empty".to_owned(),
            Ok(bytes) if kind != Kind::Secret && !is_pem(&bytes) => "the file is not PEM (-----BEGIN …)".to_owned(),
            Ok(_) => return Some(path),
        };
        let is_missing = path.as_path() != Path::new(text) && !path.exists();
        let relative = if is_missing { "; relative paths start at this file's folder" } else { "" };
        let name = if kind == Kind::Certificate { format!("{}: ", shown(text)) } else { String::new() };
        self.mistake(node.at, || format!("{name}{problem}{relative}"));
        None
    }

    /// The value of an environment variable, which must be set. Neither name nor value is shown: either may be the secret.
    pub(super) fn environment_variable(&mut self, node: &Node) -> Option<(String, String)> {
        let name = self.text(node, "the name of an environment variable")?;
        let problem = match (self.env)(name) {
            _ if !matches!(node.value, Value::Scalar { .. }) || name.is_empty() => "is empty; give a variable's name",
            Some(value) if !value.trim().is_empty() => return Some((name.to_owned(), value)),
            Some(_) => "the environment variable with this name is empty",
            None => "there is no environment variable with this name; give its name alone, without `$`",
        };
        self.mistake(node.at, || problem.to_owned());
        None
    }
}

fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| io_problem(error.kind()))?;
    let metadata = file.metadata().map_err(|error| io_problem(error.kind()))?;
    if metadata.is_dir() {
        return Err("this is a folder, not a file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| io_problem(error.kind()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) { Ok(bytes) } else { Err(too_large(most)) }
}

fn io_problem(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "the file cannot be read: permission denied".to_owned(),
        other => format!("the file cannot be read: {other}"),
    }
}

fn too_large(most: u64) -> String {
    format!("the file is larger than {}", super::units::spell_bytes(most))
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).any(|window| window == b"-----BEGIN ")
}
