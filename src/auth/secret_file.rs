//! A file with a secret, read again when it changes.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::error::AuthError;
use crate::config::MAX_SECRET_FILE_BYTES;
use crate::input::{FileStamp, read_bounded_text};

/// The content of a file as of its last change, without surrounding white space.
#[derive(Debug)]
pub(super) struct SecretFile {
    path: PathBuf,
    read: Option<(FileStamp, SecretString)>,
}

impl SecretFile {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the next call read the file even if it is unchanged.
    pub(super) fn forget(&mut self) {
        self.read = None;
    }

    /// The content, and whether it differs from the last one.
    pub(super) fn read(&mut self) -> Result<(&SecretString, bool), AuthError> {
        let error = |source| AuthError::Read { path: self.path.clone(), source };
        let stamp = FileStamp::from(&std::fs::metadata(&self.path).map_err(error)?);
        let changed = match &self.read {
            Some((known, _)) if *known == stamp => false,
            _ => {
                let content = self.content()?;
                let changed =
                    self.read.as_ref().is_none_or(|(_, known)| known.expose_secret() != content.expose_secret());
                self.read = Some((stamp, content));
                changed
            }
        };
        match &self.read {
            Some((_, content)) => Ok((content, changed)),
            None => Err(AuthError::Empty { origin: self.path.display().to_string() }),
        }
    }

    fn content(&self) -> Result<SecretString, AuthError> {
        // Wrapped at once, so that the untrimmed text is wiped too.
        let text = read_bounded_text(&self.path, MAX_SECRET_FILE_BYTES).map(SecretString::from);
        let text = text.map_err(|source| AuthError::Read { path: self.path.clone(), source })?;
        match text.expose_secret().trim() {
            "" => Err(AuthError::Empty { origin: self.path.display().to_string() }),
            trimmed => Ok(trimmed.into()),
        }
    }
}
