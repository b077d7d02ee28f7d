//! A failure from end to end with real components: a job fails at the fake upstream, the built exporter polls it, Prometheus
//! evaluates the shipped rules, Alertmanager uses the shipped configuration, and a webhook receives the alert and its
//! resolution.
//!
//! Needs Debian's packages `prometheus` and `prometheus-alertmanager`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod program;
mod shipped;
mod webhook;

use std::time::Duration;

use koreai_exporter::clock::Clock;
use koreai_exporter::fake_upstream::{Credential, FakeUpstream, Plan, ScriptedJob, Tenant, TenantBot};
use program::{Program, run};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use webhook::{Message, Webhook};

const BOT_ID: &str = "st-00000001-0000-4000-8000-000000000000";
/// Two jobs: the failures of one job alone would be that job's alert, and not the channel's.
const JOB_IDS: [&str; 2] = ["ds-00000001-0000-4000-8000-000000000000", "ds-00000002-0000-4000-8000-000000000000"];
const SECRET: &str = "a-secret-of-this-test-that-guards-nothing";

/// Timeout from the failure to the last message; twice the time needed on an idle machine.
const DEADLINE: Duration = Duration::from_secs(90);

/// The runbook of the version that the rules came with.
macro_rules! runbook {
    () => {
        concat!(
            "https://github.com/koreai-exporter/koreai_exporter/blob/v",
            env!("CARGO_PKG_VERSION"),
            "/docs/runbook.md#"
        )
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_alerts_of_a_failing_job_reach_the_webhook_and_resolve() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = upstream_with_jobs_that_fail().await;
    let webhook = Webhook::start().await;

    let exporter = exporter(folder.path(), &upstream.url());
    let alertmanager = alertmanager(folder.path(), &webhook.address());
    let prometheus = prometheus(folder.path(), &exporter.address, &alertmanager.address);

    // A counter has no increase before a scrape has seen it at 0; in production that is long before the first job.
    prometheus_has(&prometheus, r#"koreai_notifications_total{channel="slack",status="FAILURE"} == 0"#).await;
    for id in JOB_IDS {
        follow(&exporter, id).await;
    }

    // The messages arrive in any order; the webhook stores all of them.
    let channel = webhook.message("/page", "KoreaiChannelFailureRatioHigh", "firing", DEADLINE).await;
    let job = webhook.message("/ticket", "KoreaiJobFailureRatioHigh", "firing", DEADLINE).await;
    assert!(
        !webhook.has("/ticket", "KoreaiChannelFailureRatioHigh"),
        "the critical one of a name mutes its warning: {webhook:?}"
    );
    assert_eq!(annotations(&channel), channel_annotations());
    let id = job.alert["labels"]["request_id"].as_str().unwrap();
    assert!(JOB_IDS.contains(&id), "{id}");
    assert_eq!(annotations(&job), job_annotations(id));
    assert_eq!(channel.alert["labels"]["severity"], "critical");
    assert_eq!(channel.group, json!({"alertname": "KoreaiChannelFailureRatioHigh", "bot": "support"}));
    assert_eq!(
        job.group,
        json!({"alertname": "KoreaiJobFailureRatioHigh", "bot": "support", "campaign": "launch"}),
        "a bad campaign is one message, so no request_id"
    );
    let page = get(&format!("http://{}/metrics", exporter.address)).await;
    run("promtool", "prometheus", &["check", "metrics"], &page);

    let channel = webhook.message("/page", "KoreaiChannelFailureRatioHigh", "resolved", DEADLINE).await;
    let job = webhook.message("/ticket", "KoreaiJobFailureRatioHigh", "resolved", DEADLINE).await;
    assert_eq!(channel.alert["labels"]["channel"], "slack");
    assert_eq!(job.alert["labels"]["campaign"], "launch");
    let calls = upstream.record().calls().filter(|call| call.after_finish).count();
    assert_eq!(calls, 0, "a finished job is never polled again");
}

fn channel_annotations() -> Value {
    json!({
        "summary": "Most notifications of a channel fail.",
        "description": "60% of the notifications that bot support sent over slack fail.",
        "runbook_url": concat!(runbook!(), "koreaichannelfailureratiohigh"),
        "dashboard_url": "http://localhost:3000/d/koreai-overview?var-bot=support&var-channel=slack",
    })
}

fn job_annotations(id: &str) -> Value {
    json!({
        "summary": "Many notifications of a job fail.",
        "description": format!("60% of the notifications of job {id} of campaign launch over its worst channel failed (bot support)."),
        "runbook_url": concat!(runbook!(), "koreaijobfailureratiohigh"),
        "dashboard_url": format!("http://localhost:3000/d/koreai-job?var-bot=support&var-request_id={id}"),
    })
}

fn annotations(message: &Message) -> Value {
    message.alert["annotations"].clone()
}

/// One bot, two jobs of 200 recipients on Slack, of whom 120 each cannot be reached.
async fn upstream_with_jobs_that_fail() -> FakeUpstream {
    // Finished before the first poll, so that every ratio is 60 % from its first sample.
    let plan = || Plan::Runs { over: Duration::from_millis(1) };
    let job = |id| ScriptedJob::new(id, 200).with_failures(60).over_channels(&["slack"]).with_plan(plan());
    let bot = TenantBot::new(BOT_ID, Credential::hs256("cs-1", SECRET)).with_jobs(JOB_IDS.map(job).to_vec());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    FakeUpstream::start(listener, Tenant::new(Clock::system().now().as_millis(), vec![bot])).unwrap()
}

fn exporter(folder: &std::path::Path, upstream: &str) -> Program {
    let configuration = format!(
        "global: {{poll_interval: 2s}}
bots:
  - name: support
    base_url: {upstream}
    bot_id: {BOT_ID}
    auth: {{client_id: cs-1, client_secret_env: KOREAI_SECRET}}
    channels: [slack]
"
    );
    let file = folder.join("koreai.yml");
    std::fs::write(&file, configuration).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_koreai_exporter"));
    command.env("KOREAI_SECRET", SECRET).arg("--config.file").arg(file).arg("--storage.path").arg(folder.join("store"));
    command.args(["--web.listen-address", "127.0.0.1:0", "--web.enable-job-api"]);
    Program::start(command, "this crate")
}

fn alertmanager(folder: &std::path::Path, webhook: &str) -> Program {
    let file = shipped::alertmanager(folder, webhook);
    run("amtool", "prometheus-alertmanager", &["check-config", file.to_str().unwrap()], "");
    let mut command = program::installed(&["prometheus-alertmanager", "alertmanager"], "prometheus-alertmanager");
    command.arg("--config.file").arg(file).arg("--storage.path").arg(folder.join("alertmanager-data"));
    command.args(["--cluster.listen-address=", "--web.listen-address=127.0.0.1:0"]);
    Program::start(command, "prometheus-alertmanager")
}

fn prometheus(folder: &std::path::Path, exporter: &str, alertmanager: &str) -> Program {
    let file = shipped::prometheus(folder, exporter, alertmanager);
    run("promtool", "prometheus", &["check", "config", file.to_str().unwrap()], "");
    let mut command = program::installed(&["prometheus"], "prometheus");
    command.arg("--config.file").arg(file).arg("--storage.tsdb.path").arg(folder.join("prometheus-data"));
    command.arg("--web.listen-address=127.0.0.1:0");
    Program::start(command, "prometheus")
}

/// Waits until a query has a result.
async fn prometheus_has(prometheus: &Program, query: &str) {
    let url = format!("http://{}/api/v1/query", prometheus.address);
    let url = url::Url::parse_with_params(&url, [("query", query)]).unwrap();
    let asked = async {
        let mut turns = tokio::time::interval(Duration::from_millis(100));
        loop {
            turns.tick().await;
            let answer: Value = serde_json::from_str(&get(url.as_str()).await).unwrap_or_default();
            if answer["data"]["result"].as_array().is_some_and(|result| !result.is_empty()) {
                return;
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), asked).await;
    assert!(in_time.is_ok(), "Prometheus never had {query}; it said:\n{}", prometheus.said());
}

/// Registers a job, as a sender would.
async fn follow(exporter: &Program, id: &str) {
    let body = json!({"bot": "support", "request_id": id, "labels": {"campaign": "launch"}});
    let post = reqwest::Client::new().post(format!("http://{}/api/v1/jobs", exporter.address));
    let answer = post.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
}

async fn get(url: &str) -> String {
    match reqwest::get(url).await {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    }
}
