//! The token of a bot: signed or read when needed, kept while it serves.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret, SecretString};

use super::jwt::{self, Claims};
use super::secret_file::SecretFile;
use super::{Algorithm, AuthError, AuthSettings, Key, MAX_JTI_LIFETIME};
use crate::model::Timestamp;

/// A token, ready to be sent.
#[derive(Debug, Clone)]
pub struct Token {
    /// What goes into the header `auth`.
    pub secret: SecretString,
    /// When it runs out; `None` where it does not say.
    pub expiry: Option<Timestamp>,
}

/// Gives the tokens of one bot. Shared by reference: calls of one bot may ask at the same time.
#[derive(Debug)]
pub struct TokenSource {
    from: Mutex<TokenOrigin>,
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
    /// The token in use, and the time from which on another one is wanted: half its life, so that a signed token that
    /// nears its end tells of trouble whatever its lifetime (the alert KoreaiTokenExpiring relies on it).
    kept: Option<(Token, Timestamp)>,
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
    /// Takes settings; reads no file yet.
    ///
    /// # Errors
    /// Where key and algorithm do not go together, the secret is empty, or upstream would take no such token.
    pub fn new(settings: AuthSettings) -> Result<Self, AuthError> {
        let from = match settings {
            AuthSettings::TokenFile(path) => TokenOrigin::File { file: SecretFile::new(&path), token: None },
            AuthSettings::Sign { client_id, key, algorithm, subject, lifetime, jti } => {
                if algorithm.needs_private_key() != matches!(key, Key::PrivateKeyFile(_)) {
                    return Err(AuthError::WrongKey { algorithm });
                }
                if jti && lifetime > MAX_JTI_LIFETIME {
                    return Err(AuthError::JtiLifetime);
                }
                let material = match key {
                    Key::SecretFile(path) | Key::PrivateKeyFile(path) => Material::File(SecretFile::new(&path)),
                    Key::Secret(secret) if secret.expose_secret().trim().is_empty() => {
                        return Err(AuthError::Empty { from: "the client secret".to_owned() });
                    }
                    Key::Secret(secret) => Material::Secret(secret.expose_secret().trim().into()),
                };
                let lifetime = Duration::from_secs(lifetime.as_secs().max(1));
                TokenOrigin::Signing(Signer {
                    client_id,
                    subject,
                    lifetime,
                    jti,
                    algorithm,
                    material,
                    key: None,
                    kept: None,
                })
            }
        };
        Ok(Self { from: Mutex::new(from) })
    }

    /// A token that serves at `now`: the one in use, or a fresh one. Looks whether the file has changed, and reads it if
    /// so, in the calling thread: such files are small, and on a disk.
    ///
    /// # Errors
    /// Where a file is missing, empty or holds something else, or signing fails.
    pub fn token(&self, now: Timestamp) -> Result<Token, AuthError> {
        match &mut *self.from.lock().unwrap_or_else(PoisonError::into_inner) {
            TokenOrigin::Signing(signer) => signer.token(now),
            TokenOrigin::File { file, token } => {
                let path = file.path().to_owned();
                let (content, changed) = file.read()?;
                if let Some(token) = token.as_ref().filter(|_| !changed) {
                    return Ok(token.clone());
                }
                if !content.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
                    *token = None;
                    return Err(AuthError::NotAToken { path });
                }
                let fresh = Token { secret: content.clone(), expiry: jwt::expiry(content.expose_secret()) };
                Ok(token.insert(fresh).clone())
            }
        }
    }

    /// Drops what is kept, after upstream refused the token: the next one is made from the file as it then is.
    pub fn invalidate(&self) {
        match &mut *self.from.lock().unwrap_or_else(PoisonError::into_inner) {
            TokenOrigin::Signing(signer) => {
                signer.kept = None;
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
    fn token(&mut self, now: Timestamp) -> Result<Token, AuthError> {
        self.load_key()?;
        if let Some((token, until)) = &self.kept
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
        self.kept = (!self.jti).then(|| (token.clone(), expiry.minus(self.lifetime / 2)));
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
        self.kept = None;
        self.key = None;
        let bytes = secret.expose_secret().as_bytes();
        self.key = Some(match path {
            Some(path) if self.algorithm.needs_private_key() => {
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
