use std::fs;
use std::path::{Path, PathBuf};

use jsonwebtoken::{DecodingKey, Validation};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use serde_json::Value;

use super::*;
use crate::config::ClientId;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_250);

fn signing(key: KeySource, algorithm: Algorithm, lifetime_secs: u64, jti: bool) -> Auth {
    Auth::Sign(SigningAuth {
        client_id: ClientId::parse("cs-1").unwrap(),
        key,
        algorithm,
        subject: "koreai_exporter".to_owned(),
        token_lifetime: Duration::from_secs(lifetime_secs),
        jti,
    })
}

fn secret(value: &str) -> KeySource {
    KeySource::SecretEnv { name: "SECRET".to_owned(), value: value.into() }
}

fn with_secret(lifetime_secs: u64, jti: bool) -> TokenSource {
    TokenSource::new(&signing(secret("s3cret"), Algorithm::Hs256, lifetime_secs, jti)).unwrap()
}

fn claims(token: &Token, key: &DecodingKey, algorithm: jsonwebtoken::Algorithm) -> Value {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(token.secret.expose_secret(), key, &validation).expect("the signature holds").claims
}

fn written(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_token_has_the_claims_that_upstream_expects() {
    for (algorithm, theirs) in
        [(Algorithm::Hs256, jsonwebtoken::Algorithm::HS256), (Algorithm::Hs512, jsonwebtoken::Algorithm::HS512)]
    {
        let source = TokenSource::new(&signing(secret("s3cret\n"), algorithm, 300, false)).unwrap();
        let token = source.token(NOW).unwrap();
        assert_eq!(
            claims(&token, &DecodingKey::from_secret(b"s3cret"), theirs),
            serde_json::json!({"appId": "cs-1", "sub": "koreai_exporter", "iat": 1_700_000_000, "exp": 1_700_000_300})
        );
        assert_eq!(token.expiry, Some(Timestamp::from_millis(1_700_000_300_000)));
    }
}

#[test]
fn a_private_key_signs_in_either_pem_form() {
    let directory = tempfile::tempdir().unwrap();
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let public = key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let public = DecodingKey::from_rsa_pem(public.as_bytes()).unwrap();
    let pems = [key.to_pkcs8_pem(LineEnding::LF).unwrap(), key.to_pkcs1_pem(LineEnding::CRLF).unwrap()];
    for pem in pems {
        let path = written(directory.path(), "key.pem", &*pem);
        for (algorithm, theirs) in
            [(Algorithm::Rs256, jsonwebtoken::Algorithm::RS256), (Algorithm::Rs512, jsonwebtoken::Algorithm::RS512)]
        {
            let source =
                TokenSource::new(&signing(KeySource::PrivateKeyFile(path.clone()), algorithm, 300, false)).unwrap();
            assert_eq!(claims(&source.token(NOW).unwrap(), &public, theirs)["appId"], "cs-1");
        }
    }
}

#[test]
fn a_token_is_cached_for_half_its_lifetime() {
    for (lifetime, cached_until) in [(86_400, 43_200), (300, 150), (4, 2)] {
        let source = with_secret(lifetime, false);
        let at = |second: u64| {
            let now = Timestamp::from_millis(1_700_000_000_000).plus(Duration::from_secs(second));
            source.token(now).unwrap().expiry.unwrap().as_millis() / 1000 - 1_700_000_000
        };
        let lifetime = i64::try_from(lifetime).unwrap();
        assert_eq!(at(0), lifetime);
        assert_eq!(at(cached_until - 1), lifetime, "of {lifetime}");
        assert_eq!(at(cached_until), lifetime + i64::try_from(cached_until).unwrap(), "of {lifetime}");
    }
}

#[test]
fn with_jti_every_call_has_its_own_token() {
    let source = with_secret(300, true);
    let key = DecodingKey::from_secret(b"s3cret");
    let jti = || claims(&source.token(NOW).unwrap(), &key, jsonwebtoken::Algorithm::HS256)["jti"].clone();
    let (first, second) = (jti(), jti());
    assert_eq!(first.as_str().unwrap().len(), 32);
    assert_ne!(first, second);
}

#[test]
fn a_rotated_secret_is_picked_up_when_the_file_changes() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "secret", "first\n");
    let source = TokenSource::new(&signing(KeySource::SecretFile(path.clone()), Algorithm::Hs256, 300, false)).unwrap();
    let signed_with = |secret: &str| {
        let token = source.token(NOW).unwrap();
        let key = DecodingKey::from_secret(secret.as_bytes());
        claims(&token, &key, jsonwebtoken::Algorithm::HS256);
    };
    signed_with("first");
    written(directory.path(), "secret", "the second\r\n");
    signed_with("the second");
}

