//! Why a source cannot be read.

use std::io;
use std::path::PathBuf;

use crate::transport::SendError;

/// One variant for each thing that is attempted. Never carries a body, a secret, or a URL's credentials.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// A file: of targets, of a secret, or of a certificate.
    #[error("read {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A pattern that `file_sd_configs` cannot have, or a folder that cannot be listed.
    #[error("list files of `{pattern}`: {why}")]
    List {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        why: String,
    },
    /// Not a list of target groups.
    #[error("line {line}: {why}")]
    Parse {
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        why: String,
    },
    /// Larger than is read.
    #[error("is larger than {max} bytes")]
    TooLarge {
        /// The bound.
        max: u64,
    },
    /// A certificate, key, proxy or server name that cannot be used.
    #[error("prepare the HTTP client")]
    Client(#[source] reqwest::Error),
    /// Credentials with characters that a header cannot have.
    #[error("the credentials cannot be sent in a header")]
    Credentials,
    /// No answer, or only half of one.
    #[error("ask for targets")]
    Request(#[source] SendError),
    /// Anything but 200.
    #[error("the answer has the status {0}, not 200")]
    Status(u16),
    /// Anything but JSON in UTF-8.
    #[error("the answer's content type is not application/json")]
    ContentType,
    /// A source's task ended before it was told to.
    #[error("a source of targets stopped by itself")]
    SourceEnded(#[source] Option<tokio::task::JoinError>),
}
