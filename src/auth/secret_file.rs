//! A file that holds a secret, read again when it changes.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::AuthError;
use crate::input::FileStamp;

/// More than any key or token: an RSA key of 16,384 bits has 13 KiB as PEM.
const MAX_FILE_BYTES: usize = 64 * 1024;

/// A file's content without surrounding white space, as of its last change.
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

    /// Reads the file next time even if it looks unchanged.
    pub(super) fn forget(&mut self) {
        self.read = None;
    }

    /// The content, and whether it is another than last time.
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
            None => Err(AuthError::Empty { from: self.path.display().to_string() }),
        }
    }

    fn content(&self) -> Result<SecretString, AuthError> {
        let error = |source| AuthError::Read { path: self.path.clone(), source };
        let mut bytes = Vec::with_capacity(4096);
        let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX) + 1;
        File::open(&self.path).map_err(error)?.take(most).read_to_end(&mut bytes).map_err(error)?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err(AuthError::TooLarge { path: self.path.clone(), max: MAX_FILE_BYTES });
        }
        // Through a `SecretString` at once, so that the untrimmed text is wiped too.
        let text: SecretString =
            String::from_utf8(bytes).map_err(|_| AuthError::NotText { path: self.path.clone() })?.into();
        match text.expose_secret().trim() {
            "" => Err(AuthError::Empty { from: self.path.display().to_string() }),
            trimmed => Ok(trimmed.into()),
        }
    }
}
