//! The fake upstream over a real socket.

mod faults;
mod jobs;
mod strictness;

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

const BOT: &str = "st-1";
const SECRET: &str = "a secret of the app, thirty-two bytes";
/// Long enough for a loaded machine, short enough to fail.
const DEADLINE: Duration = Duration::from_secs(20);

fn unix_seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn bot() -> TenantBot {
    TenantBot::new(BOT, Credential::hs256("cs-1", SECRET)).with_jobs(vec![ScriptedJob::new("ds-1", 10)])
}

async fn start(bot: TenantBot) -> FakeUpstream {
    start_tenant(Tenant::new(unix_seconds() * 1_000, vec![bot])).await
}

async fn start_tenant(tenant: Tenant) -> FakeUpstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    FakeUpstream::start(listener, tenant).unwrap()
}

fn sign(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn token() -> String {
    sign(&json!({"appId": "cs-1", "sub": "test"}))
}

fn client() -> reqwest::Client {
    let no_redirects = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().redirect(no_redirects).timeout(DEADLINE).build().unwrap()
}

fn status_url(upstream: &FakeUpstream, id: &str) -> String {
    format!("{}/api/public/bot/{BOT}/notify/status/{id}", upstream.url())
}

/// Polls with a valid token; returns code and body.
async fn poll(upstream: &FakeUpstream, id: &str) -> (u16, Value) {
    let response = client().get(status_url(upstream, id)).header("auth", token()).send().await.unwrap();
    (response.status().as_u16(), read_json(response).await)
}

fn envelope(code: u32, text: &str) -> Value {
    json!({"errors": [{"msg": text, "code": code}]})
}

async fn read_json(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}
