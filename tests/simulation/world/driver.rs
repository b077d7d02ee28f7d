//! Lets the events of a world happen, and looks at the program all the while.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use koreai_exporter::fake_upstream::{Credential, DirectUpstream, Tenant, TenantBot};
use tokio::time::Instant;

use super::dice::Dice;
use super::disk::SimulatedDisk;
use super::exporter::Exporter;
use super::ledger::Ledger;
use super::page::Page;
use super::plan::{Event, Via, World};
use super::promises::{Seen, sizes_are_bounded};
use super::time::{BEGIN, Time};
use super::upstream::{Outside, Weather};

/// A program that could not start is started again after this time.
const START_AGAIN: Duration = Duration::from_secs(5);
/// No command takes longer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// A world under way.
pub(crate) struct Driver {
    pub(crate) world: World,
    pub(crate) outside: Arc<Outside>,
    pub(crate) seen: Seen,
    pub(crate) lives: u64,
    pub(super) exporter: Option<Exporter>,
    pub(super) dice: Dice,
    pub(super) bots: Vec<BotNow>,
    pub(super) folder: tempfile::TempDir,
    began: Instant,
    start_at: Duration,
    /// The power goes with the program, when it dies in a commit.
    pub(super) power: bool,
    /// When the last batch came that was surely written, whether the disk was well, and whether the end was in good order,
    /// of the life before.
    last_life: (Option<Duration>, bool, bool, Duration),
}

/// What of a bot changes.
pub(super) struct BotNow {
    pub(super) limits: (u32, u32),
    pub(super) wrong_url: bool,
    /// The secret that upstream takes.
    pub(super) generation: u64,
    pub(super) secret_lost: bool,
}

pub(super) fn secret(bot: usize, generation: u64) -> String {
    format!("secret-{bot}-{generation}-0123456789-0123456789-0123456789")
}

impl Driver {
    pub(crate) fn new(world: World) -> Self {
        let tenant_bots = world.bots.iter().enumerate().map(|(number, bot)| TenantBot {
            per_minute: bot.per_minute,
            per_hour: bot.per_hour,
            enforce_jti: bot.jti,
            rate_limit_form: bot.refusal,
            per_id_per_minute: bot.per_id_per_minute,
            jobs: bot.jobs.iter().map(|job| job.script.clone()).collect(),
            ..TenantBot::new(&bot.bot_id, Credential::hs256(&format!("cs-{number}"), &secret(number, 0)))
        });
        let mut tenant = Tenant::new(BEGIN, tenant_bots.collect());
        tenant.http.etags = world.etags;
        let names = world.bots.iter().map(|bot| (bot.bot_id.clone(), bot.name.clone())).collect();
        let weather = Weather {
            upstream: DirectUpstream::new(tenant).expect("keys are good"),
            dice: Dice::new(world.seed, 2),
            latency: world.latency,
            reorders: world.reorders,
            names,
            lists: BTreeMap::new(),
            failing: BTreeMap::new(),
        };
        let outside = Outside {
            time: Time::new(),
            disk: SimulatedDisk::new(Dice::new(world.seed, 3)),
            ledger: Mutex::new(Ledger::new(world.pages.0)),
            weather: Mutex::new(weather),
        };
        let bots = world.bots.iter().map(|bot| BotNow {
            limits: (bot.per_minute, bot.per_hour),
            wrong_url: false,
            generation: 0,
            secret_lost: false,
        });
        let driver = Self {
            bots: bots.collect(),
            dice: Dice::new(world.seed, 4),
            outside: Arc::new(outside),
            seen: Seen::default(),
            lives: 0,
            exporter: None,
            folder: tempfile::tempdir().expect("a folder for secrets"),
            began: Instant::now(),
            start_at: Duration::ZERO,
            power: false,
            last_life: (None, true, true, Duration::ZERO),
            world,
        };
        for bot in 0..driver.bots.len() {
            driver.write_secret(bot, 0);
        }
        driver
    }

    /// The time of trouble.
    pub(crate) async fn trouble(&mut self) {
        let mut events = std::mem::take(&mut self.world.events).into_iter().peekable();
        let mut scrape_at = self.world.scrape_every;
        while self.outside.ledger().story.broken.is_empty() {
            self.keep_running().await;
            let next = events.peek().map_or(self.world.length, |event| event.at).min(scrape_at).min(self.world.length);
            let next = if self.exporter.is_none() { next.min(self.start_at) } else { next };
            tokio::select! {
                biased;
                () = self.outside.disk.died() => {}
                () = tokio::time::sleep_until(self.began + next) => {}
            }
            self.bury().await;
            let elapsed = self.began.elapsed();
            if elapsed >= self.world.length {
                break;
            }
            if elapsed >= scrape_at {
                scrape_at = elapsed + self.world.scrape_every;
                self.scrape().await;
            }
            while let Some(Event { what, .. }) = events.next_if(|event| event.at <= elapsed) {
                self.happen(what).await;
            }
        }
    }

