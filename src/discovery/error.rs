//! Why a source cannot be read.

use std::io;
use std::path::PathBuf;

use crate::client_tls::ClientTlsError;
use crate::transport::SendError;

/// Why a source cannot be read. Never contains a response body, a secret, or the credentials of a URL.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// A file of targets, or with a secret.
    #[error("cannot read {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// An invalid pattern of `file_sd_configs`, or a directory that cannot be listed.
    #[error("cannot list files of pattern {pattern:?}: {why}")]
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
        /// What is wrong and what is expected.
        why: String,
    },
    /// A response that exceeds the size limit.
    #[error("response is larger than {max} bytes")]
    TooLarge {
        /// The limit.
        max: u64,
    },
    /// `tls_config` cannot be used.
    #[error(transparent)]
    Tls(#[from] ClientTlsError),
    /// The HTTP library rejects the settings, such as `proxy_url`.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
    /// Credentials with characters that are not allowed in a header.
    #[error("the credentials contain characters that are not allowed in an HTTP header")]
    Credentials,
    /// No response, or an incomplete one.
    #[error("request for targets failed")]
    Request(#[source] SendError),
    /// A status other than 200.
    #[error("unexpected HTTP status {0}; expected 200")]
    Status(u16),
    /// Not JSON in UTF-8.
    #[error("unexpected content type; expected application/json in UTF-8")]
    ContentType,
    /// The task of a source ended before shutdown.
    #[error("internal error: the task of a target source ended early")]
    SourceEnded(#[source] Option<tokio::task::JoinError>),
}
