//! Sources, answers and time go in; jobs and counters are judged. No clock, no I/O.

mod campaigns;
mod counters;
mod gone;
mod life;
mod sources;
mod unchanged;

use std::time::Duration;

use enum_map::EnumMap;

use super::*;
use crate::model::{
    ApiVersion, BotCounters, BotMetrics, BotName, Channel, ChannelTally, DropReason, EntryStatus, Inconsistency, Job,
    JobKey, JobNumber, JobNumbers, JobSlot, JobState, JobStatus, LabelValue, Outcome, Reason, Report, RequestId,
    SourceId, SourceKind, Target, TargetUpdate, TerminalStatus, Timestamp, UnrecognizedKind,
};

const HOUR: Duration = Duration::from_secs(3600);
const LIFE: Settings = Settings {
    job_deadline: Duration::from_secs(24 * 3600),
    retention: HOUR,
    campaign_retention: Duration::from_secs(7 * 24 * 3600),
    max_jobs: 3,
};

/// So many seconds after some start.
fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus(Duration::from_secs(seconds))
}

fn bot() -> BotName {
    BotName::parse("support").unwrap()
}

fn spec(name: &str) -> BotSpec {
    BotSpec { name: BotName::parse(name).unwrap(), api: ApiVersion::V1, channels: vec![channel("msteams")] }
}

fn channel(name: &str) -> Channel {
    Channel::clean(name).unwrap()
}

fn source(name: &str) -> SourceId {
    SourceId { bot: bot(), kind: SourceKind::File, name: name.into() }
}

fn target(id: &str) -> Target {
    Target { id: RequestId::parse(id).unwrap(), campaign: None, labels: [].into() }
}

fn in_campaign(id: &str, campaign: &str) -> Target {
    Target { campaign: Some(LabelValue::parse(campaign).unwrap()), ..target(id) }
}

fn key(id: &str) -> JobKey {
    JobKey { bot: bot(), id: RequestId::parse(id).unwrap() }
}

/// A report with these entries on Teams: successes, failures, unknown.
fn report(status: JobStatus, entries: [u64; 3]) -> Report {
    let mut tally = ChannelTally::new(channel("msteams"));
    tally.entries = EnumMap::from_array(entries);
    if entries[1] > 0 {
        tally.failures = vec![(Reason::parse("timeout").unwrap(), entries[1])];
    }
    Report {
        status,
        completion: None,
        numbers: JobNumbers::default(),
        entries: entries.iter().sum(),
        created: None,
        requested: None,
        first_notification: None,
        last_notification: None,
        job_type: None,
        action: None,
        tallies: if entries == [0; 3] { Vec::new() } else { vec![tally] },
        inconsistencies: Vec::new(),
        unrecognized: Vec::new(),
    }
}

/// A store with the bot `support` and two sources, `a` and `b`.
struct World {
    store: Store,
}

impl World {
    fn new() -> Self {
        let mut store = Store::new(LIFE);
        store.configure(LIFE, &[spec("support")], &[source("a"), source("b")], at(0));
        Self { store }
    }

    /// One that tracks these jobs, named by `a`.
    fn tracking(ids: &[&str]) -> Self {
        let mut world = Self::new();
        world.names("a", ids, at(0));
        world.store.take_changes();
        world
    }

    fn names(&mut self, name: &str, ids: &[&str], now: Timestamp) {
        self.names_targets(name, ids.iter().map(|id| target(id)).collect(), now);
    }

    fn names_targets(&mut self, name: &str, targets: Vec<Target>, now: Timestamp) {
        self.store.apply(TargetUpdate { source: source(name), targets: Some(targets), up: true, invalid: 0 }, now);
    }

    fn slot(&self, id: &str) -> Option<JobSlot> {
        self.store.find(&key(id))
    }

    fn job(&self, id: &str) -> Option<&Job> {
        self.store.job(self.slot(id)?)
    }

    fn answered(&mut self, id: &str, status: JobStatus, entries: [u64; 3], now: Timestamp) -> RecordOutcome {
        let slot = self.slot(id).unwrap();
        self.store.record(slot, Outcome::Ok, Some(report(status, entries)), now)
    }

    fn failed(&mut self, id: &str, outcome: Outcome, now: Timestamp) -> RecordOutcome {
        let slot = self.slot(id).unwrap();
        self.store.record(slot, outcome, None, now)
    }

    fn metrics(&self) -> &BotMetrics {
        self.store.bots().next().unwrap()
    }

    fn counters(&self) -> &BotCounters {
        &self.metrics().counters
    }

    /// Log entries counted on Teams.
    fn counted(&self) -> [u64; 3] {
        self.counters().notifications[&channel("msteams")].into_array()
    }

    /// Jobs by state: polling, finished, gone, abandoned.
    fn states(&self) -> [u64; 4] {
        self.metrics().gauges.jobs.into_array()
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.store.dropped()[reason]
    }

    fn tracked(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.store.jobs().map(|job| job.key.id.to_string()).collect();
        ids.sort();
        ids
    }
}
