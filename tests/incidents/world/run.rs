//! Runs a world on a paused clock, and scrapes it as Prometheus does.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use koreai_exporter::fake_upstream::{Credential, DirectUpstream, Tenant, TenantBot};
use tokio::time::Instant;

use super::exporter::Exporter;
use super::outside::Outside;
use super::series::{Current, Series, samples};
use super::{Auth, Event, ScrapeTarget, World};
use crate::dice::Dice;
use crate::disk::SimulatedDisk;
use crate::time::BEGIN;

/// The time between two scrapes, as in `deploy/prometheus/prometheus.yml`.
pub(crate) const SCRAPE_INTERVAL: Duration = Duration::from_secs(30);
/// Scrapes come a little after the start, and never together with an event.
const SCRAPE_OFFSET: Duration = Duration::from_millis(700);
const SECRET: &str = "secret-0123456789-0123456789-0123456789-0123456789";

/// What Prometheus has stored at the end of a world, of the metrics with these names.
pub(crate) fn run(world: &World, names: &BTreeSet<String>) -> Series {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime needs memory only").block_on(async { Running::new(world, names).live().await })
}

struct Running<'a> {
    world: &'a World,
    names: &'a BTreeSet<String>,
    outside: Arc<Outside>,
    folder: tempfile::TempDir,
    configuration: String,
    /// The disk of each exporter, and the exporter while it runs.
    exporters: Vec<(SimulatedDisk, Option<Exporter>)>,
    targets: Vec<(ScrapeTarget, Current)>,
    prometheus: bool,
    series: Series,
}

impl<'a> Running<'a> {
    fn new(world: &'a World, names: &'a BTreeSet<String>) -> Self {
        let bots = world.bots.iter().map(|bot| TenantBot {
            jobs: bot.jobs.clone(),
            ..TenantBot::new(&bot_id(bot.name), Credential::hs256("cs-1", SECRET))
        });
        let tenant = Tenant { faults: world.faults.clone(), ..Tenant::new(BEGIN, bots.collect()) };
        let upstream = DirectUpstream::new(tenant).expect("valid keys");
        let folder = tempfile::tempdir().expect("a directory for secrets");
        let disks = (0..world.exporters.len() as u64).map(|number| SimulatedDisk::new(Dice::new(number, 1)));
        let running = Self {
            world,
            names,
            outside: Arc::new(Outside::new(upstream, &world.bots)),
            configuration: configuration(world),
            exporters: disks.map(|disk| (disk, None)).collect(),
            targets: world.targets.iter().map(|target| (target.clone(), Current::default())).collect(),
            prometheus: true,
            series: Series::default(),
            folder,
        };
        running.write_secret();
        running
    }

    async fn live(mut self) -> Series {
        let began = Instant::now();
        let mut events = self.world.events.clone();
        events.sort_by_key(|(at, _)| *at);
        let mut events = events.into_iter().peekable();
        let ticks = self.world.length.as_secs() / SCRAPE_INTERVAL.as_secs();
        for tick in 0..=ticks {
            let scrape = SCRAPE_INTERVAL * u32::try_from(tick).expect("few scrapes") + SCRAPE_OFFSET;
            while let Some((at, event)) = events.next_if(|(at, _)| *at <= scrape) {
                tokio::time::sleep_until(began + at).await;
                self.happen(event).await;
            }
            tokio::time::sleep_until(began + scrape).await;
            if self.prometheus {
                self.scrape(usize::try_from(tick).expect("few scrapes")).await;
            }
        }
        for (_, exporter) in self.exporters {
            if let Some(exporter) = exporter {
                exporter.kill().await;
            }
        }
        self.series
    }

