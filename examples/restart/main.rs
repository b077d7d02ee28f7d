//! Measures a restart in one process, from opening the database to the last byte of the first scrape.
//!
//! `cargo run --release --example restart [JOBS [REMEMBERED]]`; by default 100,000 finished jobs with series and 1,000,000
//! remembered ones without.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement may panic")]

use std::path::Path;
use std::time::Instant;

use clap::Parser;
use enum_map::EnumMap;
use koreai_exporter::app::{Options, serve};
use koreai_exporter::cli::Cli;
use koreai_exporter::clock::Clock;
use koreai_exporter::config::Config;
use koreai_exporter::database::{Batch, Database};
use koreai_exporter::model::{
    ApiVersion, BotName, Channel, ChannelTally, Job, JobKey, JobNumbers, JobState, JobStatus, LabelValue, Reason,
    RequestId, SourceId, SourceKind, Timestamp,
};
use koreai_exporter::store::PersistedJob;
use tokio_util::sync::CancellationToken;

const CONFIGURATION: &str = "
bots:
  - name: support
    base_url: http://127.0.0.1:9
    bot_id: st-restart
    auth: {client_id: cs-restart, client_secret_env: RESTART_SECRET}
";

#[tokio::main]
async fn main() {
    let jobs: u32 = std::env::args().nth(1).map_or(100_000, |text| text.parse().unwrap());
    let remembered: u32 = std::env::args().nth(2).map_or(1_000_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let filled = Instant::now();
    let size = fill(folder.path(), jobs, remembered).await;
    println!(
        "{jobs} jobs and {remembered} remembered ones written in {:.0?}, {:.1} MiB",
        filled.elapsed(),
        size as f64 / 1_048_576.0
    );
    for crashed in [false, true] {
        restart(folder.path(), jobs, crashed).await;
    }
}

async fn fill(folder: &Path, jobs: u32, remembered: u32) -> u64 {
    let now = Clock::system().now();
    let (database, _) = Database::open(folder).await.unwrap();
    let mut batch = Batch::new(now);
    for number in 0..jobs {
        let job = finished(number, now);
        batch.job(job.job.key.clone(), Some(&job)).unwrap();
    }
    database.write(batch).await.unwrap().unwrap();
    for first in (jobs..jobs + remembered).step_by(100_000) {
        let mut batch = Batch::new(now);
        for number in first..(first + 100_000).min(jobs + remembered) {
            let job = PersistedJob { retired: true, sources: Vec::new(), ..finished(number, now) };
            batch.job(job.job.key.clone(), Some(&job)).unwrap();
        }
        database.write(batch).await.unwrap().unwrap();
    }
    let size = database.size_bytes();
    database.close().await;
    size
}

fn finished(number: u32, now: Timestamp) -> PersistedJob {
    let tally = |channel, success, failure| {
        let mut tally = ChannelTally::new(Channel::clean(channel).unwrap());
        tally.entries = EnumMap::from_array([success, failure, 0]);
        tally.failures = vec![(Reason::other(), failure)];
        tally.delivery = [success / 3, success / 3, failure, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        tally.delivery_sum = 17.25;
        tally
    };
    let id = RequestId::parse(&format!("ds-{number:08x}-1111-4222-8333-444455556666")).unwrap();
    let key = JobKey { bot: BotName::parse("support").unwrap(), id };
    let api = SourceId { bot: key.bot.clone(), kind: SourceKind::Api, name: "api".into() };
    let job = Job {
        state: JobState::Finished,
        status: JobStatus::PartialSuccess,
        completion: Some(1.0),
        tallies: vec![tally("msteams", 400, 20), tally("whatsapp", 300, 30)],
        numbers: JobNumbers::from_fn(|_| Some(750)),
        created: Some(now),
        requested: Some(now),
        last_notification: Some(now),
        last_change: Some(now),
        finished: Some(now),
        poll_up: Some(true),
        last_poll_success: Some(now),
        ..Job::new(key, ApiVersion::V1, LabelValue::parse(&format!("campaign-{}", number % 100)).ok(), [].into())
    };
    PersistedJob {
        job,
        added: now,
        ended: Some(now),
        last_poll: Some(now),
        misses: 0,
        counted: None,
        inconsistencies: EnumMap::default(),
        unrecognized: EnumMap::default(),
        campaign_since: Some(now),
        sources: vec![api],
        retired: false,
    }
}

async fn restart(folder: &Path, jobs: u32, crashed: bool) {
    let copy = tempfile::tempdir().unwrap();
    let whole = folder;
    let folder = if crashed { crash(whole, copy.path()).await } else { whole };
    let cli = Cli::parse_from(["koreai_exporter", "--web.listen-address=127.0.0.1:0"]);
    let options = Options { storage: Some(folder.to_owned()), ..Options::from_cli(&cli).unwrap() };
    let secret = |_: &str| Some("a-secret-that-guards-nothing".to_owned());
    let config = Config::parse(CONFIGURATION, Path::new("restart.yml"), &secret).unwrap();
    let shutdown = CancellationToken::new();
    let start = Instant::now();
    let (database, contents) = Database::open(folder).await.unwrap();
    let opened = start.elapsed();
    drop(contents);
    database.close().await;
    if crashed {
        // Opening the copy has repaired it.
        crash(whole, copy.path()).await;
    }
    let start = Instant::now();
    let server = serve(options, config, shutdown.clone()).await.unwrap();
    let listening = start.elapsed();
    let url = format!("http://{}/metrics", server.addresses().first().unwrap());
    // The headers of Prometheus.
    let scrape = reqwest::Client::new().get(&url).header("accept-encoding", "gzip");
    let compressed = scrape.send().await.unwrap().bytes().await.unwrap().len();
    let scraped = start.elapsed();
    let page = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert_eq!(page.lines().filter(|line| line.starts_with("koreai_job_info{")).count(), jobs as usize);
    let how = if crashed { "after a crash" } else { "after a stop" };
    let [compressed, mib] = [compressed, page.len()].map(|bytes| bytes as f64 / 1_048_576.0);
    println!(
        "{how}: open alone takes {opened:.2?}; listens after {listening:.2?}, first scrape ({compressed:.0} MiB of gzip, {mib:.0} MiB of text) complete after {scraped:.2?}"
    );
    shutdown.cancel();
    server.wait().await.unwrap();
}

/// The file as after a crash: copied while it is open.
async fn crash<'a>(folder: &Path, copy: &'a Path) -> &'a Path {
    let (_database, _) = Database::open(folder).await.unwrap();
    let name = koreai_exporter::database::FILE_NAME;
    std::fs::copy(folder.join(name), copy.join(name)).unwrap();
    copy
}
