//! The stand-in for the upstream, a configuration, the program as a process, and its page.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use koreai_exporter::clock::Clock;
use koreai_exporter::fake_upstream::{Credential, FakeUpstream, ScriptedJob, Tenant, TenantBot};

pub(crate) const BOT_ID: &str = "st-storage";
const SECRET: &str = "a-secret-that-guards-nothing-at-all";

/// No wait is longer; all of them end with what they wait for.
const DEADLINE: Duration = Duration::from_secs(120);

/// An upstream with a budget that is never spent.
pub(crate) async fn start_upstream(jobs: Vec<ScriptedJob>) -> FakeUpstream {
    let mut bot = TenantBot::new(BOT_ID, Credential::hs256("cs-storage", SECRET)).with_jobs(jobs);
    (bot.per_minute, bot.per_hour) = (1_000_000, 10_000_000);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    FakeUpstream::start(listener, Tenant::new(Clock::system().now().as_millis(), vec![bot])).unwrap()
}

pub(crate) fn id(number: u32) -> String {
    format!("ds-{number:08}")
}

/// A configuration whose file source names the first so many jobs.
pub(crate) fn write_configuration(folder: &Path, upstream: &FakeUpstream, jobs: u32) {
    let targets: Vec<String> = (0..jobs).map(|number| format!("\"{}\"", id(number))).collect();
    std::fs::write(folder.join("jobs.json"), format!("[{{\"targets\": [{}]}}]", targets.join(","))).unwrap();
    let configuration = format!(
        "\
global: {{poll_interval: 2s, max_poll_interval: 4s}}
bots:
  - name: support
    base_url: {url}
    bot_id: {BOT_ID}
    channels: [msteams, whatsapp, sms]
    auth: {{client_id: cs-storage, client_secret_env: STORAGE_SECRET}}
    rate_limit: {{per_minute: 100000, per_hour: 6000000}}
    file_sd_configs: [{{files: [{folder}/jobs.json]}}]
",
        url = upstream.url(),
        folder = folder.display()
    );
    std::fs::write(folder.join("koreai.yml"), configuration).unwrap();
}

/// The program, and where it answers.
pub(crate) struct Exporter {
    child: Child,
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
}

impl Exporter {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::run(&mut command(folder)).unwrap_or_else(|log| panic!("the program did not start:\n{log}"))
    }

    /// Waits until it listens; the log where it ends instead.
    pub(crate) fn run(command: &mut Command) -> Result<Self, String> {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut before = Vec::new();
        let address = loop {
            let Some(Ok(line)) = log.next() else {
                let status = child.wait().unwrap();
                return Err(format!("{}\n{status}", before.join("\n")));
            };
            if let Some(address) = line.split("address=").nth(1).and_then(|rest| rest.split(' ').next()) {
                break address.trim_matches('"').to_owned();
            }
            before.push(line);
        };
        // The rest of the log is read and passed over: a full pipe would stop the program.
        std::thread::spawn(move || log.for_each(drop));
        Ok(Self { child, url: format!("http://{address}"), client: reqwest::Client::new() })
    }

    pub(crate) async fn metrics(&self) -> String {
        self.client.get(format!("{}/metrics", self.url)).send().await.unwrap().text().await.unwrap()
    }

    /// Waits for a line of the page; returns the page.
    pub(crate) async fn wait_for(&self, line: &str) -> String {
        wait_until(async || {
            let page = self.metrics().await;
            page.lines().any(|found| found == line).then_some(page)
        })
        .await
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // Has died already, unless the test failed.
        let _dead = self.child.kill();
    }
}

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_koreai_exporter"));
    command.args(arguments(folder)).env("STORAGE_SECRET", SECRET);
    command
}

/// The program under a shell's `ulimit -f`: its files cannot grow beyond so many KiB. The signal for it is passed over, so
/// that writing fails as it does on a full disk.
pub(crate) fn command_on_a_small_disk(folder: &Path, kib: u32) -> Command {
    let mut command = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
    command.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_koreai_exporter")]);
    command.args(arguments(folder)).env("STORAGE_SECRET", SECRET);
    command
}

fn arguments(folder: &Path) -> [String; 4] {
    [
        format!("--config.file={}", folder.join("koreai.yml").display()),
        format!("--storage.path={}", folder.join("data").display()),
        "--web.listen-address=127.0.0.1:0".to_owned(),
        "--web.enable-job-api".to_owned(),
    ]
}

pub(crate) async fn wait_until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let look_until_it_is_there = async {
        let mut interval = tokio::time::interval(Duration::from_millis(50));
        loop {
            interval.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    tokio::time::timeout(DEADLINE, look_until_it_is_there).await.expect("it did not happen in time")
}

/// Samples of one family by their labels.
pub(crate) fn counters(page: &str, family: &str) -> BTreeMap<String, u64> {
    let samples = page.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix('{')?.split_once("} "));
    samples.map(|(labels, value)| (labels.to_owned(), value.parse().unwrap())).collect()
}

/// What `koreai_notifications_total` has to be when the first so many jobs have been seen to their end.
pub(crate) fn true_notifications(upstream: &FakeUpstream, jobs: u32) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for number in 0..jobs {
        for (channel, counts) in upstream.truth(BOT_ID, &id(number)).unwrap().channels {
            for (status, count) in [("SUCCESS", counts.success), ("FAILURE", counts.failure), ("UNKNOWN", 0)] {
                let labels = format!("bot=\"support\",channel=\"{channel}\",status=\"{status}\"");
                *sums.entry(labels).or_default() += count;
            }
        }
    }
    sums
}
