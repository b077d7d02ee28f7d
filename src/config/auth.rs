//! `auth`: what a bot's calls are signed with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::model::RequestId;

use super::decoder::{Decoder, Fields};
use super::file::Kind;
use super::tree::Node;
use super::units::spell_duration;

/// The most bytes of a file with a secret, a token or a private key.
pub const MAX_SECRET_FILE_BYTES: u64 = 64 << 10;

/// `auth`: a signing key, or a ready token. Required; the upstream wants a token on every call (page "API introduction").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Tokens are signed in process.
    Sign(SigningAuth),
    /// `token_file`: a ready token, re-read when the file changes.
    TokenFile(PathBuf),
}

/// What a token is made of.
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
    /// `token_lifetime`, 30s to 1d, with `jti` at most 1h: how long a token is good for. Default: 5m.
    pub token_lifetime: Duration,
    /// `jti`: a fresh token with its own `jti` for every call, for apps that enforce it. Default: false.
    pub jti: bool,
}

/// Where the key comes from. The file's content is read by whoever signs, when it signs.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// `client_secret_file`.
    SecretFile(PathBuf),
    /// `client_secret_env`.
    SecretEnv {
        /// The variable's name.
        name: String,
        /// What it held when the configuration was read.
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

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256, a client secret.
    HS256,
    /// HMAC with SHA-512, a client secret.
    HS512,
    /// RSA with SHA-256, a private key.
    RS256,
    /// RSA with SHA-512, a private key.
    RS512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HS256, Self::HS512, Self::RS256, Self::RS512];

    /// The name, as the file and a token's header spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS512 => "RS512",
        }
    }

    /// Whether it takes a private key; the others take a client secret.
    pub const fn takes_private_key(self) -> bool {
        matches!(self, Self::RS256 | Self::RS512)
    }
}

/// The ID of the app that signs: the claim `appId`. An identifier, not a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientId(Arc<str>);

impl ClientId {
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
const MAX_LIFETIME_WITH_JTI: Duration = Duration::from_secs(3600);

impl Auth {
    pub(super) fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, KEYS)?;
        if !fields.has("token_file") {
            return SigningAuth::decode(d, &fields).map(Self::Sign);
        }
        for key in KEYS.iter().filter(|key| **key != "token_file" && fields.has(key)) {
            let at = fields.position_of(key);
            d.under_key(*key, |d| d.mistake(at, || "has no use beside token_file; keep one of the two".to_owned()));
        }
        d.optional(&fields, "token_file", |d, node| d.existing_file(node, Kind::Secret, MAX_SECRET_FILE_BYTES))
            .map(Self::TokenFile)
    }
}

impl SigningAuth {
    fn decode(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<Self> {
        let client_id = d.required(fields, "client_id", "the ID of the app, of the form cs-…", |d, node| {
            // The same few characters as a request ID.
            match RequestId::parse(d.text(node, "the ID of the app")?) {
                Ok(id) => Some(ClientId(Arc::from(id.as_str()))),
                Err(problem) => {
                    d.mistake(node.at, || format!("{problem}; give the ID of the app, of the form cs-…"));
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

        if jti && lifetime.is_some_and(|lifetime| lifetime > MAX_LIFETIME_WITH_JTI) {
            d.under_key("token_lifetime", |d| {
                d.mistake(fields.position_of("token_lifetime"), || {
                    let most = spell_duration(MAX_LIFETIME_WITH_JTI);
                    format!("the upstream refuses a jti in a token that lives longer than {most}; give at most that")
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
                    format!("{name} signs with {key}, which is missing")
                });
            });
        }
        let default_algorithm = if has_private_key { Algorithm::RS256 } else { Algorithm::HS256 };
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
            "there is nothing to sign with; give client_secret_file, client_secret_env, private_key_file or token_file"
                .to_owned()
        }),
        [_] => {}
        [.., last] => {
            d.mistake(fields.position_of(last), || format!("{} are given; keep one of them", given.join(" and ")));
        }
    }
    let secret_file =
        d.optional(fields, "client_secret_file", |d, node| d.existing_file(node, Kind::Secret, MAX_SECRET_FILE_BYTES));
    let secret_env = d.optional(fields, "client_secret_env", |d, node| d.environment_variable(node));
    let private_key_file = d
        .optional(fields, "private_key_file", |d, node| d.existing_file(node, Kind::PrivateKey, MAX_SECRET_FILE_BYTES));
    secret_file
        .map(KeySource::SecretFile)
        .or_else(|| secret_env.map(|(name, value)| KeySource::SecretEnv { name, value: SecretString::from(value) }))
        .or_else(|| private_key_file.map(KeySource::PrivateKeyFile))
}

fn decode_algorithm(d: &mut Decoder<'_>, node: &Node) -> Option<Algorithm> {
    let text = d.text(node, "HS256, HS512, RS256 or RS512")?;
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == text);
    if algorithm.is_none() {
        d.wrong(node, "is no algorithm; give HS256, HS512, RS256 or RS512");
    }
    algorithm
}

fn decode_subject(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.text(node, "a text")?;
    let chars = text.chars().count();
    if chars == 0 || chars > MAX_SUBJECT_CHARS || text.chars().any(char::is_control) {
        d.wrong(node, format_args!("is no subject; give 1 to {MAX_SUBJECT_CHARS} printable characters"));
        return None;
    }
    Some(text.to_owned())
}