    /// Starts the program where it does not run, if it is time.
    pub(crate) async fn keep_running(&mut self) {
        self.bury().await;
        if self.exporter.as_ref().is_some_and(Exporter::has_ended) {
            let now = self.outside.time.now();
            self.outside.ledger().story.broken(now, "it runs", "the loop has ended by itself");
        }
        if self.exporter.is_some() || self.began.elapsed() < self.start_at {
            return;
        }
        let (configuration, folder) = (self.configuration(), self.folder.path().to_owned());
        for (bot, now) in self.world.bots.iter().zip(&self.bots) {
            self.outside.ledger().set_limits(&bot.name, now.limits.0, now.limits.1);
        }
        self.name_static();
        self.lives += 1;
        self.outside.tell(&format!("life {} begins", self.lives));
        let ((good, healthy, clean, ended), outside) = (self.last_life, self.outside.clone());
        let look = |contents: &koreai_exporter::database::Contents| {
            let mut ledger = outside.ledger();
            ledger.found(contents, good, healthy, clean, ended);
            if !outside.time.was_set_back() {
                ledger.found_calls(&contents.calls, outside.time.now());
            }
        };
        let rng = self.dice.rng();
        match Exporter::start(&self.outside, &configuration, &folder, rng, self.world.pages, look).await {
            Ok(exporter) => self.exporter = Some(exporter),
            Err(error) => {
                let error = self.without_folder(&error);
                self.outside.tell(&format!("it does not start: {error}"));
                let excused = self.bots.iter().any(|bot| bot.secret_lost) || !self.outside.disk.is_healthy();
                if !excused && !self.outside.disk.is_dead() {
                    let now = self.outside.time.now();
                    self.outside.ledger().story.broken(now, "it starts", &error);
                }
                self.start_at = self.began.elapsed() + START_AGAIN;
            }
        }
    }

    /// A disk that has died has taken the program with it.
    pub(super) async fn bury(&mut self) {
        if self.outside.disk.is_dead() {
            self.outside.tell("killed in a commit");
            self.kill(self.power).await;
        }
    }

    /// Kills the program.
    pub(super) async fn kill(&mut self, power: bool) {
        // Where no program runs, the end of the last one stays as it was: the disk may have recovered since.
        if self.exporter.is_some() || self.outside.disk.is_dead() {
            self.note_end(false);
        }
        match self.exporter.take() {
            Some(exporter) => exporter.kill(power).await,
            None => self.outside.disk.crash(power),
        }
        self.start_at = self.began.elapsed() + Duration::from_millis(self.dice.within(0..3_000));
    }

    /// Ends the program in good order.
    pub(super) async fn stop(&mut self) {
        let Some(exporter) = self.exporter.take() else { return };
        self.outside.ledger().stopping();
        exporter.stop().await;
        if self.outside.disk.is_dead() {
            return self.bury().await;
        }
        self.note_end(true);
        self.outside.disk.reopen();
        self.start_at = self.began.elapsed() + Duration::from_millis(self.dice.within(0..1_000));
    }

    fn note_end(&mut self, clean: bool) {
        let (now, disk) = (self.outside.time.now(), &self.outside.disk);
        let (good, healthy) = (disk.last_good_batch(now), disk.was_well(now, self.world.pages.1));
        self.last_life = (good, healthy, clean, now);
        // A disk that was late or failed kept no page back.
        self.seen.may_fall |= !healthy;
        self.outside.ledger().program_ended(good, healthy, clean, now);
    }

    /// Scrapes a page and looks at it.
    pub(crate) async fn scrape(&mut self) -> Option<Page> {
        let exporter = self.exporter.as_ref()?;
        let open_metrics = self.dice.percent(20);
        let accept = if open_metrics { "application/openmetrics-text; version=1.0.0" } else { "text/plain" };
        let before = self.outside.time.now();
        let answer = exporter.ask(Method::GET, "/metrics", &[("accept", accept)], String::new()).await;
        let now = self.outside.time.now();
        if answer.status != StatusCode::OK || now != before {
            self.outside.ledger().story.broken(now, "/metrics answers", &format!("{}", answer.status));
            return None;
        }
        let text = String::from_utf8(answer.body).unwrap_or_default();
        let sizes = tokio::time::timeout(ANSWERED_WITHIN, exporter.handle.sizes()).await;
        let mut ledger = self.outside.ledger();
        for line in text.lines().filter(|line| !line.contains(" process_") && !line.starts_with("process_")) {
            ledger.story.mix(line.as_bytes());
        }
        match sizes {
            Ok(Ok(sizes)) => sizes_are_bounded(&sizes, &self.world, &mut ledger, now),
            Ok(Err(_)) => {}
            Err(_) => ledger.story.broken(now, "commands are answered", "sizes"),
        }
        match Page::parse(&text, open_metrics) {
            Ok(page) => {
                self.seen.look(&page, &mut ledger, now);
                Some(page)
            }
            Err(error) => {
                ledger.story.broken(now, "/metrics parses", &error);
                None
            }
        }
    }

    pub(super) fn write_secret(&self, bot: usize, generation: u64) {
        let path = self.secret_file(bot);
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, secret(bot, generation)).expect("the folder can be written");
        std::fs::rename(&fresh, &path).expect("the folder can be written");
    }

    /// A message without the directory of this run, which is another each time.
    pub(super) fn without_folder(&self, message: &str) -> String {
        message.replace(&self.folder.path().display().to_string(), "")
    }

    pub(super) fn secret_file(&self, bot: usize) -> PathBuf {
        self.folder.path().join(format!("bot-{bot}.secret"))
    }

    /// Static targets are there as soon as the configuration is.
    pub(super) fn name_static(&self) {
        for bot in &self.world.bots {
            let ids: BTreeSet<String> =
                bot.jobs.iter().filter(|job| job.via == Via::Static).map(|job| job.script.id.clone()).collect();
            let now = self.outside.time.now();
            self.outside.ledger().named((bot.name.clone(), "static".to_owned()), ids, now);
        }
    }

    /// The end of the world.
    pub(crate) async fn end(&mut self) -> Arc<Outside> {
        self.stop().await;
        self.outside.clone()
    }
}
