//! What a token is made of.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// The longest life of a token with `jti` that upstream takes (page "SDK security").
pub const MAX_JTI_LIFETIME: Duration = Duration::from_secs(3600);

/// Where the tokens of a bot come from.
#[derive(Debug, Clone)]
pub enum AuthSettings {
    /// They are signed here.
    Sign {
        /// The app's client ID, `cs-…`: the claim `appId`.
        client_id: String,
        /// What they are signed with.
        key: Key,
        /// How they are signed; the app must allow it.
        algorithm: Algorithm,
        /// The claim `sub`: any text.
        subject: String,
        /// From `iat` to `exp`; whole seconds, one at least.
        lifetime: Duration,
        /// Whether every call gets a token of its own, with its own `jti`.
        jti: bool,
    },
    /// A ready token is read from this file, and again when it changes.
    TokenFile(PathBuf),
}

/// What a token is signed with.
#[derive(Debug, Clone)]
pub enum Key {
    /// A file with the client secret, for HS256 and HS512.
    SecretFile(PathBuf),
    /// The client secret, for HS256 and HS512.
    Secret(SecretString),
    /// A PEM file with an RSA private key (PKCS#1 or PKCS#8), for RS256 and RS512.
    PrivateKeyFile(PathBuf),
}

/// The signing algorithms that upstream lists (page "SDK security").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256, upstream's usual one.
    Hs256,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Hs512, Self::Rs256, Self::Rs512];

    /// Its name in the token's header and in the configuration.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs512 => "RS512",
        }
    }

    /// Whether it signs with a private key rather than with the client secret.
    pub const fn needs_private_key(self) -> bool {
        matches!(self, Self::Rs256 | Self::Rs512)
    }
}