#[test]
fn after_an_invalidation_a_file_is_read_even_if_it_looks_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "secret", "first");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let source = TokenSource::new(&signing(KeySource::SecretFile(path.clone()), Algorithm::Hs256, 300, false)).unwrap();
    source.token(NOW).unwrap();
    written(directory.path(), "secret", "other");
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    source.invalidate();
    let token = source.token(NOW).unwrap();
    claims(&token, &DecodingKey::from_secret(b"other"), jsonwebtoken::Algorithm::HS256);
}

#[test]
fn a_ready_token_is_sent_as_it_is_and_read_again_when_it_changes() {
    let directory = tempfile::tempdir().unwrap();
    let signed = with_secret(300, false).token(NOW).unwrap();
    let path = written(directory.path(), "token", format!("{}\n", signed.secret.expose_secret()));
    let source = TokenSource::new(&Auth::TokenFile(path)).unwrap();
    let token = source.token(NOW).unwrap();
    assert_eq!(token.secret.expose_secret(), signed.secret.expose_secret());
    assert_eq!(token.expiry, signed.expiry);

    written(directory.path(), "token", "an-opaque-one");
    let token = source.token(NOW).unwrap();
    assert_eq!((token.secret.expose_secret(), token.expiry), ("an-opaque-one", None));
}

#[test]
fn errors_name_the_file_without_a_key_or_token_and_show_none_of_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let message = |auth: Auth| {
        let error = TokenSource::new(&auth).and_then(|source| source.token(NOW)).unwrap_err();
        let chain = format!("{error:?} {error}");
        assert!(!chain.contains("canary"), "{chain}");
        crate::model::error_chain(&error)
    };
    let secret_in = |path: &Path| signing(KeySource::SecretFile(path.to_owned()), Algorithm::Hs256, 300, false);
    let private = |path: &Path| signing(KeySource::PrivateKeyFile(path.to_owned()), Algorithm::Rs256, 300, false);
    let written = |content: &[u8]| written(directory.path(), "file", content);

    assert!(message(secret_in(&missing)).starts_with("cannot read /"));
    assert!(message(secret_in(&written(b" \n"))).ends_with("file is empty"));
    assert!(message(secret_in(&written(b"canary\xff"))).ends_with("is not UTF-8 text"));
    assert!(message(secret_in(&written(&[b'x'; 65_537]))).ends_with("is larger than 65536 bytes"));
    assert!(message(private(&written(b"canary"))).starts_with("no valid RSA private key in /"));
    for invalid in ["Bearer canary", "canary\nsecond", "canary\u{e4}"] {
        let path = written(invalid.as_bytes());
        assert!(message(Auth::TokenFile(path)).starts_with("invalid token in /"), "{invalid:?}");
    }
    assert_eq!(
        message(signing(KeySource::SecretFile(missing.clone()), Algorithm::Rs512, 300, false)),
        "RS512 needs a private key"
    );
    assert_eq!(
        message(signing(KeySource::PrivateKeyFile(missing), Algorithm::Hs256, 300, false)),
        "HS256 needs the client secret"
    );
    assert_eq!(
        message(signing(secret("x"), Algorithm::Hs256, 3601, true)),
        "the lifetime of a token with jti must be at most 3600 s"
    );
    assert_eq!(message(signing(secret(" "), Algorithm::Hs256, 300, true)), "the client secret is empty");
}

#[test]
fn a_token_from_the_future_is_replaced_after_the_clock_was_set_back() {
    let source = with_secret(300, false);
    source.token(NOW.plus(Duration::from_secs(3600))).unwrap();
    assert_eq!(source.token(NOW).unwrap().expiry, Some(Timestamp::from_millis(1_700_000_300_000)));
}

#[test]
fn nothing_secret_shows_in_debug_output() {
    let source = with_secret(300, false);
    let token = source.token(NOW).unwrap();
    let shown = format!("{source:?} {token:?}");
    assert!(!shown.contains("s3cret") && !shown.contains(token.secret.expose_secret()), "{shown}");
}
