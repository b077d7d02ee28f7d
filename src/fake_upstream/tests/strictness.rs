//! What is rejected, and with which text (docs/UPSTREAM.md#errors).

use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey, LineEnding};

use super::*;

/// Polls with this header `auth`; returns code and body.
async fn poll_with(url: &str, auth: Option<&str>) -> (u16, Value) {
    let mut request = client().get(url);
    if let Some(auth) = auth {
        request = request.header("auth", auth);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), read_json(response).await)
}

#[tokio::test]
async fn a_valid_token_is_accepted_and_an_invalid_one_is_rejected_with_the_reason() {
    let upstream = start(bot()).await;
    let url = status_url(&upstream, "ds-1");
    let now = unix_seconds();
    let invalid = (401, envelope(4002, "Invalid SDK credentials"));
    let other_key = EncodingKey::from_secret(b"another secret");
    let forged = encode(&Header::default(), &json!({"appId": "cs-1", "sub": "x"}), &other_key).unwrap();
    let other_algorithm = Header::new(Algorithm::HS512);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let hs512 = encode(&other_algorithm, &json!({"appId": "cs-1", "sub": "x"}), &key).unwrap();
    let refused = [
        (None, invalid.clone()),
        (Some("not-a-jwt".to_owned()), (401, envelope(4002, "Invalid JWT token"))),
        (Some(format!("Bearer {}", token())), (401, envelope(4002, "Invalid JWT token"))),
        (Some(forged), invalid.clone()),
        (Some(hs512), invalid.clone()),
        (Some(sign(&json!({"appId": "cs-2", "sub": "x"}))), invalid.clone()),
        (Some(sign(&json!({"appid": "cs-1", "sub": "x"}))), invalid.clone()),
        (Some(sign(&json!({"appId": "cs-1"}))), invalid.clone()),
        (
            Some(sign(&json!({"appId": "cs-1", "sub": "x", "exp": now - 5}))),
            (401, envelope(401, "error verifying the jwt: token is expired")),
        ),
    ];
    for (auth, answer) in refused {
        assert_eq!(poll_with(&url, auth.as_deref()).await, answer, "{auth:?}");
    }
    let accepted = [token(), sign(&json!({"appId": "cs-1", "sub": "x", "exp": now + 86_400, "iat": now}))];
    for auth in accepted {
        assert_eq!(poll_with(&url, Some(&auth)).await.0, 200, "{auth}");
    }
    let authorized = upstream.record().calls().map(|call| call.authorized).collect::<Vec<_>>();
    assert_eq!(authorized.iter().filter(|good| **good).count(), 2);
}

