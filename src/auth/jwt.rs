//! Signs a token, and reads the expiry of a token that was signed elsewhere.

use jsonwebtoken::{EncodingKey, Header};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::error::AuthError;
use crate::config::Algorithm;
use crate::model::Timestamp;

/// The claims that upstream reads (docs/UPSTREAM.md#authentication); times in seconds.
#[derive(Serialize)]
pub(super) struct Claims<'a> {
    #[serde(rename = "appId")]
    pub(super) app_id: &'a str,
    pub(super) sub: &'a str,
    pub(super) iat: i64,
    pub(super) exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jti: Option<String>,
}

pub(super) fn sign(claims: &Claims<'_>, algorithm: Algorithm, key: &EncodingKey) -> Result<SecretString, AuthError> {
    let header = Header::new(match algorithm {
        Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::Hs512 => jsonwebtoken::Algorithm::HS512,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Rs512 => jsonwebtoken::Algorithm::RS512,
    });
    let token = jsonwebtoken::encode(&header, claims, key).map_err(|source| AuthError::Sign { algorithm, source })?;
    Ok(token.into())
}

/// A `jti` of 128 random bits.
pub(super) fn fresh_jti() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// What a token says of itself, without a check of the signature. Leaves out what may be personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenClaims {
    /// The algorithm of the header.
    pub algorithm: String,
    /// `appId`.
    pub app_id: Option<String>,
    /// Whether there is a `sub`.
    pub has_subject: bool,
    /// The later of `iat` and `nbf`.
    pub starts: Option<Timestamp>,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// Whether there is a `jti`.
    pub has_jti: bool,
}

/// The claims of a token; `None` if it is not a readable JWT.
pub fn claims(token: &str) -> Option<TokenClaims> {
    #[derive(Deserialize)]
    struct Read {
        #[serde(rename = "appId")]
        app_id: Option<serde_json::Value>,
        sub: Option<serde_json::Value>,
        iat: Option<f64>,
        nbf: Option<f64>,
        exp: Option<f64>,
        jti: Option<serde_json::Value>,
    }
    let read: Read = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    let algorithm = jsonwebtoken::decode_header(token).ok()?.alg;
    let times = [read.iat, read.nbf].into_iter().flatten().filter_map(time);
    Some(TokenClaims {
        algorithm: format!("{algorithm:?}"),
        app_id: read.app_id.and_then(|id| id.as_str().map(|id| id.chars().take(MAX_APP_ID_CHARS).collect())),
        has_subject: read.sub.is_some_and(|sub| !sub.is_null() && sub != ""),
        starts: times.max(),
        expires: read.exp.and_then(time),
        has_jti: read.jti.is_some_and(|jti| !jti.is_null() && jti != ""),
    })
}

/// The longest `appId` that is shown.
const MAX_APP_ID_CHARS: usize = 128;

fn time(seconds: f64) -> Option<Timestamp> {
    /// The end of the year 9999, in Unix seconds; larger values are not valid times.
    const END_OF_TIME: f64 = 253_402_300_799.0;
    #[expect(clippy::cast_possible_truncation, reason = "within 0..=END_OF_TIME, a thousandth of which i64 holds")]
    let millis = (seconds * 1000.0) as i64;
    (0.0..=END_OF_TIME).contains(&seconds).then(|| Timestamp::from_millis(millis))
}

/// The claim `exp` of a token, without checking the signature. `None` without `exp`, and if it is not a readable JWT.
pub(super) fn expiry(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Expiry {
        exp: f64,
    }
    let Expiry { exp } = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    time(exp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_is_read_if_present_and_never_made_up() {
        let token = |claims: serde_json::Value| {
            jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(b"secret")).unwrap()
        };
        assert_eq!(
            expiry(&token(serde_json::json!({"exp": 1_700_000_000}))),
            Some(Timestamp::from_millis(1_700_000_000_000))
        );
        assert_eq!(expiry(&token(serde_json::json!({"exp": 1.5}))), Some(Timestamp::from_millis(1_500)));
        for claims in [serde_json::json!({}), serde_json::json!({"exp": -1}), serde_json::json!({"exp": 1e300})] {
            assert_eq!(expiry(&token(claims.clone())), None, "{claims}");
        }
        for text in ["", "opaque", "a.b.c", "a.b.c.d.e", "..", "a.bm90IGpzb24.c"] {
            assert_eq!(expiry(text), None, "{text:?}");
        }
    }
}
