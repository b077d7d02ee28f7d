//! The tokens of a bot: signed or read on demand, cached while valid.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret, SecretString};

use super::error::AuthError;
use super::jwt::{self, Claims};
use super::secret_file::SecretFile;
use crate::config::{Algorithm, Auth, KeySource, MAX_JTI_LIFETIME, SigningAuth};
use crate::input::FileStamp;
use crate::model::{Timestamp, TokenKind};

/// A token.
#[derive(Debug, Clone)]
pub struct Token {
    /// The value of the header `auth`.
    pub secret: SecretString,
    /// Its expiry; `None` if the token does not state one.
    pub expiry: Option<Timestamp>,
}

/// Provides the tokens of one bot. Concurrent calls share it.
#[derive(Debug)]
pub struct TokenSource {
    kind: TokenKind,
    origin: Mutex<TokenOrigin>,
}

#[derive(Debug)]
enum TokenOrigin {
    Signing(Signer),
    File { file: SecretFile, token: Option<Token> },
}

struct Signer {
    client_id: String,
    subject: String,
    lifetime: Duration,
    jti: bool,
    algorithm: Algorithm,
    material: Material,
    key: Option<EncodingKey>,
    /// The current token and the time to replace it: half of its lifetime. A signed token that nears its expiry is then a
    /// sign of failure, whatever its lifetime (the alert KoreaiTokenExpiring relies on it).
    cached: Option<(Token, Timestamp)>,
}

#[derive(Debug)]
enum Material {
    Secret(SecretString),
    File(SecretFile),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("client_id", &self.client_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl TokenSource {
    /// Takes the configuration; reads no file yet.
    ///
    /// # Errors
    /// When key and algorithm do not match, the secret is empty, or upstream would not accept the lifetime.
    pub fn new(auth: &Auth) -> Result<Self, AuthError> {
        let (kind, origin) = match auth {
            Auth::TokenFile(path) => (TokenKind::File, TokenOrigin::File { file: SecretFile::new(path), token: None }),
            Auth::Sign(sign) => (TokenKind::Signed, TokenOrigin::Signing(Signer::new(sign)?)),
        };
        Ok(Self { kind, origin: Mutex::new(origin) })
    }

    /// Where the tokens come from.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// A token that is valid at `now`: the cached one, or a new one. Checks whether the file has changed, and if so reads it
    /// in the calling thread: it is small.
    ///
    /// # Errors
    /// When a file is missing, empty or invalid, or signing fails.
    pub fn token(&self, now: Timestamp) -> Result<Token, AuthError> {
        match &mut *self.origin.lock().unwrap_or_else(PoisonError::into_inner) {
            TokenOrigin::Signing(signer) => signer.token(now),
            TokenOrigin::File { file, token } => {
                let path = file.path().to_owned();
                let (content, changed) = file.read()?;
                if let Some(token) = token.as_ref().filter(|_| !changed) {
                    return Ok(token.clone());
                }
                if !content.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
                    *token = None;
                    return Err(AuthError::InvalidToken { path });
                }
                let fresh = Token { secret: content.clone(), expiry: jwt::expiry(content.expose_secret()) };
                Ok(token.insert(fresh).clone())
            }
        }
    }

    /// Reads the key or the token, and signs once; keeps no signed token.
    ///
    /// # Errors
    /// As [`Self::token`].
    pub fn check(&self) -> Result<(), AuthError> {
        self.token(Timestamp::from_millis(0))?;
        if let TokenOrigin::Signing(signer) = &mut *self.origin.lock().unwrap_or_else(PoisonError::into_inner) {
            signer.cached = None;
        }
        Ok(())
    }

    /// The current stamp of the file with the secret, key or token; `None` if it is missing or the secret is not in a file.
    pub fn secret_stamp(&self) -> Option<FileStamp> {
        match &*self.origin.lock().unwrap_or_else(PoisonError::into_inner) {
            TokenOrigin::Signing(Signer { material: Material::File(file), .. }) | TokenOrigin::File { file, .. } => {
                FileStamp::of(file.path())
            }
            TokenOrigin::Signing(_) => None,
        }
    }

    /// Drops the cached token after upstream rejected it. The next one is made from the current content of the file.
    pub fn invalidate(&self) {
        match &mut *self.origin.lock().unwrap_or_else(PoisonError::into_inner) {
            TokenOrigin::Signing(signer) => {
                signer.cached = None;
                if let Material::File(file) = &mut signer.material {
                    file.forget();
                }
            }
            TokenOrigin::File { file, token } => {
                file.forget();
                *token = None;
            }
        }
    }
}

impl Signer {
    fn new(sign: &SigningAuth) -> Result<Self, AuthError> {
        let algorithm = sign.algorithm;
        if algorithm.takes_private_key() != matches!(sign.key, KeySource::PrivateKeyFile(_)) {
            return Err(AuthError::WrongKey { algorithm });
        }
        if sign.jti && sign.token_lifetime > MAX_JTI_LIFETIME {
            return Err(AuthError::JtiLifetime);
        }
        let material = match &sign.key {
            KeySource::SecretFile(path) | KeySource::PrivateKeyFile(path) => Material::File(SecretFile::new(path)),
            KeySource::SecretEnv { value, .. } => match value.expose_secret().trim() {
                "" => return Err(AuthError::Empty { origin: "the client secret".to_owned() }),
                secret => Material::Secret(secret.into()),
            },
        };
        Ok(Self {
            client_id: sign.client_id.as_str().to_owned(),
            subject: sign.subject.clone(),
            lifetime: Duration::from_secs(sign.token_lifetime.as_secs().max(1)),
            jti: sign.jti,
            algorithm,
            material,
            key: None,
            cached: None,
        })
    }

    fn token(&mut self, now: Timestamp) -> Result<Token, AuthError> {
        self.load_key()?;
        if let Some((token, until)) = &self.cached
            && now < *until
            // After the clock was set back, the token is from the future: upstream would refuse it.
            && until.since(now) <= self.lifetime / 2
        {
            return Ok(token.clone());
        }
        let Some(key) = &self.key else { return Err(AuthError::WrongKey { algorithm: self.algorithm }) };
        let iat = now.as_millis().div_euclid(1000);
        let exp = iat.saturating_add(i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX));
        let jti = self.jti.then(jwt::fresh_jti);
        let claims = Claims { app_id: &self.client_id, sub: &self.subject, iat, exp, jti };
        let expiry = Timestamp::from_millis(exp.saturating_mul(1000));
        let token = Token { secret: jwt::sign(&claims, self.algorithm, key)?, expiry: Some(expiry) };
        self.cached = (!self.jti).then(|| (token.clone(), expiry.minus(self.lifetime / 2)));
        Ok(token)
    }

    fn load_key(&mut self) -> Result<(), AuthError> {
        let (secret, changed, path) = match &mut self.material {
            Material::Secret(secret) => (&*secret, self.key.is_none(), None),
            Material::File(file) => {
                let path = file.path().to_owned();
                let (secret, changed) = file.read()?;
                (secret, changed || self.key.is_none(), Some(path))
            }
        };
        if !changed {
            return Ok(());
        }
        self.cached = None;
        self.key = None;
        let bytes = secret.expose_secret().as_bytes();
        self.key = Some(match path {
            Some(path) if self.algorithm.takes_private_key() => {
                EncodingKey::from_rsa_pem(bytes).map_err(|source| AuthError::PrivateKey { path, source })?
            }
            _ => EncodingKey::from_secret(bytes),
        });
        Ok(())
    }
}

#[cfg(test)]
#[path = "tests/token_source.rs"]
mod tests;
