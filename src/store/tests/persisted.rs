use std::time::Duration;

use crate::model::{
    ApiVersion, BotCounter, BotCounters, BotName, Campaign, Channel, ChannelTally, EntryStatus, JobKey, JobNumbers,
    JobState, JobStatus, LabelValue, Outcome, Report, RequestId, SourceId, SourceKind, Target, TargetUpdate, Timestamp,
};
use crate::store::{BotSpec, Change, Dirty, PersistedJob, Registered, Settings, Store, Transition};

const RETENTION: Duration = Duration::from_secs(600);

fn settings() -> Settings {
    Settings {
        job_deadline: Duration::from_secs(3600),
        retention: RETENTION,
        campaign_retention: 24 * RETENTION,
        max_jobs: 100,
    }
}

fn bot() -> BotName {
    BotName::parse("support").unwrap()
}

fn file() -> SourceId {
    SourceId { bot: bot(), kind: SourceKind::File, name: "file_sd_configs[0]".into() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn key(id: &str) -> JobKey {
    JobKey { bot: bot(), id: RequestId::parse(id).unwrap() }
}

fn target(id: &str) -> Target {
    let campaign = LabelValue::parse("spring").ok();
    Target { id: RequestId::parse(id).unwrap(), campaign, labels: [].into() }
}

fn update(ids: &[&str]) -> TargetUpdate {
    let targets = Some(ids.iter().map(|id| target(id)).collect());
    TargetUpdate { source: file(), targets, up: true, invalid: 0 }
}

fn report(status: JobStatus, success: u64) -> Option<Report> {
    let mut tally = ChannelTally::new(Channel::clean("msteams").unwrap());
    tally.entries[EntryStatus::Success] = success;
    Some(Report {
        status,
        completion: None,
        numbers: JobNumbers::default(),
        entries: success,
        created: None,
        requested: None,
        first_notification: None,
        last_notification: None,
        job_type: None,
        action: None,
        tallies: vec![tally],
        inconsistencies: Vec::new(),
        unrecognized: Vec::new(),
    })
}

fn configured() -> Store {
    let mut store = Store::new(settings());
    store.configure(
        settings(),
        &[BotSpec { name: bot(), api: ApiVersion::V1, channels: Vec::new() }],
        &[file()],
        at(0),
    );
    store
}

/// A store with a running job, a finished one, one of the job API, and a retired one.
fn lived() -> Store {
    let mut store = configured();
    store.record_changes();
    store.apply(update(&["ds-runs", "ds-ended"]), at(0));
    for id in ["ds-api", "ds-forgotten"] {
        store.register(&bot(), target(id), at(0)).unwrap();
    }
    let slot = |store: &Store, id| store.find(&key(id)).unwrap();
    store.record(slot(&store, "ds-runs"), Outcome::Ok, report(JobStatus::InProgress, 5), at(10));
    store.record(slot(&store, "ds-runs"), Outcome::Ok, report(JobStatus::InProgress, 4), at(20));
    store.record(slot(&store, "ds-ended"), Outcome::Ok, report(JobStatus::Success, 7), at(30));
    store.record(slot(&store, "ds-forgotten"), Outcome::Ok, report(JobStatus::InProgress, 2), at(30));
    store.forget(&key("ds-forgotten"), at(40));
    store
}

/// What a database would have after it has written everything.
fn persisted(store: &mut Store) -> (Vec<(BotName, BotCounters)>, Vec<Campaign>, Vec<PersistedJob>) {
    let Dirty { jobs, bots, campaigns } = store.take_dirty();
    let bots = bots.into_iter().filter_map(|bot| Some((bot.clone(), store.persisted_counters(&bot)?.clone())));
    let campaigns = campaigns.iter().filter_map(|key| store.campaign(key).cloned()).collect();
    (bots.collect(), campaigns, jobs.iter().filter_map(|key| store.persisted_job(key)).collect())
}

fn restored(from: &mut Store) -> Store {
    let (bots, campaigns, jobs) = persisted(from);
    let mut store = configured();
    store.restore(bots, campaigns, jobs, at(50));
    store
}

#[test]
fn a_restored_store_knows_all_that_the_first_one_knew() {
    let mut first = lived();
    let second = restored(&mut first);
    for id in ["ds-runs", "ds-ended", "ds-api", "ds-forgotten"] {
        assert_eq!(second.persisted_job(&key(id)), first.persisted_job(&key(id)), "{id}");
        assert!(second.persisted_job(&key(id)).is_some(), "{id}");
    }
    let counters = |store: &Store| {
        let metrics = store.bots().next().unwrap();
        (metrics.counters.clone(), metrics.gauges.jobs)
    };
    assert_eq!(counters(&second), counters(&first));
    assert_eq!(second.jobs().count(), 3);
}

#[test]
fn nothing_is_counted_again_and_nothing_ended_is_polled() {
    let mut store = restored(&mut lived());
    let added: Vec<_> = store.take_changes();
    assert_eq!(added.iter().filter(|change| matches!(change, Change::Added(_))).count(), 3);
    let ended = store.find(&key("ds-ended")).unwrap();
    assert_eq!(store.job(ended).unwrap().state, JobState::Finished);
    assert_eq!(
        store.record(ended, Outcome::Ok, report(JobStatus::Success, 9), at(50)).transition,
        Transition::NotTracked
    );

    let runs = store.find(&key("ds-runs")).unwrap();
    store.record(runs, Outcome::Ok, report(JobStatus::InProgress, 6), at(50));
    assert_eq!(store.register(&bot(), target("ds-forgotten"), at(50)), Ok(Registered::New));
    let again = store.find(&key("ds-forgotten")).unwrap();
    store.record(again, Outcome::Ok, report(JobStatus::InProgress, 3), at(60));
    let counted = store.bots().next().unwrap().counters.notifications[&Channel::clean("msteams").unwrap()];
    assert_eq!(
        counted.into_array(),
        [6 + 7 + 3, 0, 0],
        "5 were seen of the first before they became 4; 2 of the forgotten one"
    );
}

#[test]
fn a_source_decides_over_its_jobs_once_it_has_been_read_and_the_job_api_keeps_its_own() {
    let mut store = restored(&mut lived());
    store.tick(at(100));
    assert_eq!(store.jobs().count(), 3, "as long as the file has not been read all jobs stay");
    store.apply(update(&["ds-ended"]), at(100));
    store.tick(at(110));
    let mut left: Vec<_> = store.jobs().map(|job| job.key.id.to_string()).collect();
    left.sort();
    assert_eq!(left, ["ds-api", "ds-ended"]);
    store.tick(at(30).plus(RETENTION));
    assert_eq!(store.jobs().count(), 1, "retention runs from when the job ended, not from the start of the process");
    store.apply(update(&["ds-ended"]), at(1000));
    assert_eq!(store.jobs().count(), 1, "a job that is over does not come back");
}

#[test]
fn only_what_changed_is_dirty() {
    let mut store = restored(&mut lived());
    assert!(store.take_dirty().is_empty(), "what was just read is not written again");
    store.tick(at(50));
    store.gauges_mut(&bot()).unwrap().polls_overdue = 1;
    assert!(store.take_dirty().is_empty());
    let runs = store.find(&key("ds-runs")).unwrap();
    store.record(runs, Outcome::Timeout, None, at(50));
    let dirty = store.take_dirty();
    assert_eq!((dirty.jobs.len(), dirty.bots.len()), (1, 1));
    store.return_dirty(dirty.clone());
    assert_eq!(store.take_dirty(), dirty, "what could not be written is written again");
    store.tick(at(30).plus(RETENTION));
    assert!(store.take_dirty().jobs.contains(&key("ds-ended")), "it has retired");
    store.counters_mut(&bot()).unwrap().add(BotCounter::ResponseBytes, 1);
    assert!(store.take_dirty().bots.contains(&bot()));
}

#[test]
fn what_belongs_to_a_bot_that_is_gone_is_forgotten() {
    let (bots, campaigns, jobs) = persisted(&mut lived());
    let mut store = Store::new(settings());
    store.record_changes();
    store.restore(bots, campaigns, jobs, at(50));
    let dirty = store.take_dirty();
    assert_eq!((dirty.jobs.len(), dirty.bots.len()), (4, 1));
    assert!(dirty.jobs.iter().all(|key| store.persisted_job(key).is_none()));
    assert!(store.persisted_counters(&bot()).is_none());

    let mut store = restored(&mut lived());
    store.configure(settings(), &[], &[], at(0));
    let dirty = store.take_dirty();
    assert_eq!((dirty.jobs.len(), dirty.bots.len()), (4, 1));
    assert!(dirty.jobs.iter().all(|key| store.persisted_job(key).is_none()));
}
