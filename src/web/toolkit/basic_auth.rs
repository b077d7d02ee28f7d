//! Verifies passwords against bcrypt hashes. Response times do not reveal user names, and bad guesses cost little CPU.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::settings::Settings;

/// One at a time, as in the toolkit: a hash takes 50-250 ms of one core, and scrapes need the others.
const HASHES_AT_ONCE: usize = 1;
/// Requests that wait for a hash; others get a 503. Verified passwords do not wait.
const MAX_WAITING: usize = 32;
/// Salt and digest of a hash that no password is known for; `dummy_hash` puts a cost before it.
const DUMMY_SALT_AND_DIGEST: &str = "abcdefghijklmnopqrstuuJTzlDqXqPvtPCDOsJUqPoQnjkmfmWT2";

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthDecision {
    /// A known user with the right password, or no users are configured.
    Granted,
    /// Missing, wrong or unreadable credentials.
    Unauthorized,
    /// Too many unverified passwords at once.
    Busy,
}

/// Verifies passwords and caches verified ones: at most one per user of the file, so the cache needs no other bound.
pub(super) struct BasicAuth {
    /// Random, made at start: without it the cache cannot be attacked with a dictionary.
    key: hmac::Key,
    /// By user, the tag of the last correct hash and password.
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

    /// Checks the `Authorization` header.
    pub(super) async fn decide(&self, settings: &Settings, headers: &HeaderMap) -> AuthDecision {
        if settings.users.is_empty() {
            return AuthDecision::Granted;
        }
        let Some((user, password)) = credentials(headers) else { return AuthDecision::Unauthorized };
        let known = settings.users.get(&user);
        let hash = known.map_or_else(|| self.dummy_hash(settings, &user), |hash| hash.expose_secret().to_owned());
        let message = [hash.as_bytes(), &[0], password.expose_secret().as_bytes()].concat();
        if known.is_some() && self.is_cached(&user, &message) {
            return AuthDecision::Granted;
        }
        let Ok(waiting) = Arc::clone(&self.waiting).try_acquire_owned() else { return AuthDecision::Busy };
        let Ok(hashing) = Arc::clone(&self.hashing).acquire_owned().await else { return AuthDecision::Busy };
        if known.is_some() && self.is_cached(&user, &message) {
            return AuthDecision::Granted;
        }
        // The permits move into the task: a client that hangs up does not free one for another hash.
        let verified = tokio::task::spawn_blocking(move || {
            let right = bcrypt::verify(password.expose_secret(), &hash).unwrap_or(false);
            drop((waiting, hashing));
            right
        });
        if verified.await.unwrap_or(false) && known.is_some() {
            self.cache(settings, user, &message);
            return AuthDecision::Granted;
        }
        AuthDecision::Unauthorized
    }

    /// The hash to verify for a user that does not exist. It has the cost of a known user's hash, so that the response
    /// time does not reveal which users exist. Where costs differ, the keyed hash of the name selects one: a name always
    /// takes the same time, and unknown names have the costs of known ones.
    fn dummy_hash(&self, settings: &Settings, user: &str) -> String {
        let tag = hmac::sign(&self.key, user.as_bytes());
        let number =
            tag.as_ref().iter().fold(0_usize, |number, byte| number.wrapping_mul(257).wrapping_add((*byte).into()));
        let index = number.checked_rem(settings.users.len()).unwrap_or(0);
        let cost = settings.users.values().nth(index).and_then(|hash| cost_of(hash.expose_secret()));
        format!("$2b${:02}${DUMMY_SALT_AND_DIGEST}", cost.unwrap_or(bcrypt::DEFAULT_COST))
    }

    fn is_cached(&self, user: &str, message: &[u8]) -> bool {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        // `verify` compares in constant time.
        verified.get(user).is_some_and(|tag| hmac::verify(&self.key, message, tag.as_ref()).is_ok())
    }

    fn cache(&self, settings: &Settings, user: String, message: &[u8]) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.retain(|known, _| settings.users.contains_key(known));
        verified.insert(user, hmac::sign(&self.key, message));
    }
}

fn cost_of(hash: &str) -> Option<u32> {
    hash.parse::<bcrypt::HashParts>().ok().map(|parts| parts.get_cost())
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
    async fn only_a_known_user_with_the_right_password_is_granted() {
        let (auth, settings) = (BasicAuth::new().unwrap(), settings("prometheus", "open:sesame"));
        let cases = [
            (with_password("prometheus", "open:sesame"), AuthDecision::Granted),
            (with_password("prometheus", "wrong"), AuthDecision::Unauthorized),
            (with_password("nobody", "open:sesame"), AuthDecision::Unauthorized),
            (with_password("prometheus", ""), AuthDecision::Unauthorized),
            (with_password("prometheus", "nul\0"), AuthDecision::Unauthorized),
            (HeaderMap::new(), AuthDecision::Unauthorized),
            (HeaderMap::from_iter([(header::AUTHORIZATION, "Bearer x".parse().unwrap())]), AuthDecision::Unauthorized),
            (HeaderMap::from_iter([(header::AUTHORIZATION, "Basic %%".parse().unwrap())]), AuthDecision::Unauthorized),
        ];
        for (headers, decision) in cases {
            assert_eq!(auth.decide(&settings, &headers).await, decision, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn a_verified_password_is_not_hashed_again_and_is_forgotten_with_its_hash() {
        let (auth, first) = (BasicAuth::new().unwrap(), settings("prometheus", "old"));
        assert_eq!(auth.decide(&first, &with_password("prometheus", "old")).await, AuthDecision::Granted);
        let _all = auth.waiting.try_acquire_many(u32::try_from(MAX_WAITING).unwrap()).unwrap();
        assert_eq!(auth.decide(&first, &with_password("prometheus", "old")).await, AuthDecision::Granted);
        assert_eq!(auth.decide(&first, &with_password("prometheus", "guess")).await, AuthDecision::Busy);
        let changed = settings("prometheus", "new");
        assert_eq!(auth.decide(&changed, &with_password("prometheus", "old")).await, AuthDecision::Busy);
    }

    #[test]
    fn an_unknown_user_costs_as_much_as_one_of_the_known_users() {
        let auth = BasicAuth::new().unwrap();
        let cost_of = |hash: &str| cost_of(hash).unwrap();
        let settings_with = |costs: &[u32]| {
            let user = |cost: &u32| (format!("user-{cost}"), bcrypt::hash("x", *cost).unwrap().into());
            Settings { users: costs.iter().map(user).collect(), ..Settings::default() }
        };
        for cost in [4, 5] {
            assert_eq!(cost_of(&auth.dummy_hash(&settings_with(&[cost]), "nobody")), cost);
        }
        let mixed = settings_with(&[4, 6]);
        let mut seen = Vec::from_iter((0..64).map(|n| cost_of(&auth.dummy_hash(&mixed, &format!("nobody-{n}")))));
        assert_eq!(cost_of(&auth.dummy_hash(&mixed, "nobody-0")), seen[0], "a name has one cost");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [4, 6]);
        assert!(!bcrypt::verify("guess", &auth.dummy_hash(&mixed, "nobody")).unwrap());
    }
}