#[tokio::test]
async fn the_authorization_header_is_ignored() {
    let upstream = start(bot()).await;
    let request = client().get(status_url(&upstream, "ds-1")).bearer_auth(token());
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_wrong_bot_id_looks_like_wrong_credentials() {
    let upstream = start(bot()).await;
    let url = format!("{}/api/public/bot/st-2/notify/status/ds-1", upstream.url());
    let answer = poll_with(&url, Some(&token())).await;
    assert_eq!(answer, (401, envelope(4002, "Invalid SDK credentials")));
}

#[tokio::test]
async fn an_app_without_the_scope_is_rejected() {
    let upstream = start(TenantBot { scope_granted: false, ..bot() }).await;
    assert_eq!(poll(&upstream, "ds-1").await, (401, envelope(4002, "Permission denied. Scope is incorrect!")));
}

#[tokio::test]
async fn with_enforced_jti_every_call_needs_a_new_one() {
    let upstream = start(TenantBot { enforce_jti: true, ..bot() }).await;
    let url = status_url(&upstream, "ds-1");
    let now = unix_seconds();
    let with = |jti: &str, exp: i64| sign(&json!({"appId": "cs-1", "sub": "x", "jti": jti, "exp": exp}));
    let missing = envelope(401, "error verifying the jwt: \"jti\" claim is required");
    assert_eq!(poll_with(&url, Some(&token())).await, (401, missing));
    assert_eq!(poll_with(&url, Some(&with("a", now + 300))).await.0, 200);
    let replay = envelope(401, "error verifying the jwt: possibly a replay");
    assert_eq!(poll_with(&url, Some(&with("a", now + 300))).await, (401, replay));
    let long = envelope(401, "error verifying the jwt: if \"jti\" claim \"exp\" must be <= 1 hour(s)");
    assert_eq!(poll_with(&url, Some(&with("b", now + 7_200))).await, (401, long));
    assert_eq!(poll_with(&url, Some(&with("b", now + 3_500))).await.0, 200);
}

#[tokio::test]
async fn an_rs256_token_is_verified_with_the_public_key() {
    let private = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let public = private.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let pem = private.to_pkcs1_pem(LineEnding::LF).unwrap();
    let credential =
        Credential { client_id: "cs-1".to_owned(), algorithm: SignatureAlgorithm::Rs256, key: public.into() };
    let upstream = start(TenantBot { credential, ..bot() }).await;
    let url = status_url(&upstream, "ds-1");
    let claims = json!({"appId": "cs-1", "sub": "x"});
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let good = encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap();
    assert_eq!(poll_with(&url, Some(&good)).await.0, 200);
    assert_eq!(poll_with(&url, Some(&token())).await.0, 401);
}

#[tokio::test]
async fn an_invalid_public_key_is_an_error_at_start() {
    let credential =
        Credential { client_id: "cs-1".to_owned(), algorithm: SignatureAlgorithm::Rs256, key: "no PEM".into() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tenant = Tenant::new(0, vec![TenantBot { credential, ..bot() }]);
    let error = FakeUpstream::start(listener, tenant).err().unwrap();
    assert_eq!(error.to_string(), "invalid public key of bot \"st-1\": expected an RSA key in PEM");
}

#[tokio::test]
async fn a_wrong_method_is_rejected_and_recorded() {
    let upstream = start(bot()).await;
    let url = status_url(&upstream, "ds-1");
    let response = client().post(&url).header("auth", token()).send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(read_json(response).await, envelope(405, "Method Not Allowed"));
    assert_eq!(client().head(&url).header("auth", token()).send().await.unwrap().status(), 405);
    assert_eq!(upstream.record().methods().into_iter().collect::<Vec<_>>(), ["HEAD", "POST"]);
}

#[tokio::test]
async fn an_unknown_id_and_an_id_of_the_other_api_are_a_400() {
    let upstream = start(bot()).await;
    assert_eq!(poll(&upstream, "ds-2").await, (400, envelope(400, "Invalid request ID")));
    let v2 = status_url(&upstream, "ds-1").replace("/notify/", "/notifyV2/");
    assert_eq!(poll_with(&v2, Some(&token())).await.0, 400);
}

#[tokio::test]
async fn the_budget_rejects_calls_and_rejected_calls_do_not_use_it() {
    let rate_limit_form =
        RateLimitForm { status: 400, retry_after: RetryAfter::Seconds(7), text: RateLimitText::TryLater };
    let upstream = start(TenantBot { per_minute: 2, rate_limit_form, ..bot() }).await;
    let codes = [poll(&upstream, "ds-1").await.0, poll(&upstream, "ds-1").await.0];
    assert_eq!(codes, [200, 200]);
    let response = client().get(status_url(&upstream, "ds-1")).header("auth", token()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (400, &"7".parse().unwrap()));
    let text = "Rate limit for this API has been reached. Please try again later";
    assert_eq!(read_json(response).await, envelope(429, text));
    assert_eq!(upstream.record().max_in_window(BOT, Duration::from_secs(60)), 3);
}

#[tokio::test]
async fn an_unauthorized_call_uses_no_budget() {
    let upstream = start(TenantBot { per_minute: 1, ..bot() }).await;
    let url = status_url(&upstream, "ds-1");
    assert_eq!(poll_with(&url, None).await.0, 401);
    assert_eq!(poll_with(&url, Some(&token())).await.0, 200);
}

#[tokio::test]
async fn a_rejection_by_the_hourly_limit_names_the_hour() {
    let upstream = start(TenantBot { per_hour: 1, ..bot() }).await;
    assert_eq!(poll(&upstream, "ds-1").await.0, 200);
    let text = "You've exceeded the hourly rate limit. Please wait for sometime before retrying.";
    assert_eq!(poll(&upstream, "ds-1").await, (429, envelope(429, text)));
}

#[tokio::test]
async fn a_limit_for_one_id_does_not_affect_others() {
    let jobs = vec![ScriptedJob::new("ds-1", 1), ScriptedJob::new("ds-2", 1)];
    let upstream = start(TenantBot { per_id_per_minute: Some(1), ..bot() }.with_jobs(jobs)).await;
    let codes = [poll(&upstream, "ds-1").await.0, poll(&upstream, "ds-1").await.0, poll(&upstream, "ds-2").await.0];
    assert_eq!(codes, [200, 429, 200]);
}

#[tokio::test]
async fn retry_after_may_be_an_http_date() {
    let rate_limit_form =
        RateLimitForm { status: 429, retry_after: RetryAfter::HttpDate(30), text: RateLimitText::NamesWindow };
    let upstream = start(TenantBot { per_minute: 0, rate_limit_form, ..bot() }).await;
    let response = client().get(status_url(&upstream, "ds-1")).header("auth", token()).send().await.unwrap();
    let date = httpdate::parse_http_date(response.headers()["retry-after"].to_str().unwrap()).unwrap();
    let ahead = date.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().cast_signed() - unix_seconds();
    assert!((5..=31).contains(&ahead), "{ahead}");
}
