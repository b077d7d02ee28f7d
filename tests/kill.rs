//! The program is killed with SIGKILL again and again while 200 jobs run: at the end every counter is what the upstream
//! knows to be true, none was ever seen to fall, and no job that was shown as finished was asked about again.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use koreai_exporter::clock::Clock;
use koreai_exporter::fake_upstream::{Bot, Credential, FakeUpstream, Job, Plan, Tenant};

const BOT_ID: &str = "st-kill";
const JOBS: u32 = 200;
const KILLS: u32 = 50;

/// What may pass between upstream's answer and the end of the transaction that keeps it. A kill within this time makes the
/// next run ask again, which nobody can prevent; a kill later must not.
const ANSWER_TO_DISK: Duration = Duration::from_millis(500);

/// No wait is longer; all of them end with what they wait for.
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_count_nothing_twice_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = start_upstream().await;
    write_configuration(folder.path(), &upstream);
    let mut seen = Seen::default();
    let mut kills = Vec::new();
    for number in 0..KILLS {
        let mut exporter = Exporter::start(folder.path());
        // Between 0.2 and 0.8 s of life, in no order.
        let life = Duration::from_millis(200 + u64::from(number * 379 % 600));
        let dies_at = tokio::time::Instant::now() + life;
        let mut looks = tokio::time::interval(Duration::from_millis(40));
        while tokio::time::timeout_at(dies_at, looks.tick()).await.is_ok() {
            seen.look(&exporter.metrics().await, upstream.job_clock());
        }
        kills.push(upstream.job_clock());
        exporter.kill();
    }
    let mut exporter = Exporter::start(folder.path());
    let finished = format!("koreai_jobs{{bot=\"support\",state=\"finished\"}} {JOBS}");
    let page = wait_until(async || {
        let page = exporter.metrics().await;
        seen.look(&page, upstream.job_clock());
        page.contains(&finished).then_some(page)
    })
    .await;
    exporter.kill();

    assert_eq!(counters(&page, "koreai_notifications_total"), true_notifications(&upstream));
    let jobs_finished: u64 = counters(&page, "koreai_jobs_finished_total").values().sum();
    assert_eq!(jobs_finished, u64::from(JOBS));
    seen.assert_none_was_asked_again(&upstream);
    assert_only_kills_made_it_ask_again(&upstream, &kills);
}

async fn start_upstream() -> FakeUpstream {
    let jobs = (0..JOBS).map(|number| {
        let over = Duration::from_millis(3_000 + u64::from(number) * 150);
        Job::new(&id(number), 20 + number % 60)
            .over_channels(&["msteams", "whatsapp", "sms"])
            .with_failures(number % 4 * 10)
            .with_plan(Plan::Runs { over })
    });
    let mut bot = Bot::new(BOT_ID, Credential::hs256("cs-kill", "a-secret-that-guards-nothing-at-all")).with_jobs(jobs.collect());
    (bot.per_minute, bot.per_hour) = (1_000_000, 10_000_000);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    FakeUpstream::start(listener, Tenant::new(Clock::system().now().as_millis(), vec![bot])).unwrap()
}

fn id(number: u32) -> String {
    format!("ds-{number:08}")
}

fn write_configuration(folder: &Path, upstream: &FakeUpstream) {
    let targets: Vec<String> = (0..JOBS).map(|number| format!("\"{}\"", id(number))).collect();
    std::fs::write(folder.join("jobs.json"), format!("[{{\"targets\": [{}]}}]", targets.join(","))).unwrap();
    let configuration = format!(
        "\
global: {{poll_interval: 2s, max_poll_interval: 4s}}
bots:
  - name: support
    base_url: {url}
    bot_id: {BOT_ID}
    channels: [msteams, whatsapp, sms]
    auth: {{client_id: cs-kill, client_secret_env: KILL_SECRET}}
    rate_limit: {{per_minute: 100000, per_hour: 6000000}}
    file_sd_configs: [{{files: [{folder}/jobs.json]}}]
",
        url = upstream.url(),
        folder = folder.display()
    );
    std::fs::write(folder.join("koreai.yml"), configuration).unwrap();
}

