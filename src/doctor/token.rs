//! The token: algorithm, claims and validity.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::step::Failure;
use super::times::{distance, rfc3339, rounded};
use crate::auth::{Token, TokenClaims, TokenSource, claims};
use crate::config::{Auth, MAX_JTI_LIFETIME};
use crate::model::{Timestamp, error_chain};

/// How far a token may begin in the future: clocks differ a little.
const TOLERANCE: Duration = Duration::from_secs(60);

/// Makes a token as a call does, and says what was seen.
pub(super) fn token(tokens: &TokenSource, auth: &Auth, now: Timestamp) -> Result<(Token, String), Failure> {
    let token = tokens.token(now).map_err(|error| {
        Failure::ours(
            format!("cannot create a token: {}", error_chain(&error)),
            "correct the keys of `auth`; the key must belong to the algorithm",
        )
    })?;
    let text = token.secret.expose_secret();
    let Some(claims) = claims(text) else {
        if text.split('.').count() == 5 {
            return Ok((token, "encrypted token (JWE); its claims cannot be shown".to_owned()));
        }
        return Err(Failure::ours(
            "the content of token_file is not a JWT: expected three parts, separated by dots",
            "write a signed token into token_file, without `Bearer` and without quotes",
        ));
    };
    check(&claims, now)?;
    let seen = describe(&claims, auth, now);
    Ok((token, seen))
}

fn check(claims: &TokenClaims, now: Timestamp) -> Result<(), Failure> {
    let renew = "write a new token into token_file, or configure client_id and client_secret_file";
    if claims.app_id.is_none() {
        let next = "sign the token with the claim appId, in exactly this spelling, set to the client ID (cs-…)";
        return Err(Failure::ours("the token has no claim appId", next));
    }
    if !claims.has_subject {
        return Err(Failure::ours("the token has no claim sub", "sign the token with a claim sub; any text will do"));
    }
    if let Some(expiry) = claims.expires.filter(|expiry| *expiry <= now) {
        let ago = rounded(distance(now, expiry));
        return Err(Failure::ours(format!("the token expired at {} ({ago} ago)", rfc3339(expiry)), renew));
    }
    if let Some(start) = claims.starts.filter(|start| *start > now.plus(TOLERANCE)) {
        let left = rounded(distance(now, start));
        return Err(Failure::ours(
            format!("the token is not valid yet: it starts at {} (in {left})", rfc3339(start)),
            "compare this machine's clock with the clock of the machine that signed the token; then renew the token",
        ));
    }
    let too_long = |expiry: Timestamp| expiry.since(now) > MAX_JTI_LIFETIME + TOLERANCE;
    if claims.has_jti && claims.expires.is_none_or(too_long) {
        return Err(Failure::ours(
            "the token has a jti and is valid for more than an hour, which the upstream rejects",
            "sign the token with an exp of at most one hour, or without jti",
        ));
    }
    Ok(())
}

/// Of a token that was signed elsewhere, `sub` may be a person: only its presence is shown.
fn describe(claims: &TokenClaims, auth: &Auth, now: Timestamp) -> String {
    let app_id = claims.app_id.as_deref().unwrap_or_default();
    let sub = match auth {
        Auth::Sign(signing) => format!("{:?}", signing.subject),
        Auth::TokenFile(_) => "present".to_owned(),
    };
    let expiry = claims.expires.map_or_else(
        || "exp none".to_owned(),
        |expiry| format!("exp {} (in {})", rfc3339(expiry), rounded(distance(expiry, now))),
    );
    let jti = if claims.has_jti { "jti present" } else { "no jti" };
    format!("{} token: appId {app_id:?}, sub {sub}, {expiry}, {jti}", claims.algorithm)
}
