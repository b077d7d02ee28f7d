//! Why a token could not be created.

use std::io;
use std::path::PathBuf;

use crate::config::{Algorithm, MAX_JTI_LIFETIME};

/// Why a token could not be created. No variant contains a part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A file cannot be read, is too large, or is not text.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// A file, or the secret itself, contains only white space.
    #[error("{origin} is empty")]
    Empty {
        /// The path of the file, or what the secret is.
        origin: String,
    },
    /// A ready token cannot be sent in a header.
    #[error(
        "invalid token in {}: it contains white space, a control character or a non-ASCII character; write only the token, without `Bearer`",
        path.display()
    )]
    InvalidToken {
        /// The file.
        path: PathBuf,
    },
    /// A file does not contain an RSA private key.
    #[error("no valid RSA private key in {}; expected an unencrypted key in PEM format", path.display())]
    PrivateKey {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
    /// The algorithm needs another kind of key.
    #[error("{} needs {}", algorithm.as_str(), if algorithm.takes_private_key() { "a private key" } else { "the client secret" })]
    WrongKey {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// Upstream does not accept the lifetime.
    #[error("the lifetime of a token with jti must be at most {} s", MAX_JTI_LIFETIME.as_secs())]
    JtiLifetime,
    /// The token could not be signed.
    #[error("cannot sign a token with {}", algorithm.as_str())]
    Sign {
        /// The algorithm.
        algorithm: Algorithm,
        /// The reason.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
}
