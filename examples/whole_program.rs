//! Measures the release binary: memory, startup, and scrapes under load while jobs change.
//!
//! ```console
//! $ cargo build --release && cargo run --release --example whole_program
//! ```
//!
//! Needs Debian's `wrk`. Prints a table. The fake upstream runs in this process, on the same cores.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement may panic")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use koreai_exporter::clock::Clock;
use koreai_exporter::fake_upstream::{Credential, FakeUpstream, Plan, ScriptedJob, Tenant, TenantBot};
use tokio::process::{Child, Command};

const BOT: &str = "st-00000000-0000-4000-8000-000000000000";
const SECRET: &str = "a-secret-of-the-measurement";

#[tokio::main]
async fn main() {
    println!("| what | figure |\n| --- | ---: |");
    idle().await;
    tracked(10_000).await;
    load(1_000).await;
}

async fn idle() {
    let exporter = Exporter::start("http://127.0.0.1:9", &[]).await;
    println!("| idle, one bot: start to ready | {} ms |", exporter.ready_after.as_millis());
    println!("| idle, one bot: RSS | {:.1} MiB |", exporter.resident_mib());
}

/// This many jobs, all polled to their end.
async fn tracked(jobs: usize) {
    let plan = |_| Plan::Runs { over: Duration::from_millis(1) };
    let (upstream, ids) = upstream(jobs, 20, plan).await;
    let began = Instant::now();
    let exporter = Exporter::start(&upstream.url(), &ids).await;
    exporter.wait_for("koreai_jobs{bot=\"measured\",state=\"finished\"}", jobs as f64).await;
    println!("| {jobs} jobs: all polled to their end after | {:.1} s |", began.elapsed().as_secs_f64());
    let page = exporter.page().await;
    let series = page.lines().filter(|line| !line.starts_with('#')).count();
    println!("| {jobs} jobs: series, text | {series}, {:.1} MB |", page.len() as f64 / 1e6);
    println!("| {jobs} jobs: RSS | {:.1} MiB |", exporter.resident_mib());
    exporter.wrk("identity", &[], jobs).await;
    exporter.wrk("gzip", &["-H", "accept-encoding: gzip"], jobs).await;
}

/// Scrapes over four connections while this many jobs change.
async fn load(jobs: usize) {
    let plan = |index: usize| Plan::Runs { over: Duration::from_secs(300 + (index as u64 * 7) % 600) };
    let (upstream, ids) = upstream(jobs, 1_000, plan).await;
    let exporter = Exporter::start(&upstream.url(), &ids).await;
    let calls = "koreai_upstream_requests_total{bot=\"measured\",outcome=\"ok\"}";
    exporter.wait_for(calls, jobs as f64).await;
    let quiet = exporter.calls_over(calls, Duration::from_secs(10)).await;
    println!("| {jobs} changing jobs, no scrapes: polls per second | {quiet:.1} |");
    let before = exporter.value(calls).await;
    let began = Instant::now();
    exporter.wrk("gzip, jobs change", &["-H", "accept-encoding: gzip"], jobs).await;
    let during = (exporter.value(calls).await - before) / began.elapsed().as_secs_f64();
    println!("| {jobs} changing jobs, under this load: polls per second | {during:.1} |");
    let late = exporter.value("koreai_exporter_polls_overdue{bot=\"measured\"}").await;
    println!("| {jobs} changing jobs, under this load: polls overdue | {late} |");
    println!("| {jobs} changing jobs: RSS | {:.1} MiB |", exporter.resident_mib());
}

async fn upstream(jobs: usize, recipients: u32, plan: impl Fn(usize) -> Plan) -> (FakeUpstream, Vec<String>) {
    let ids: Vec<String> = (0..jobs).map(|index| format!("ds-{index:08x}-0000-4000-8000-000000000000")).collect();
    let channels = ["msteams", "slack", "whatsapp"];
    let script = |(index, id): (usize, &String)| {
        ScriptedJob::new(id, recipients).with_plan(plan(index)).with_failures(3).over_channels(&channels)
    };
    let mut bot = TenantBot::new(BOT, Credential::hs256("cs-measured", SECRET));
    bot.jobs = ids.iter().enumerate().map(script).collect();
    (bot.per_minute, bot.per_hour) = (u32::MAX, u32::MAX);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tenant = Tenant::new(Clock::system().now().as_millis(), vec![bot]);
    (FakeUpstream::start(listener, tenant).unwrap(), ids)
}

struct Exporter {
    child: Child,
    url: String,
    ready_after: Duration,
    _folder: tempfile::TempDir,
}

impl Exporter {
    async fn start(upstream: &str, ids: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("koreai.yml");
        std::fs::write(&config, configuration(upstream, ids)).unwrap();
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let began = Instant::now();
        let child = Command::new(binary())
            .arg("--config.file")
            .arg(&config)
            .args(["--storage.path", "", "--web.listen-address", &format!("127.0.0.1:{port}")])
            .env("MEASURED_SECRET", SECRET)
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("build the release binary first");
        let ready = format!("{url}/-/ready");
        let client = reqwest::Client::new();
        while !client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self { child, url, ready_after: began.elapsed(), _folder: folder }
    }

    async fn page(&self) -> String {
        reqwest::get(format!("{}/metrics", self.url)).await.unwrap().text().await.unwrap()
    }

    async fn value(&self, sample: &str) -> f64 {
        let page = self.page().await;
        let line = page.lines().find_map(|line| line.strip_prefix(sample));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    async fn wait_for(&self, sample: &str, least: f64) {
        while self.value(sample).await < least {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn calls_over(&self, sample: &str, span: Duration) -> f64 {
        let before = self.value(sample).await;
        tokio::time::sleep(span).await;
        (self.value(sample).await - before) / span.as_secs_f64()
    }

    fn resident_mib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    async fn wrk(&self, name: &str, more: &[&str], jobs: usize) {
        let output = Command::new("wrk")
            .args(["-t1", "-c4", "-d10s", "--latency"])
            .args(more)
            .arg(format!("{}/metrics", self.url))
            .output()
            .await
            .expect("install Debian's wrk");
        let text = String::from_utf8_lossy(&output.stdout);
        let field =
            |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap_or("?").trim().to_owned();
        let failed =
            text.lines().find(|line| line.contains("Socket errors") || line.contains("Non-2xx")).unwrap_or("none");
        println!(
            "| {jobs} jobs, 4 connections, {name}: scrapes per second, p99, failed | {}, {}, {} |",
            field("Requests/sec:"),
            field("99%"),
            failed.trim()
        );
    }
}

fn configuration(upstream: &str, ids: &[String]) -> String {
    let mut text = format!(
        "global: {{poll_interval: 2s, max_poll_interval: 10s}}\nbots:\n  - name: measured\n    base_url: {upstream}\n    \
         bot_id: {BOT}\n    auth: {{client_id: cs-measured, client_secret_env: MEASURED_SECRET}}\n    \
         rate_limit: {{per_minute: 100000, per_hour: 1000000}}\n"
    );
    if !ids.is_empty() {
        text.push_str("    static_configs:\n      - targets:\n");
        ids.iter().for_each(|id| writeln!(text, "          - {id}").unwrap());
    }
    text
}

/// The release binary beside this example.
fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("koreai_exporter")
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
