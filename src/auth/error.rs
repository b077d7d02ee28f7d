//! Why there is no token.

use std::io;
use std::path::PathBuf;

use super::Algorithm;

/// Why there is no token. No variant holds anything of a secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A file could not be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file, or the secret itself, holds nothing but white space.
    #[error("{from} is empty")]
    Empty {
        /// The file's path, or what the secret is.
        from: String,
    },
    /// A file is larger than any key or token.
    #[error("{} has more than {max} bytes, which no key or token has", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        max: usize,
    },
    /// A file is no text.
    #[error("{} is no text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// A ready token cannot be sent in a header.
    #[error(
        "{} holds no bare token: white space, a control character or one beyond ASCII is in it (only the token itself, without `Bearer`)",
        path.display()
    )]
    NotAToken {
        /// The file.
        path: PathBuf,
    },
    /// A file holds no RSA private key.
    #[error("read an RSA private key from {} (PEM, not encrypted, is needed)", path.display())]
    PrivateKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
    /// The key is of another kind than the algorithm needs.
    #[error("{} needs {}", algorithm.as_label(), if algorithm.needs_private_key() { "a private key" } else { "the client secret" })]
    WrongKey {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// Upstream takes no such token.
    #[error("a token with `jti` may live for 3600s at most")]
    JtiLifetime,
    /// The token could not be signed.
    #[error("sign a token with {}", algorithm.as_label())]
    Sign {
        /// The algorithm.
        algorithm: Algorithm,
        /// Why not.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
}
