//! The exporter under load: the release binary, its configuration and its target file.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use koreai_exporter::clock::Clock;
use koreai_exporter::fake_upstream::{Credential, FakeUpstream, Plan, ScriptedJob, Tenant, TenantBot};
use tokio::process::{Child, Command};

const BOT: &str = "st-00000000-0000-4000-8000-000000000000";
const SECRET: &str = "a-secret-of-the-soak";

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A running exporter.
pub(crate) struct Exporter {
    child: Child,
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    upstream: FakeUpstream,
    folder: tempfile::TempDir,
}

/// The ID of a job.
pub(crate) fn id(number: u64) -> String {
    format!("ds-{number:08x}-0000-4000-8000-000000000000")
}

impl Exporter {
    /// Starts an exporter for this many finished jobs, with an empty target file.
    pub(crate) async fn start(jobs: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = |number| {
            let plan = Plan::Runs { over: Duration::from_millis(1) };
            ScriptedJob::new(&id(number), 20).with_plan(plan).with_failures(3).over_channels(&["msteams", "slack"])
        };
        let mut bot = TenantBot::new(BOT, Credential::hs256("cs-soak", SECRET));
        bot.jobs = (0..jobs).map(script).collect();
        (bot.per_minute, bot.per_hour) = (u32::MAX, u32::MAX);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream =
            FakeUpstream::start(listener, Tenant::new(Clock::system().now().as_millis(), vec![bot])).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let config = folder.path().join("koreai.yml");
        std::fs::write(&config, configuration(&upstream.url(), "1h")).unwrap();
        write_targets(folder.path(), "[]");
        let child = Command::new(binary())
            .arg("--config.file")
            .arg(&config)
            .arg("--storage.path")
            .arg(folder.path().join("data"))
            .args([
                "--web.enable-job-api",
                "--web.enable-lifecycle",
                "--web.listen-address",
                &format!("127.0.0.1:{port}"),
            ])
            .env("SOAK_SECRET", SECRET)
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("build the release binary first");
        let exporter = Self { child, url, client: reqwest::Client::new(), upstream, folder };
        while !exporter.is_ready().await {
            tokio::time::sleep(LOOK).await;
        }
        exporter
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/-/ready", self.url)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Replaces the target file, at once.
    pub(crate) fn name_jobs(&self, numbers: std::ops::Range<u64>) {
        let ids: Vec<String> = numbers.map(|number| format!("\"{}\"", id(number))).collect();
        write_targets(self.folder.path(), &format!("[{{\"targets\": [{}]}}]", ids.join(",")));
    }

    /// Replaces the target file by one that cannot be read.
    pub(crate) fn break_target_file(&self) {
        write_targets(self.folder.path(), "[{");
    }

    /// Writes another configuration, which differs in the retention.
    pub(crate) fn write_configuration(&self, retention: &str) {
        let text = configuration(&self.upstream.url(), retention);
        std::fs::write(self.folder.path().join("koreai.yml"), text).unwrap();
    }

    /// The value of a sample; 0 if it is missing.
    pub(crate) async fn value(&self, sample: &str) -> f64 {
        let page = self.client.get(format!("{}/metrics", self.url)).send().await.unwrap().text().await.unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(sample));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    /// Waits until a sample has at least this value.
    pub(crate) async fn wait_for(&self, sample: &str, least: f64) {
        while self.value(sample).await < least {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

fn configuration(upstream: &str, retention: &str) -> String {
    format!(
        "global: {{poll_interval: 2s, max_poll_interval: 10s, retention: {retention}}}\nbots:\n  - name: soak\n    \
         base_url: {upstream}\n    bot_id: {BOT}\n    auth: {{client_id: cs-soak, client_secret_env: SOAK_SECRET}}\n    \
         rate_limit: {{per_minute: 100000, per_hour: 1000000}}\n    file_sd_configs:\n      - files: [targets.json]\n"
    )
}

fn write_targets(folder: &Path, text: &str) {
    let unfinished = folder.join("targets.new");
    std::fs::write(&unfinished, text).unwrap();
    std::fs::rename(unfinished, folder.join("targets.json")).unwrap();
}

/// The release binary beside this example.
fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("koreai_exporter")
}
