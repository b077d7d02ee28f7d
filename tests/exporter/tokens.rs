//! The header `auth`, as verified by the fake upstream.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use koreai_exporter::fake_upstream::{Credential, FakeUpstream, Plan, ScriptedJob, SignatureAlgorithm, TenantBot};
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};

use crate::support::{
    BOT_ID, CLIENT_ID, Configuration, Exporter, SECRET, SECRET_ENV, Time, bot, run, scratch, tenant, upstream,
};

const MINUTE: Duration = Duration::from_secs(60);

fn job() -> ScriptedJob {
    ScriptedJob::new("ds-1", 10).with_plan(Plan::Runs { over: 60 * MINUTE })
}

fn tokens(upstream: &FakeUpstream) -> BTreeSet<u64> {
    upstream.record().calls().filter_map(|call| call.token).collect()
}

fn credential(algorithm: SignatureAlgorithm, key: &str) -> Credential {
    Credential { algorithm, ..Credential::hs256(CLIENT_ID, key) }
}

#[tokio::test]
async fn with_jti_every_call_has_a_new_token_and_none_is_a_replay() {
    let time = Time::stop();
    let upstream = upstream(tenant(TenantBot { enforce_jti: true, ..bot(vec![job()]) })).await;
    let mut configuration = Configuration::new(&upstream, &["ds-1"]);
    configuration.auth = format!("{{client_id: {CLIENT_ID}, client_secret_env: {SECRET_ENV}, jti: true}}");
    let exporter = Exporter::start(&configuration).await;
    exporter.until(&time, MINUTE, |samples| samples.calls("ok") == 6.0).await;
    assert!(upstream.record().calls().all(|call| call.authorized));
    assert_eq!(tokens(&upstream).len(), 6);
    exporter.stop().await;
}

#[tokio::test]
async fn without_jti_a_token_is_reused_until_shortly_before_it_expires() {
    let time = Time::stop();
    let upstream = upstream(tenant(bot(vec![job()]))).await;
    let mut configuration = Configuration::new(&upstream, &["ds-1"]);
    configuration.auth = format!("{{client_id: {CLIENT_ID}, client_secret_env: {SECRET_ENV}, token_lifetime: 2m}}");
    let exporter = Exporter::start(&configuration).await;
    exporter.during(&time, 5 * MINUTE, |_| {}).await;
    assert!(upstream.record().calls().count() > 60);
    assert!(upstream.record().calls().all(|call| call.authorized));
    let tokens = tokens(&upstream).len();
    assert!((3..=6).contains(&tokens), "{tokens} tokens in five minutes");
    exporter.stop().await;
}

#[tokio::test]
async fn every_algorithm_of_an_app_is_supported() {
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let public = key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let (_folder, private) = scratch("key.pem", &key.to_pkcs8_pem(LineEnding::LF).unwrap());
    let private = format!("private_key_file: {}", private.display());
    let secret = format!("client_secret_env: {SECRET_ENV}");
    for (algorithm, name, ours, theirs) in [
        (SignatureAlgorithm::Hs512, "HS512", &secret, SECRET),
        (SignatureAlgorithm::Rs256, "RS256", &private, &public),
        (SignatureAlgorithm::Rs512, "RS512", &private, &public),
    ] {
        let bot = TenantBot::new(BOT_ID, credential(algorithm, theirs)).with_jobs(vec![job()]);
        let upstream = upstream(tenant(bot)).await;
        let mut configuration = Configuration::new(&upstream, &["ds-1"]);
        configuration.auth = format!("{{client_id: {CLIENT_ID}, {ours}, algorithm: {name}}}");
        let exporter = Exporter::start(&configuration).await;
        let called = upstream.wait_until(Duration::from_secs(10), |record| record.calls().count() > 0).await;
        assert!(called && upstream.record().calls().all(|call| call.authorized), "{name}");
        exporter.stop().await;
    }
}

/// The output of `koreai_exporter token` for this configuration.
fn signed(configuration: &Configuration, flag: &str) -> String {
    let (_folder, file) = scratch("koreai.yml", &configuration.yaml());
    let output = run(&["token", flag, &format!("--config.file={}", file.display())], None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_printed_token_is_accepted_and_a_token_file_is_read_again_when_it_changes() {
    let time = Time::stop();
    let upstream = upstream(tenant(bot(vec![job()]))).await;
    let mut configuration = Configuration::new(&upstream, &["ds-1"]);
    let (_folder, file) = scratch("token", &signed(&configuration, "--bot=support"));
    let signing = std::mem::replace(&mut configuration.auth, format!("{{token_file: {}}}", file.display()));
    let exporter = Exporter::start(&configuration).await;
    exporter.until(&time, MINUTE, |samples| samples.calls("ok") == 2.0).await;
    assert_eq!(tokens(&upstream).len(), 1);

    configuration.auth = signing.replace('}', ", token_lifetime: 10m}");
    std::fs::write(&file, signed(&configuration, "--bot=support")).unwrap();
    exporter.until(&time, MINUTE, |samples| samples.calls("ok") >= 5.0).await;
    assert_eq!(tokens(&upstream).len(), 2);
    assert!(upstream.record().calls().all(|call| call.authorized));
    exporter.stop().await;
}

#[tokio::test]
async fn a_secret_that_was_rotated_is_picked_up_after_a_401() {
    let time = Time::stop();
    let upstream = upstream(tenant(bot(vec![job()]))).await;
    let (_folder, file) = scratch("secret", "the-secret-of-yesterday-0123456789-0123456789");
    let mut configuration = Configuration::new(&upstream, &["ds-1"]);
    configuration.auth = format!("{{client_id: {CLIENT_ID}, client_secret_file: {}}}", file.display());
    let exporter = Exporter::start(&configuration).await;
    exporter.until(&time, MINUTE, |samples| samples.calls("unauthorized") == 1.0).await;
    assert_eq!(exporter.get("/-/ready").await.status, 200);
    write(&file, SECRET);
    let samples = exporter.until(&time, MINUTE, |samples| samples.calls("ok") == 1.0).await;
    assert_eq!(samples.calls("unauthorized"), 1.0);
    exporter.stop().await;
}

fn write(file: &Path, content: &str) {
    std::fs::write(file, format!("{content}\n")).unwrap();
}

#[tokio::test]
async fn a_base_url_may_have_a_path() {
    let time = Time::stop();
    let mut tenant = tenant(bot(vec![job()]));
    tenant.base_path = "/platform/kore".to_owned();
    let upstream = upstream(tenant).await;
    let mut configuration = Configuration::new(&upstream, &["ds-1"]);
    configuration.base_url.push('/');
    let exporter = Exporter::start(&configuration).await;
    exporter.until(&time, MINUTE, |samples| samples.calls("ok") == 2.0).await;
    exporter.stop().await;
}
