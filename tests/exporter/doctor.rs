//! `doctor`: a run of the binary, and what it says about credentials and answers.

use std::path::Path;
use std::time::Duration;

use koreai_exporter::fake_upstream::{
    Credential, FakeUpstream, Fault, FaultRule, Plan, RateLimitForm, RetryAfter, ScriptedJob, Tenant, TenantBot,
};

use crate::life::words;
use crate::support::{BOT_ID, CLIENT_ID, Configuration, SECRET, bot, run, scratch, tenant, upstream};

/// What a run said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) steps: Vec<serde_json::Value>,
    pub(crate) output: String,
    pub(crate) stderr: String,
}

impl Said {
    /// The names of the steps with this state.
    pub(crate) fn with_state(&self, state: &str) -> Vec<&str> {
        self.steps.iter().filter(|step| step["state"] == state).map(|step| step["check"].as_str().unwrap()).collect()
    }

    /// Asserts that one step failed, with a sentence that contains a text, and that it says what to do.
    pub(crate) fn names(&self, code: i32, check: &str, sentence: &str) {
        assert_eq!(self.with_state("failed"), [check], "{}", self.output);
        let step = self.steps.iter().find(|step| step["check"] == check).unwrap();
        assert!(step["seen"].as_str().unwrap().contains(sentence), "{sentence:?} is not in {}", self.output);
        assert!(step["next"].as_str().is_some_and(|next| !next.is_empty()), "{}", self.output);
        assert_eq!(self.code, Some(code), "{}", self.output);
    }
}

/// Runs `doctor` with a configuration file, and checks that no secret is shown.
pub(crate) fn doctor_with(yaml: &str, flags: &[&str]) -> Said {
    let (_folder, file) = scratch("koreai.yml", yaml);
    let config = format!("--config.file={}", file.display());
    let (code, output, stderr) = words(&run(&[&["doctor", "--format=json", config.as_str()], flags].concat(), None));
    let (_, text, _) = match flags {
        // The text has the same content; once is enough, because every run makes calls.
        [] => words(&run(&["doctor", config.as_str()], None)),
        _ => (None, String::new(), String::new()),
    };
    assert!(!output.contains(SECRET) && !text.contains(SECRET) && !stderr.contains(SECRET), "{output}{text}{stderr}");
    assert!(!output.contains("eyJ") && !text.contains("eyJ"), "a token is shown: {output}{text}");
    let parsed: serde_json::Value = serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}{stderr}"));
    assert_eq!(parsed["exit_code"].as_i64().map(|code| code as i32), code);
    let steps = parsed["bots"][0]["steps"].as_array().unwrap().clone();
    assert_eq!(steps.len(), 10, "every step is listed: {output}");
    Said { code, steps, output, stderr }
}

fn doctor(configuration: &Configuration, flags: &[&str]) -> Said {
    doctor_with(&configuration.yaml(), flags)
}

fn job() -> ScriptedJob {
    ScriptedJob::new("ds-1", 10).with_plan(Plan::Runs { over: Duration::from_secs(3600) })
}

async fn healthy() -> (FakeUpstream, Configuration) {
    let upstream = upstream(tenant(bot(vec![job()]))).await;
    let configuration = Configuration::new(&upstream, &["ds-1"]);
    (upstream, configuration)
}

fn gets(upstream: &FakeUpstream) -> usize {
    assert!(upstream.record().calls().all(|call| &*call.method == "GET"));
    upstream.record().calls().count()
}

