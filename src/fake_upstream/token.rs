//! Verifies the header `auth` (docs/UPSTREAM.md#authentication, docs/UPSTREAM.md#errors).

use std::collections::HashMap;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The longest lifetime of a token with a `jti`, in seconds.
const JTI_MAX_LIFE_SECONDS: i64 = 3600;

/// How far a token may begin in the future, in seconds: clocks differ a little.
const MAX_CLOCK_DIFFERENCE_SECONDS: i64 = 60;

/// The most `jti`s remembered at a time; an hour at the hourly limit of the upstream needs 18,000.
const MAX_SEEN_JTIS: usize = 1_000_000;

/// The app whose tokens are accepted: its client ID and the key that verifies them.
#[derive(Debug, Clone)]
pub struct Credential {
    /// `cs-…`, the claim `appId`.
    pub client_id: String,
    /// The only algorithm that is accepted.
    pub algorithm: SignatureAlgorithm,
    /// The shared secret (HS…) or the public key as PEM (RS…).
    pub key: SecretString,
}

impl Credential {
    /// An app whose tokens are signed with HS256.
    pub fn hs256(client_id: &str, secret: &str) -> Self {
        Self { client_id: client_id.to_owned(), algorithm: SignatureAlgorithm::Hs256, key: secret.into() }
    }
}

/// The algorithms that an app can be created with (docs/UPSTREAM.md#authentication).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA PKCS#1 with SHA-256.
    Rs256,
    /// RSA PKCS#1 with SHA-512.
    Rs512,
}

/// Verifies the tokens of one bot and remembers their `jti`s.
pub(super) struct TokenVerifier {
    client_id: String,
    enforce_jti: bool,
    scope_granted: bool,
    key: DecodingKey,
    validation: Validation,
    /// `jti` → `exp`, seconds since the epoch.
    seen: HashMap<String, i64>,
}

/// Why a token was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    NoHeader,
    NotAJwt,
    WrongCredentials,
    ScopeMissing,
    Expired,
    NotYetValid,
    JtiMissing,
    JtiLivesTooLong,
    Replay,
}

impl Rejection {
    /// `code` and `msg` of the errors envelope; the HTTP code is always 401. The texts of `Expired`, `NotYetValid` and
    /// `JtiMissing` are not documented; they imitate the others.
    pub(super) fn code_and_text(self) -> (u32, &'static str) {
        match self {
            Self::NoHeader | Self::WrongCredentials => (4002, "Invalid SDK credentials"),
            Self::NotAJwt => (4002, "Invalid JWT token"),
            Self::ScopeMissing => (4002, "Permission denied. Scope is incorrect!"),
            Self::Expired => (401, "error verifying the jwt: token is expired"),
            Self::NotYetValid => (401, "error verifying the jwt: token is not active yet"),
            Self::JtiMissing => (401, "error verifying the jwt: \"jti\" claim is required"),
            Self::JtiLivesTooLong => (401, "error verifying the jwt: if \"jti\" claim \"exp\" must be <= 1 hour(s)"),
            Self::Replay => (401, "error verifying the jwt: possibly a replay"),
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "appId")]
    app_id: String,
    sub: String,
    iat: Option<i64>,
    nbf: Option<i64>,
    exp: Option<i64>,
    jti: Option<String>,
}

impl TokenVerifier {
    /// A verifier without remembered `jti`s.
    ///
    /// # Errors
    /// If the public key is not an RSA key in PEM.
    pub(super) fn new(
        credential: &Credential,
        enforce_jti: bool,
        scope_granted: bool,
    ) -> Result<Self, jsonwebtoken::errors::Error> {
        let bytes = credential.key.expose_secret().as_bytes();
        let (algorithm, key) = match credential.algorithm {
            SignatureAlgorithm::Hs256 => (Algorithm::HS256, DecodingKey::from_secret(bytes)),
            SignatureAlgorithm::Hs512 => (Algorithm::HS512, DecodingKey::from_secret(bytes)),
            SignatureAlgorithm::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_pem(bytes)?),
            SignatureAlgorithm::Rs512 => (Algorithm::RS512, DecodingKey::from_rsa_pem(bytes)?),
        };
        let mut validation = Validation::new(algorithm);
        // `exp` is optional upstream; `verify` compares it with its own `now`.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let client_id = credential.client_id.clone();
        Ok(Self { client_id, enforce_jti, scope_granted, key, validation, seen: HashMap::new() })
    }

    /// Replaces key and client ID; `jti`s that were used stay used.
    pub(super) fn rotate(&mut self, credential: &Credential) -> Result<(), jsonwebtoken::errors::Error> {
        let seen = std::mem::take(&mut self.seen);
        *self = Self { seen, ..Self::new(credential, self.enforce_jti, self.scope_granted)? };
        Ok(())
    }

    /// Verifies the value of the header at `now` (seconds since the epoch) and marks its `jti` as used.
    pub(super) fn verify(&mut self, header: Option<&str>, now: i64) -> Result<(), Rejection> {
        let token = header_is_a_jwt(header)?;
        let Ok(decoded) = decode::<Claims>(token, &self.key, &self.validation) else {
            return Err(Rejection::WrongCredentials);
        };
        let claims = decoded.claims;
        if claims.app_id != self.client_id || claims.sub.is_empty() {
            return Err(Rejection::WrongCredentials);
        }
        if claims.exp.is_some_and(|exp| exp <= now) {
            return Err(Rejection::Expired);
        }
        let start = claims.iat.max(claims.nbf);
        if start.is_some_and(|start| start > now.saturating_add(MAX_CLOCK_DIFFERENCE_SECONDS)) {
            return Err(Rejection::NotYetValid);
        }
        if !self.scope_granted {
            return Err(Rejection::ScopeMissing);
        }
        match claims.jti.filter(|jti| !jti.is_empty()) {
            None if self.enforce_jti => Err(Rejection::JtiMissing),
            None => Ok(()),
            Some(jti) => {
                let exp = claims.exp.filter(|exp| exp.saturating_sub(now) <= JTI_MAX_LIFE_SECONDS);
                self.use_up(jti, exp.ok_or(Rejection::JtiLivesTooLong)?, now)
            }
        }
    }

    fn use_up(&mut self, jti: String, exp: i64, now: i64) -> Result<(), Rejection> {
        if self.seen.contains_key(&jti) {
            return Err(Rejection::Replay);
        }
        if self.seen.len() >= MAX_SEEN_JTIS {
            self.seen.retain(|_, exp| *exp > now);
        }
        if self.seen.len() < MAX_SEEN_JTIS {
            self.seen.insert(jti, exp);
        }
        Ok(())
    }
}

/// The part of the verification that needs no bot: text that is not a token is rejected even for a wrong bot ID.
pub(super) fn header_is_a_jwt(header: Option<&str>) -> Result<&str, Rejection> {
    let token = header.ok_or(Rejection::NoHeader)?;
    match decode_header(token) {
        Ok(_) => Ok(token),
        Err(_) => Err(Rejection::NotAJwt),
    }
}