/// The program, and where it answers.
struct Exporter {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Exporter {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_koreai_exporter"))
            .arg(format!("--config.file={}", folder.join("koreai.yml").display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .env("KILL_SECRET", "a-secret-that-guards-nothing-at-all")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut before = Vec::new();
        let address = loop {
            let Some(Ok(line)) = log.next() else { panic!("the program did not start:\n{}", before.join("\n")) };
            if let Some(address) = line.split("address=").nth(1).and_then(|rest| rest.split(' ').next()) {
                break address.trim_matches('"').to_owned();
            }
            before.push(line);
        };
        // The rest of the log is read and passed over: a full pipe would stop the program.
        std::thread::spawn(move || log.for_each(drop));
        Self { child, url: format!("http://{address}/metrics"), client: reqwest::Client::new() }
    }

    async fn metrics(&self) -> String {
        self.client.get(&self.url).send().await.unwrap().text().await.unwrap()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // Has died already, unless the test failed.
        let _dead = self.child.kill();
    }
}

async fn wait_until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
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
fn counters(page: &str, family: &str) -> BTreeMap<String, u64> {
    let samples = page.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix('{')?.split_once("} "));
    samples.map(|(labels, value)| (labels.to_owned(), value.parse().unwrap())).collect()
}

fn true_notifications(upstream: &FakeUpstream) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for number in 0..JOBS {
        for (channel, counts) in upstream.truth(BOT_ID, &id(number)).unwrap().channels {
            for (status, count) in [("SUCCESS", counts.success), ("FAILURE", counts.failure), ("UNKNOWN", 0)] {
                let labels = format!("bot=\"support\",channel=\"{channel}\",status=\"{status}\"");
                *sums.entry(labels).or_default() += u64::from(count);
            }
        }
    }
    sums
}

/// What scrapes have shown.
#[derive(Default)]
struct Seen {
    counters: BTreeMap<String, u64>,
    finished: HashMap<String, Duration>,
}

impl Seen {
    fn look(&mut self, page: &str, now: Duration) {
        for family in ["koreai_notifications_total", "koreai_notification_failures_total", "koreai_jobs_finished_total"] {
            for (labels, value) in counters(page, family) {
                let before = self.counters.insert(format!("{family}{{{labels}}}"), value).unwrap_or(0);
                assert!(before <= value, "{family}{{{labels}}} fell from {before} to {value}");
            }
        }
        for (labels, value) in counters(page, "koreai_job_status") {
            let ended = ["\"SUCCESS\"", "\"PARTIAL_SUCCESS\"", "\"FAILURE\""].iter().any(|status| labels.contains(status));
            let id = labels.split("request_id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            if ended && value == 1 {
                self.finished.entry(id.to_owned()).or_insert(now);
            }
        }
    }

    fn assert_none_was_asked_again(&self, upstream: &FakeUpstream) {
        assert_eq!(self.finished.len(), JOBS as usize, "every job was seen finished");
        for (id, seen_at) in &self.finished {
            let later: Vec<_> = upstream.record().calls_for(id).filter(|call| call.at > *seen_at).cloned().collect();
            assert!(later.is_empty(), "{id} was shown as finished at {seen_at:?} and asked about again: {later:?}");
        }
    }
}

fn assert_only_kills_made_it_ask_again(upstream: &FakeUpstream, kills: &[Duration]) {
    let mut excused = 0;
    for number in 0..JOBS {
        let record = upstream.record();
        let calls: Vec<_> = record.calls_for(&id(number)).collect();
        for (index, again) in calls.iter().enumerate().filter(|(_, call)| call.after_finish) {
            let told_at = calls[index - 1].at;
            let killed = kills.iter().any(|kill| told_at <= *kill && *kill <= told_at + ANSWER_TO_DISK);
            assert!(killed, "{} had finished at {told_at:?} and was asked about again at {:?}", id(number), again.at);
            excused += 1;
        }
    }
    println!("{excused} answers were lost in {} kills", kills.len());
}