const ID: &str = "--request-id=ds-1";

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_bot_passes_with_one_call_and_a_job_is_described() {
    let (upstream, configuration) = healthy().await;
    let said = doctor(&configuration, &["--bot=support"]);
    assert_eq!((said.code, said.with_state("skipped")), (Some(0), vec!["proxy", "tls"]), "{}", said.output);
    assert!(said.output.contains("the upstream accepts credential and bot"), "{}", said.output);
    assert!(said.output.contains("HS256 token: appId \\\"cs-1\\\""), "{}", said.output);
    assert_eq!(gets(&upstream), 1);
    let said = doctor(&configuration, &["--bot=support", ID]);
    assert!(said.output.contains("status of ds-1: IN_PROGRESS"), "{}", said.output);
    assert_eq!((said.code, gets(&upstream)), (Some(0), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_calls_are_the_most_for_all_bots_together() {
    let (upstream, configuration) = healthy().await;
    let one = configuration.yaml();
    let (_, item) = one.split_once("bots:\n").unwrap();
    let more: String = (1..4).map(|number| item.replace("name: support", &format!("name: bot-{number}"))).collect();
    let said = doctor_with(&format!("{one}{more}"), &["--log.level=info"]);
    assert_eq!((said.code, gets(&upstream)), (Some(0), 2), "{}", said.output);
    assert!(said.output.contains("a run makes at most 2 calls; examine this bot with --bot=bot-3"), "{}", said.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_client_id_or_bot_id_is_named_with_what_to_compare() {
    let (upstream, right) = healthy().await;
    let sentence = |client: &str, bot: &str| {
        format!(
            "the secret does not belong to client_id {client:?}, or client_id is wrong, or bot_id {bot:?} is wrong or not open to this app"
        )
    };
    let (_folder, secret) = scratch("secret", "another-secret-0123456789-0123456789-0123456789");
    let mut wrong = Configuration::new(&upstream, &["ds-1"]);
    wrong.auth = format!("{{client_id: {CLIENT_ID}, client_secret_file: {}}}", secret.display());
    doctor(&wrong, &[ID, "--bot=support"]).names(1, "answer", &sentence(CLIENT_ID, BOT_ID));
    assert_eq!(gets(&upstream), 2, "the second call tries a token with jti");

    wrong.auth = right.auth.replace(CLIENT_ID, "cs-9");
    doctor(&wrong, &["--bot=support"]).names(1, "answer", &sentence("cs-9", BOT_ID));

    let other = right.yaml().replace(BOT_ID, "st-9");
    doctor_with(&other, &["--bot=support"]).names(1, "answer", &sentence(CLIENT_ID, "st-9"));

    let swapped = right.yaml().replace(BOT_ID, "cs-9").replace(&format!("client_id: {CLIENT_ID}"), "client_id: st-1");
    doctor_with(&swapped, &["--bot=support"]).names(1, "answer", "look swapped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_and_an_enforced_jti_are_named() {
    let unscoped = upstream(tenant(TenantBot { scope_granted: false, ..bot(vec![job()]) })).await;
    let said = doctor(&Configuration::new(&unscoped, &["ds-1"]), &[ID, "--bot=support"]);
    said.names(1, "answer", "the app lacks the scope");
    assert!(said.output.contains("Channel Management > Proactive Messages"), "{}", said.output);
    assert_eq!(gets(&unscoped), 1);

    let enforcing = upstream(tenant(TenantBot { enforce_jti: true, ..bot(vec![job()]) })).await;
    let said = doctor(&Configuration::new(&enforcing, &["ds-1"]), &[ID, "--bot=support"]);
    said.names(1, "answer", "the app enforces jti: it rejects a token without jti and accepts one with it");
    assert_eq!(gets(&enforcing), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_and_a_job_of_the_other_api_are_told_apart() {
    let v2 = ScriptedJob { api: koreai_exporter::fake_upstream::Api::V2, ..ScriptedJob::new("ds-2", 10) };
    let upstream = upstream(tenant(bot(vec![job(), v2]))).await;
    let configuration = Configuration::new(&upstream, &["ds-1"]);
    let flags = |id| ["--bot=support", id];
    let unknown = doctor(&configuration, &flags("--request-id=ds-9"));
    unknown.names(1, "answer", &format!("the upstream does not know the request ID \"ds-9\" of the bot {BOT_ID:?}"));
    let mixed = doctor(&configuration, &flags("--request-id=ds-2"));
    mixed.names(1, "answer", "the job \"ds-2\" belongs to the v2 API, but api is v1");
    assert_eq!(gets(&upstream), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_path_that_is_missing_or_doubled_is_named() {
    let upstream = upstream(Tenant { base_path: "/kore".to_owned(), ..tenant(bot(vec![job()])) }).await;
    let mut configuration = Configuration::new(&upstream, &["ds-1"]);
    assert_eq!(doctor(&configuration, &["--bot=support"]).code, Some(0));
    configuration.base_url = format!("http://{}", upstream.address());
    doctor(&configuration, &["--bot=support"]).names(1, "answer", "base_url may lack a path (HTTP 404)");
    configuration.base_url = format!("{}/api/public", upstream.url());
    let said = doctor(&configuration, &["--bot=support"]);
    said.names(1, "answer", "the path of base_url is doubled: it contains /api/public, which the exporter adds itself");
    assert!(said.output.contains(r#"shorten the path of base_url to \"/kore/\""#), "{}", said.output);
    configuration.base_url = format!("http://{}/wrong", upstream.address());
    doctor(&configuration, &["--bot=support"]).names(
        1,
        "answer",
        "no status API under the path \"/wrong\" of base_url",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_between_is_named() {
    let (upstream, configuration) = healthy().await;
    for (fault, code, sentence) in [
        (Fault::Html200, 2, "something in between answers instead of the upstream: HTTP 200 with a web page"),
        (Fault::Status(502), 2, "something in between answers instead of the upstream: HTTP 502 with a web page"),
        (
            Fault::Redirect("https://login.example.org/sso?canary".to_owned()),
            2,
            "HTTP 307 redirects to https://login.example.org, as a log-in page or a gateway does",
        ),
        (Fault::Redirect("https://127.0.0.1/".to_owned()), 1, "is base_url https? The server redirects from http"),
        (Fault::Empty200, 2, "the response is not a status report"),
    ] {
        upstream.add_fault(FaultRule::always(fault));
        let said = doctor(&configuration, &["--bot=support"]);
        said.names(code, "answer", sentence);
        assert!(!said.output.contains("canary"), "{}", said.output);
        upstream.clear_faults();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_rate_limit_is_the_upstreams_and_says_how_long_to_wait() {
    let rate_limit_form = RateLimitForm { retry_after: RetryAfter::Seconds(7), ..RateLimitForm::default() };
    let spent = upstream(tenant(TenantBot { per_minute: 0, rate_limit_form, ..bot(vec![job()]) })).await;
    let said = doctor(&Configuration::new(&spent, &["ds-1"]), &["--bot=support"]);
    said.names(2, "answer", "the rate limit of the bot is spent");
    assert!(said.output.contains("wait 7 s, as the upstream says"), "{}", said.output);
    let spent = upstream(tenant(TenantBot { per_hour: 0, ..bot(vec![job()]) })).await;
    doctor(&Configuration::new(&spent, &["ds-1"]), &["--bot=support"]).names(
        2,
        "answer",
        "the hourly rate limit of the bot is spent",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_named_in_both_directions() {
    for (ahead, side) in [(3_600_000, "is 1h behind the upstream's"), (-3_600_000, "is 1h ahead of the upstream's")] {
        let mut tenant = tenant(bot(vec![job()]));
        tenant.started_at_millis += ahead;
        let upstream = upstream(tenant).await;
        let said = doctor(&Configuration::new(&upstream, &["ds-1"]), &["--bot=support"]);
        let step = said.steps.iter().find(|step| step["check"] == "clock").unwrap();
        let seen = step["seen"].as_str().unwrap().replace("59m59s", "1h").replace("1h1s", "1h");
        assert!(seen.contains(side) && seen.contains("the token is expired or not yet valid there"), "{seen}");
        assert_eq!((said.code, said.with_state("failed")), (Some(1), vec!["clock"]), "{}", said.output);
    }
}

/// A token of the fake upstream's app with these claims.
fn token(claims: serde_json::Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ready_token_is_checked_before_any_call() {
    let (upstream, mut configuration) = healthy().await;
    let now = koreai_exporter::clock::Clock::system().now().as_millis() / 1000;
    let claims =
        |iat, exp| serde_json::json!({"appId": CLIENT_ID, "sub": "canary@example.org", "iat": iat, "exp": exp});
    for (content, sentence) in [
        (token(claims(now - 7200, now - 3600)), "(1h ago)"),
        (token(claims(now + 3600, now + 7200)), "the token is not valid yet: it starts at"),
        (token(serde_json::json!({"sub": "x", "appID": CLIENT_ID})), "the token has no claim appId"),
        (token(serde_json::json!({"appId": CLIENT_ID})), "the token has no claim sub"),
        (
            token(serde_json::json!({"appId": CLIENT_ID, "sub": "x", "jti": "1", "exp": now + 7200})),
            "for more than an hour",
        ),
        ("not-a-jwt".to_owned(), "the content of token_file is not a JWT"),
    ] {
        let (_folder, file) = scratch("token", &content);
        configuration.auth = format!("{{token_file: {}}}", file.display());
        let said = doctor(&configuration, &["--bot=support"]);
        said.names(1, "token", sentence);
        assert!(!said.output.contains("canary"), "sub may be a person: {}", said.output);
    }
    assert_eq!(gets(&upstream), 0);
    let (_folder, file) = scratch("token", &token(claims(now, now + 600)));
    configuration.auth = format!("{{token_file: {}}}", file.display());
    assert_eq!(doctor(&configuration, &["--bot=support"]).code, Some(0));
    let used = serde_json::json!({"appId": CLIENT_ID, "sub": "x", "jti": "1", "exp": now + 600});
    let (_folder, file) = scratch("token", &token(used));
    configuration.auth = format!("{{token_file: {}}}", file.display());
    assert_eq!(doctor(&configuration, &["--bot=support"]).code, Some(0));
    doctor(&configuration, &["--bot=support"]).names(
        1,
        "answer",
        "the app enforces jti, and this token was used before",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_file_that_is_empty_missing_or_odd_is_named() {
    let (upstream, mut configuration) = healthy().await;
    let (folder, file) = scratch("secret", "");
    let path = |path: &Path| format!("{{client_id: {CLIENT_ID}, client_secret_file: {}}}", path.display());
    for (content, check, sentence) in [
        (String::new(), "configuration", "auth.client_secret_file: file is empty"),
        (format!("\"{SECRET}\"\n"), "credential", "is wrapped in quotes, which count as part of it"),
        (format!("{SECRET}\n{SECRET}\n"), "credential", "has 2 lines; the client secret must be a single line"),
        (format!("Bearer {SECRET}"), "credential", "contains white space or a control character"),
    ] {
        std::fs::write(&file, content).unwrap();
        configuration.auth = path(&file);
        doctor(&configuration, &["--log.level=info"]).names(1, check, sentence);
    }
    configuration.auth = path(folder.path());
    doctor(&configuration, &[]).names(1, "configuration", "auth.client_secret_file: path is a directory, not a file");
    configuration.auth = path(&folder.path().join("absent"));
    doctor(&configuration, &[]).names(1, "configuration", "auth.client_secret_file: file does not exist");
    assert_eq!(gets(&upstream), 0);
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    configuration.auth = path(&file);
    let said = doctor(&configuration, &["--bot=support"]);
    assert_eq!(said.code, Some(0), "a newline at the end does no harm: {}", said.output);
}

#[test]
fn a_wrong_flag_is_an_error_that_names_what_is_right() {
    let (_folder, file) = scratch(
        "koreai.yml",
        "bots:\n  - {name: support, base_url: 'http://127.0.0.1:9', bot_id: st-1, auth: {client_id: cs-1, client_secret_env: KOREAI_TEST_SECRET}}\n",
    );
    let config = format!("--config.file={}", file.display());
    let stderr = |flag: &str| {
        let (code, _, stderr) = words(&run(&["doctor", &config, flag], None));
        assert_eq!(code, Some(1), "{stderr}");
        stderr
    };
    assert!(stderr("--bot=sales").contains("unknown bot \"sales\" in --bot; the configured bots are support"));
    assert!(stderr("--request-id=a b").contains("expected the `_id` of a send response (ds-…)"));
}

/// The RSA key of an app whose algorithm the configuration does not use.
#[tokio::test(flavor = "multi_thread")]
async fn another_algorithm_than_the_apps_is_a_wrong_credential() {
    use koreai_exporter::fake_upstream::SignatureAlgorithm;
    let credential = Credential { algorithm: SignatureAlgorithm::Hs512, ..Credential::hs256(CLIENT_ID, SECRET) };
    let upstream = upstream(tenant(TenantBot::new(BOT_ID, credential).with_jobs(vec![job()]))).await;
    let said = doctor(&Configuration::new(&upstream, &["ds-1"]), &["--bot=support"]);
    said.names(1, "answer", "the upstream does not accept this credential");
    assert!(said.output.contains("the app's algorithm is the one shown above"), "{}", said.output);
}
