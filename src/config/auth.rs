//! `auth`: the credentials of a bot.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::model::{InvalidId, RequestId};

use super::file::{FileKind, MAX_SECRET_FILE_BYTES};
use crate::yaml::{Decoder, Fields, Node, format_duration};

/// The maximum lifetime of a token with `jti` that upstream accepts (docs/UPSTREAM.md#authentication).
pub const MAX_JTI_LIFETIME: Duration = Duration::from_secs(3600);

/// `auth`: a signing key, or a ready token. Required: upstream expects a token on every call
/// (docs/UPSTREAM.md#authentication).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Tokens are signed by the exporter.
    Sign(SigningAuth),
    /// `token_file`: a ready token, re-read when the file changes.
    TokenFile(PathBuf),
}

/// The settings for signing tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningAuth {
    /// `client_id`, required: the claim `appId`, of the form `cs-…`.
    pub client_id: ClientId,
    /// `client_secret_file` or `client_secret_env` (HS*), `private_key_file` (RS*): exactly one.
    pub key: KeySource,
    /// `algorithm`: HS256, HS512, RS256, RS512. Default: HS256 with a secret, RS256 with a private key.
    pub algorithm: Algorithm,
    /// `subject`, 1 to 128 characters: the claim `sub`, any text. Default: koreai_exporter.
    pub subject: String,
    /// `token_lifetime`, 30s to 1d, with `jti` at most 1h: the time from `iat` to `exp`. Default: 5m.
    pub token_lifetime: Duration,
    /// `jti`: a new token with its own `jti` for every call, for apps that enforce it. Default: false.
    pub jti: bool,
}

/// The origin of the key. Files are read when a token is signed.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// `client_secret_file`.
    SecretFile(PathBuf),
    /// `client_secret_env`.
    SecretEnv {
        /// The variable's name.
        name: String,
        /// Its value when the configuration was loaded.
        value: SecretString,
    },
    /// `private_key_file`: PEM.
    PrivateKeyFile(PathBuf),
}

impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::SecretFile(a), Self::SecretFile(b)) | (Self::PrivateKeyFile(a), Self::PrivateKeyFile(b)) => a == b,
            (Self::SecretEnv { name: a, value: x }, Self::SecretEnv { name: b, value: y }) => {
                a == b && x.expose_secret() == y.expose_secret()
            }
            _ => false,
        }
    }
}

impl Eq for KeySource {}

/// A signing algorithm that upstream lists (docs/UPSTREAM.md#authentication).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256, a client secret.
    Hs256,
    /// HMAC with SHA-512, a client secret.
    Hs512,
    /// RSA PKCS#1 v1.5 with SHA-256, a private key.
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-512, a private key.
    Rs512,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Hs512, Self::Rs256, Self::Rs512];

    /// The name in the configuration and in a token's header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs512 => "RS512",
        }
    }

    /// Whether it signs with a private key; the others use the client secret.
    pub const fn takes_private_key(self) -> bool {
        matches!(self, Self::Rs256 | Self::Rs512)
    }
}

/// The ID of the app: the claim `appId`. Not a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Parses an ID. It has the same characters as a request ID.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        RequestId::parse(text).map(|id| Self(Arc::from(id.as_str())))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

const KEYS: &[&str] = &[
    "client_id",
    "client_secret_file",
    "client_secret_env",
    "private_key_file",
    "algorithm",
    "subject",
    "token_lifetime",
    "jti",
    "token_file",
];
const KEY_SOURCES: [&str; 3] = ["client_secret_file", "client_secret_env", "private_key_file"];
const MAX_SUBJECT_CHARS: usize = 128;

impl Auth {
    pub(super) fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, KEYS)?;
        if !fields.has("token_file") {
            return SigningAuth::decode(d, &fields).map(Self::Sign);
        }
        for key in KEYS.iter().filter(|key| **key != "token_file" && fields.has(key)) {
            let at = fields.position_of(key);
            d.under_key(*key, |d| {
                d.mistake(at, || "cannot be combined with token_file; remove one of them".to_owned())
            });
        }
        d.optional(&fields, "token_file", |d, node| d.existing_file(node, FileKind::Secret, MAX_SECRET_FILE_BYTES))
            .map(Self::TokenFile)
    }
}