    async fn scrape(&mut self, tick: usize) {
        for (target, current) in &mut self.targets {
            let mut stored = Vec::new();
            if target.listed {
                let labels = format!("job=\"{}\",instance=\"{}\"", target.job, target.instance);
                let exporter = self.exporters[target.exporter].1.as_ref().filter(|_| !target.failing);
                let page = match exporter {
                    Some(exporter) => exporter.scrape(target.path).await,
                    None => None,
                };
                let up = if page.is_some() { 1.0 } else { 0.0 };
                stored.push((format!("up{{{labels}}}"), up));
                if let (Some(page), Some(exporter)) = (page, exporter) {
                    let begin = BEGIN as f64 / 1_000.0;
                    stored.extend(samples(&page, self.names, &labels, begin));
                    // The page has the start of this process, not that of the simulated one.
                    stored.retain(|(series, _)| !series.starts_with("process_start_time_seconds"));
                    if target.path == "/metrics" {
                        let started = (exporter.started.as_millis() - BEGIN) as f64 / 1_000.0;
                        stored.push((format!("process_start_time_seconds{{{labels}}}"), started));
                    }
                }
            }
            self.series.store(tick, current, stored);
        }
    }

    async fn happen(&mut self, event: Event) {
        let now = self.outside.time.now();
        match event {
            Event::SecretLost(true) => {
                for bot in &self.world.bots {
                    std::fs::remove_file(self.secret_file(bot.name)).expect("the secret was there");
                }
            }
            Event::SecretLost(false) => self.write_secret(),
            Event::Others(limit) => self.outside.state().others = limit,
            Event::DiskFull(exporter, full) => self.exporters[exporter].0.set_full(full, now),
            Event::EmptyLists(empty) => self.outside.state().lists_empty = empty,
            Event::SourcesFail(fail) => self.outside.state().sources_fail = fail,
            Event::Replace(job) => {
                let mut state = self.outside.state();
                assert!(state.upstream.add_job(&bot_id(self.world.bots[0].name), job), "the bot has space");
            }
            Event::Start(number) => {
                let (disk, exporter) = &mut self.exporters[number];
                let shard = self.world.exporters[number];
                let disk = self.world.disk.then_some(&*disk);
                let folder: &Path = self.folder.path();
                *exporter = Some(Exporter::start(&self.outside, disk, &self.configuration, folder, shard));
            }
            Event::Stop(number) => {
                let (disk, exporter) = &mut self.exporters[number];
                if let Some(exporter) = exporter.take() {
                    exporter.stop().await;
                    disk.reopen();
                }
            }
            Event::Kill(number) => {
                let (disk, exporter) = &mut self.exporters[number];
                if let Some(exporter) = exporter.take() {
                    disk.crash(false);
                    exporter.kill().await;
                }
            }
            Event::Listed(target, listed) => self.targets[target].0.listed = listed,
            Event::ScrapesFail(target, failing) => self.targets[target].0.failing = failing,
            Event::Prometheus(runs) => self.prometheus = runs,
        }
    }

    /// The secret of each bot, or its token.
    fn write_secret(&self) {
        for bot in &self.world.bots {
            let text = match bot.auth {
                Auth::Secret => SECRET.to_owned(),
                Auth::TokenFile { expires } => token(expires),
            };
            std::fs::write(self.secret_file(bot.name), text).expect("the directory can be written");
        }
    }

    fn secret_file(&self, bot: &str) -> PathBuf {
        self.folder.path().join(format!("{bot}.secret"))
    }
}

fn bot_id(name: &str) -> String {
    format!("st-{name}")
}

fn token(expires: Duration) -> String {
    let begin = BEGIN / 1_000;
    let expires = begin + i64::try_from(expires.as_secs()).expect("a time");
    let claims = serde_json::json!({"appId": "cs-1", "sub": "exporter", "iat": begin, "exp": expires});
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).expect("a token")
}

fn configuration(world: &World) -> String {
    let mut text = format!("global: {}\nbots:\n", world.global);
    for bot in &world.bots {
        let (name, (per_minute, per_hour)) = (bot.name, bot.budget);
        let auth = match bot.auth {
            Auth::Secret => format!("{{client_id: cs-1, client_secret_file: {name}.secret}}"),
            Auth::TokenFile { .. } => format!("{{token_file: {name}.secret}}"),
        };
        let _fits = write!(
            text,
            "  - name: {name}\n    base_url: http://upstream.example\n    bot_id: {}\n    auth: {auth}\n    \
             rate_limit: {{per_minute: {per_minute}, per_hour: {per_hour}}}\n    \
             http_sd_configs: [{{url: 'http://targets.example/{name}', refresh_interval: 30s}}]\n",
            bot_id(name)
        );
    }
    text
}
