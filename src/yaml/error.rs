//! The mistakes of a configuration file.

use std::fmt;
use std::path::{Path, PathBuf};

/// The maximum number of mistakes listed; further ones are only counted.
pub const MAX_LISTED_MISTAKES: usize = 100;

/// All mistakes of one file. `Display` prints one line per mistake: `file:line:column: key.path: what`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    file: PathBuf,
    mistakes: Vec<Mistake>,
    unlisted: usize,
}

/// One mistake. Its text never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Its place; `None` if the file could not be read.
    pub position: Option<Position>,
    /// The path to the key, like `bots[0].auth.client_id`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what is expected.
    pub text: String,
}

/// A place in a file; both numbers start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl ConfigErrors {
    pub(crate) fn new(file: &Path, mut mistakes: Vec<Mistake>, unlisted: usize) -> Self {
        mistakes.sort_by_key(|mistake| mistake.position);
        Self { file: file.to_path_buf(), mistakes, unlisted }
    }

    pub(crate) fn one(file: &Path, mistake: Mistake) -> Self {
        Self::new(file, vec![mistake], 0)
    }

    /// The listed mistakes in file order, at most [`MAX_LISTED_MISTAKES`].
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// The number of mistakes, including unlisted ones.
    pub fn count(&self) -> usize {
        self.mistakes.len().saturating_add(self.unlisted)
    }
}

impl Mistake {
    pub(crate) fn of_file(position: Option<Position>, text: impl Into<String>) -> Self {
        Self { position, key: String::new(), text: text.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            let colon = if mistake.position.is_some() { ":" } else { ": " };
            write!(f, "{newline}{}{colon}{mistake}", self.file.display())?;
        }
        if self.unlisted > 0 {
            write!(f, "\n{}: {} more mistakes are not listed", self.file.display(), self.unlisted)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
