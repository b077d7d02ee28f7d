//! The small world of an incident: bots and their jobs at the fake upstream, exporters, a Prometheus, and what happens when.

pub(crate) mod exporter;
pub(crate) mod outside;
pub(crate) mod run;
pub(crate) mod series;

use std::time::Duration;

use koreai_exporter::fake_upstream::{FaultRule, Plan, ScriptedJob};

/// Minutes of a world.
pub(crate) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// A world, as plain data.
pub(crate) struct World {
    /// How long it is scraped.
    pub(crate) length: Duration,
    /// `global` of the configuration, in YAML.
    pub(crate) global: &'static str,
    pub(crate) bots: Vec<Bot>,
    pub(crate) faults: Vec<FaultRule>,
    /// Exporters: the index of the shard and the number of shards of each.
    pub(crate) exporters: Vec<(u32, u32)>,
    pub(crate) targets: Vec<ScrapeTarget>,
    /// Whether exporters keep their state on a disk, or in memory only.
    pub(crate) disk: bool,
    /// What happens at which time.
    pub(crate) events: Vec<(Duration, Event)>,
}

/// A bot of the world.
pub(crate) struct Bot {
    pub(crate) name: &'static str,
    /// The budget that the exporter may use, per minute and per hour.
    pub(crate) budget: (u32, u32),
    pub(crate) auth: Auth,
    /// Named by an HTTP source from their creation on.
    pub(crate) jobs: Vec<ScriptedJob>,
}

/// How the exporter gets its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    /// It signs tokens with a secret.
    Secret,
    /// It reads a token that expires at this time.
    TokenFile { expires: Duration },
}

/// What Prometheus scrapes.
#[derive(Debug, Clone)]
pub(crate) struct ScrapeTarget {
    pub(crate) job: &'static str,
    pub(crate) instance: &'static str,
    /// Which of the exporters it reaches.
    pub(crate) exporter: usize,
    pub(crate) path: &'static str,
    /// Whether Prometheus has it.
    pub(crate) listed: bool,
    /// Whether scrapes fail although the exporter runs.
    pub(crate) failing: bool,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The secret file of each bot is removed, or written again.
    SecretLost(bool),
    /// The upstream refuses calls because others use the bot's limit.
    Others(Option<Limit>),
    /// The disk of an exporter is full, or has space again.
    DiskFull(usize, bool),
    /// The HTTP sources return an empty list.
    EmptyLists(bool),
    /// The HTTP sources fail.
    SourcesFail(bool),
    /// A job is replaced by another one of the same ID.
    Replace(ScriptedJob),
    Start(usize),
    Stop(usize),
    Kill(usize),
    /// Prometheus has the target or not.
    Listed(usize, bool),
    /// Scrapes of the target fail or not.
    ScrapesFail(usize, bool),
    /// Prometheus runs or not.
    Prometheus(bool),
}

/// What others leave of the upstream's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Nothing of the hour.
    Hour,
    /// So many calls of each minute.
    Minute(usize),
}

impl World {
    /// One exporter with one bot, scraped every 30 s; nothing goes wrong.
    pub(crate) fn new(length_minutes: u64, jobs: Vec<ScriptedJob>) -> Self {
        let target = ScrapeTarget {
            job: "koreai-exporter",
            instance: "exporter-0:10047",
            exporter: 0,
            path: "/metrics",
            listed: true,
            failing: false,
        };
        Self {
            length: minutes(length_minutes),
            global: "{}",
            bots: vec![Bot { name: "support", budget: (500, 15_000), auth: Auth::Secret, jobs }],
            faults: Vec::new(),
            exporters: vec![(0, 1)],
            targets: vec![target],
            disk: false,
            events: vec![(Duration::ZERO, Event::Start(0))],
        }
    }

    /// With this `global` section.
    pub(crate) fn with_global(self, global: &'static str) -> Self {
        Self { global, ..self }
    }

    /// With exporters that keep their state on a disk.
    pub(crate) fn with_disk(self) -> Self {
        Self { disk: true, ..self }
    }

    /// With this budget of the first bot.
    pub(crate) fn with_budget(mut self, per_minute: u32, per_hour: u32) -> Self {
        self.bots[0].budget = (per_minute, per_hour);
        self
    }

    /// With this way to get a token.
    pub(crate) fn with_auth(mut self, auth: Auth) -> Self {
        self.bots[0].auth = auth;
        self
    }

    /// With a fault of the upstream.
    pub(crate) fn with_fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// With an event at this minute. Events of the same time happen in the order in which they were added.
    pub(crate) fn at(self, minute: u64, event: Event) -> Self {
        self.at_second(minute * 60, event)
    }

    /// With an event at this second.
    pub(crate) fn at_second(mut self, second: u64, event: Event) -> Self {
        self.events.push((Duration::from_secs(second), event));
        self
    }

    /// With another exporter, which starts with the first.
    pub(crate) fn with_exporter(mut self, instance: &'static str, shard: (u32, u32)) -> Self {
        let exporter = self.exporters.len();
        self.exporters.push(shard);
        self.events.push((Duration::ZERO, Event::Start(exporter)));
        self.with_target("koreai-exporter", instance, exporter, "/metrics", true)
    }

    /// With another scrape target.
    pub(crate) fn with_target(
        mut self,
        job: &'static str,
        instance: &'static str,
        exporter: usize,
        path: &'static str,
        listed: bool,
    ) -> Self {
        self.targets.push(ScrapeTarget { job, instance, exporter, path, listed, failing: false });
        self
    }
}

/// A job that is created at this minute and runs for so many minutes.
pub(crate) fn job(id: &str, created: u64, runs: u64, recipients: u32) -> ScriptedJob {
    let job = ScriptedJob::new(id, recipients).with_plan(Plan::Runs { over: minutes(runs) });
    ScriptedJob { created_at: minutes(created), ..job }
}

/// Jobs that run all the time.
pub(crate) fn long_jobs(count: u64, length_minutes: u64) -> Vec<ScriptedJob> {
    (0..count).map(|number| job(&format!("ds-long-{number}"), 0, length_minutes + 60, 100)).collect()
}

/// One job after the other: each is created so many seconds after the one before, and runs for that time.
pub(crate) fn traffic(
    prefix: &str,
    from: u64,
    until: u64,
    every_seconds: u64,
    recipients: u32,
    failure_percent: impl Fn(u64) -> u32,
) -> Vec<ScriptedJob> {
    let starts = (from * 60..until * 60).step_by(usize::try_from(every_seconds).expect("seconds"));
    let one = |(number, second): (usize, u64)| {
        let over = Duration::from_secs(every_seconds.min(60));
        let job = ScriptedJob::new(&format!("ds-{prefix}-{number}"), recipients);
        let job = job.with_plan(Plan::Runs { over }).with_failures(failure_percent(number as u64));
        ScriptedJob { created_at: Duration::from_secs(second), ..job }
    };
    starts.enumerate().map(one).collect()
}

/// Jobs with a campaign.
pub(crate) fn of_campaign(campaign: &str, jobs: Vec<ScriptedJob>) -> Vec<ScriptedJob> {
    jobs.into_iter().map(|job| ScriptedJob { campaign: Some(campaign.to_owned()), ..job }).collect()
}
