//! Passwords against bcrypt hashes, without letting anyone learn from the time it takes or buy CPU with bad guesses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::settings::Settings;

/// One at a time, as the toolkit does: a hash costs 50-250 ms of a core, and scrapes want the others.
const HASHES_AT_ONCE: usize = 1;
/// Requests that wait for a hash; more are told to come back. Verified passwords do not wait.
const MAX_WAITING: usize = 32;
/// The hash of nothing in particular, of the toolkit's usual cost: checked for users that do not exist, so that the time
/// does not tell who does.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuJTzlDqXqPvtPCDOsJUqPoQnjkmfmWT2";

/// What is said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthDecision {
    /// A known user with the right password, or nobody is asked.
    Welcome,
    /// No, a wrong, or an unreadable user and password.
    Unauthorized,
    /// Too many unverified passwords at once.
    Busy,
}

/// Verifies and remembers. The memory holds one entry a user of the file, so it needs no bound of its own.
pub(super) struct BasicAuth {
    /// Made at start; what is remembered cannot be tried against a dictionary without it.
    key: hmac::Key,
    /// By user, the tag of the hash and password that were last right.
    verified: Mutex<HashMap<String, hmac::Tag>>,
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl BasicAuth {
    pub(super) fn new() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new())?;
        Ok(Self {
            key,
            verified: Mutex::default(),
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        })
    }

    /// Judges the `Authorization` header.
    pub(super) async fn decide(&self, settings: &Settings, headers: &HeaderMap) -> AuthDecision {
        if settings.users.is_empty() {
            return AuthDecision::Welcome;
        }
        let Some((user, password)) = credentials(headers) else { return AuthDecision::Unauthorized };
        let known = settings.users.get(&user);
        let hash = known.map_or(NOBODY, |hash| hash.expose_secret()).to_owned();
        let message = [hash.as_bytes(), &[0], password.expose_secret().as_bytes()].concat();
        if known.is_some() && self.remembers(&user, &message) {
            return AuthDecision::Welcome;
        }
        let Ok(waiting) = Arc::clone(&self.waiting).try_acquire_owned() else { return AuthDecision::Busy };
        let Ok(hashing) = Arc::clone(&self.hashing).acquire_owned().await else { return AuthDecision::Busy };
        if known.is_some() && self.remembers(&user, &message) {
            return AuthDecision::Welcome;
        }
        // The permits go along: a client that hangs up does not make room for another hash.
        let verified = tokio::task::spawn_blocking(move || {
            let right = bcrypt::verify(password.expose_secret(), &hash).unwrap_or(false);
            drop((waiting, hashing));
            right
        });
        if verified.await.unwrap_or(false) && known.is_some() {
            self.remember(settings, user, &message);
            return AuthDecision::Welcome;
        }
        AuthDecision::Unauthorized
    }

    fn remembers(&self, user: &str, message: &[u8]) -> bool {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        // `verify` compares in constant time.
        verified.get(user).is_some_and(|tag| hmac::verify(&self.key, message, tag.as_ref()).is_ok())
    }

    fn remember(&self, settings: &Settings, user: String, message: &[u8]) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.retain(|known, _| settings.users.contains_key(known));
        verified.insert(user, hmac::sign(&self.key, message));
    }
}

/// User and password of `Authorization: Basic …` (RFC 7617).
fn credentials(headers: &HeaderMap) -> Option<(String, SecretString)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), SecretString::from(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_password(user: &str, password: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    fn settings(user: &str, password: &str) -> Settings {
        let hash = SecretString::from(bcrypt::hash(password, 4).unwrap());
        Settings { users: [(user.to_owned(), hash)].into(), ..Settings::default() }
    }

    #[tokio::test]
    async fn only_a_known_user_with_the_right_password_is_welcome() {
        let (auth, settings) = (BasicAuth::new().unwrap(), settings("prometheus", "open:sesame"));
        let cases = [
            (with_password("prometheus", "open:sesame"), AuthDecision::Welcome),
            (with_password("prometheus", "wrong"), AuthDecision::Unauthorized),
            (with_password("nobody", "open:sesame"), AuthDecision::Unauthorized),
            (with_password("prometheus", ""), AuthDecision::Unauthorized),
            (with_password("prometheus", "nul\0"), AuthDecision::Unauthorized),
            (HeaderMap::new(), AuthDecision::Unauthorized),
            (HeaderMap::from_iter([(header::AUTHORIZATION, "Bearer x".parse().unwrap())]), AuthDecision::Unauthorized),
            (HeaderMap::from_iter([(header::AUTHORIZATION, "Basic %%".parse().unwrap())]), AuthDecision::Unauthorized),
        ];
        for (headers, verdict) in cases {
            assert_eq!(auth.decide(&settings, &headers).await, verdict, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn a_verified_password_is_not_hashed_again_and_is_forgotten_with_its_hash() {
        let (auth, first) = (BasicAuth::new().unwrap(), settings("prometheus", "old"));
        assert_eq!(auth.decide(&first, &with_password("prometheus", "old")).await, AuthDecision::Welcome);
        let _all = auth.waiting.try_acquire_many(u32::try_from(MAX_WAITING).unwrap()).unwrap();
        assert_eq!(auth.decide(&first, &with_password("prometheus", "old")).await, AuthDecision::Welcome);
        assert_eq!(auth.decide(&first, &with_password("prometheus", "guess")).await, AuthDecision::Busy);
        let changed = settings("prometheus", "new");
        assert_eq!(auth.decide(&changed, &with_password("prometheus", "old")).await, AuthDecision::Busy);
    }

    #[test]
    fn the_dummy_hash_is_a_hash() {
        assert!(!bcrypt::verify("guess", NOBODY).unwrap());
    }
}
