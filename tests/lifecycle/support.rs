//! The exporter and the fake upstream in this process, and a client.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use koreai_exporter::app::{Options, Server, serve};
use koreai_exporter::cli::Cli;
use koreai_exporter::clock::Clock;
use koreai_exporter::config::Config;
use koreai_exporter::fake_upstream::{Credential, FakeUpstream, ScriptedJob, Tenant, TenantBot};
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const BOT_ID: &str = "st-1";
const CLIENT_ID: &str = "cs-1";
const SECRET: &str = "a secret of the app, thirty-two bytes";
/// Long enough for a loaded machine, short enough to notice a hang.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// Time between two checks of a condition.
const LOOK: Duration = Duration::from_millis(20);

/// A bot of the fake upstream that accepts the exporter's tokens.
pub(crate) fn bot(bot_id: &str, jobs: Vec<ScriptedJob>) -> TenantBot {
    TenantBot::new(bot_id, Credential::hs256(CLIENT_ID, SECRET)).with_jobs(jobs)
}

pub(crate) async fn upstream(jobs: Vec<ScriptedJob>) -> FakeUpstream {
    upstream_of(vec![bot(BOT_ID, jobs)]).await
}

pub(crate) async fn upstream_of(bots: Vec<TenantBot>) -> FakeUpstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    FakeUpstream::start(listener, Tenant::new(Clock::system().now().as_millis(), bots)).unwrap()
}

/// `ds-<number>`.
pub(crate) fn id(number: usize) -> String {
    format!("ds-{number:08x}-0000-4000-8000-000000000000")
}

/// A job that takes an hour.
pub(crate) fn slow_job(id: &str) -> ScriptedJob {
    use koreai_exporter::fake_upstream::Plan;
    ScriptedJob::new(id, 10).with_plan(Plan::Runs { over: Duration::from_secs(3_600) })
}

/// A job that has finished already: 10 recipients, 3 failures.
pub(crate) fn finished_job(id: &str) -> ScriptedJob {
    use koreai_exporter::fake_upstream::Plan;
    ScriptedJob::new(id, 10).with_failures(30).with_plan(Plan::Runs { over: Duration::ZERO })
}

/// A directory with a configuration and the files it refers to.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("secret", SECRET);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file atomically: to a temporary name, then renamed.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let partial = self.path(&format!(".{name}.partial"));
        std::fs::write(&partial, content).unwrap();
        std::fs::rename(partial, self.path(name)).unwrap();
    }

    pub(crate) fn write_targets(&self, name: &str, numbers: impl Iterator<Item = usize>) {
        let targets: Vec<String> = numbers.map(id).collect();
        self.write(name, &serde_json::json!([{"targets": targets, "labels": {"campaign": "spring"}}]).to_string());
    }

    /// A configuration of bots that poll every two seconds; `global` and each bot's `extra` are more lines of YAML.
    pub(crate) fn configure(&self, upstream: &FakeUpstream, global: &str, bots: &[(&str, &str, &str)]) {
        self.write("koreai.yml", &self.configuration(upstream, global, bots));
    }

    pub(crate) fn configuration(&self, upstream: &FakeUpstream, global: &str, bots: &[(&str, &str, &str)]) -> String {
        let mut text = format!("global: {{poll_interval: 2s, max_poll_interval: 2s{global}}}\nbots:\n");
        for (name, bot_id, extra) in bots {
            text += &format!(
                "  - name: {name}\n    base_url: {url}\n    bot_id: {bot_id}\n    auth: {{client_id: {CLIENT_ID}, client_secret_file: {secret}}}\n",
                url = upstream.url(),
                secret = self.path("secret").display(),
            );
            for line in extra.lines() {
                text += &format!("    {line}\n");
            }
        }
        text
    }
}

/// A running exporter.
pub(crate) struct Exporter {
    url: String,
    client: reqwest::Client,
    server: Option<Server>,
    shutdown: CancellationToken,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Exporter {
    /// Starts it with the `koreai.yml` of the directory, lifecycle and job API enabled, and waits until it is ready.
    pub(crate) async fn start(folder: &Folder) -> Self {
        Self::start_with(&folder.path("koreai.yml"), &["--web.enable-lifecycle", "--web.enable-job-api"]).await
    }

    pub(crate) async fn start_with(config_file: &Path, flags: &[&str]) -> Self {
        Self::start_changed(config_file, flags, |_| {}).await
    }

    /// Starts it with settings that a file may not contain, such as shorter times.
    pub(crate) async fn start_changed(config_file: &Path, flags: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        let config_flag = format!("--config.file={}", config_file.display());
        let own = ["koreai_exporter", &config_flag, "--web.listen-address=127.0.0.1:0", "--storage.path="];
        let cli = Cli::try_parse_from(own.into_iter().chain(flags.iter().copied())).unwrap();
        let mut config = Config::load(config_file, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        change(&mut config);
        let shutdown = CancellationToken::new();
        let server = serve(Options::from_cli(&cli).unwrap(), config, shutdown.clone()).await.unwrap();
        let url = format!("http://{}", server.addresses()[0]);
        let exporter = Self { url, client: client(), server: Some(server), shutdown };
        exporter.until("it is ready", async || (exporter.get("/-/ready").await.status == 200).then_some(())).await;
        exporter
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.request(Method::GET, path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answered {
        self.request(Method::POST, path, body).await
    }

    pub(crate) async fn request(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answered {
        let request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        answered(request).await
    }

    pub(crate) async fn page(&self) -> Page {
        Page(self.get("/metrics").await.body)
    }

    /// Waits until a check returns a value.
    pub(crate) async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let looking = async {
            let mut ticks = tokio::time::interval(LOOK);
            loop {
                ticks.tick().await;
                if let Some(found) = look().await {
                    return found;
                }
            }
        };
        let found = tokio::time::timeout(DEADLINE, looking).await;
        match found {
            Ok(found) => found,
            Err(_) => panic!("not within {DEADLINE:?}: {what}\n{}", self.page().await.0),
        }
    }

    /// Waits until the page meets a condition.
    pub(crate) async fn until_page(&self, what: &str, condition: impl Fn(&Page) -> bool) -> Page {
        self.until(what, async || Some(self.page().await).filter(|page| condition(page))).await
    }

    /// Stops it gracefully.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        self.server.take().unwrap().wait().await.unwrap();
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap()
}

pub(crate) async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answered { status, headers, body: response.text().await.unwrap() }
}

/// A scraped page.
#[derive(Debug, Clone)]
pub(crate) struct Page(pub(crate) String);

impl Page {
    /// The value of the only sample whose line starts with this text.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let line = self.0.lines().find(|line| line.starts_with(series) && line[series.len()..].starts_with(' '))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Number of samples of a family.
    pub(crate) fn count(&self, family: &str) -> usize {
        let with_labels = format!("{family}{{");
        self.0.lines().filter(|line| line.starts_with(&with_labels)).count()
    }

    pub(crate) fn jobs(&self) -> usize {
        self.count("koreai_job_info")
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.contains(text)
    }
}