impl SigningAuth {
    fn decode(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<Self> {
        let client_id = d.required(fields, "client_id", "the client ID of the app (cs-…)", |d, node| {
            match ClientId::parse(d.text(node, "the client ID of the app (cs-…)")?) {
                Ok(id) => Some(id),
                Err(problem) => {
                    // Without the value, which may be the secret.
                    d.mistake(node.at, || format!("invalid client ID: {problem}"));
                    None
                }
            }
        });
        let key = decode_key(d, fields);
        let algorithm = d.optional(fields, "algorithm", decode_algorithm);
        let subject = d.optional(fields, "subject", decode_subject);
        let least = Duration::from_secs(30);
        let lifetime =
            d.optional(fields, "token_lifetime", |d, node| d.duration(node, least..=Duration::from_secs(86_400)));
        let jti = d.optional(fields, "jti", |d, node| d.boolean(node)).unwrap_or(false);

        if jti && lifetime.is_some_and(|lifetime| lifetime > MAX_JTI_LIFETIME) {
            d.under_key("token_lifetime", |d| {
                d.mistake(fields.position_of("token_lifetime"), || {
                    let most = format_duration(MAX_JTI_LIFETIME);
                    format!("must be at most {most} with jti: upstream rejects longer-lived tokens that have a jti")
                });
            });
        }
        let has_private_key = fields.has("private_key_file");
        if let Some(algorithm) = algorithm.filter(|algorithm| {
            KEY_SOURCES.iter().any(|key| fields.has(key)) && algorithm.takes_private_key() != has_private_key
        }) {
            d.under_key("algorithm", |d| {
                d.mistake(fields.position_of("algorithm"), || {
                    let (name, takes) = (algorithm.as_str(), algorithm.takes_private_key());
                    let key = if takes { "private_key_file" } else { "client_secret_file or client_secret_env" };
                    format!("{name} needs {key}")
                });
            });
        }
        let default_algorithm = if has_private_key { Algorithm::Rs256 } else { Algorithm::Hs256 };
        Some(Self {
            client_id: client_id?,
            key: key?,
            algorithm: algorithm.unwrap_or(default_algorithm),
            subject: subject.unwrap_or_else(|| "koreai_exporter".to_owned()),
            token_lifetime: lifetime.unwrap_or(Duration::from_secs(300)),
            jti,
        })
    }
}

fn decode_key(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<KeySource> {
    let given: Vec<&str> = KEY_SOURCES.into_iter().filter(|key| fields.has(key)).collect();
    match given.as_slice() {
        [] => d.mistake(fields.at, || {
            "no credentials; set client_secret_file, client_secret_env, private_key_file or token_file".to_owned()
        }),
        [_] => {}
        [.., last] => {
            d.mistake(fields.position_of(last), || {
                format!("{} cannot be combined; keep one of them", given.join(" and "))
            });
        }
    }
    let secret_file = d.optional(fields, "client_secret_file", |d, node| {
        d.existing_file(node, FileKind::Secret, MAX_SECRET_FILE_BYTES)
    });
    let secret_env = d.optional(fields, "client_secret_env", |d, node| d.environment_variable(node));
    let private_key_file = d.optional(fields, "private_key_file", |d, node| {
        d.existing_file(node, FileKind::PrivateKey, MAX_SECRET_FILE_BYTES)
    });
    secret_file
        .map(KeySource::SecretFile)
        .or_else(|| secret_env.map(|(name, value)| KeySource::SecretEnv { name, value: SecretString::from(value) }))
        .or_else(|| private_key_file.map(KeySource::PrivateKeyFile))
}

fn decode_algorithm(d: &mut Decoder<'_>, node: &Node) -> Option<Algorithm> {
    let names = Algorithm::ALL.map(Algorithm::as_str).join(", ");
    let expected = format!("one of {names}");
    let text = d.text(node, &expected)?;
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == text);
    if algorithm.is_none() {
        d.invalid(node, "algorithm", format_args!("expected {expected}"));
    }
    algorithm
}

fn decode_subject(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.text(node, "a string")?;
    let chars = text.chars().count();
    if chars == 0 || chars > MAX_SUBJECT_CHARS || text.chars().any(char::is_control) {
        d.invalid(node, "subject", format_args!("expected 1 to {MAX_SUBJECT_CHARS} printable characters"));
        return None;
    }
    Some(text.to_owned())
}
