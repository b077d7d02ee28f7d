use std::time::Duration;

use crate::model::{
    ApiVersion, BotCounter, BotCounters, BotName, Campaign, Channel, ChannelTally, EntryStatus, JobKey, JobNumbers,
    JobState, JobStatus, LabelValue, Outcome, Report, RequestId, SourceId, SourceKind, Target, TargetUpdate, Timestamp,
};
use crate::store::{
    BotSpec, Change, Digest, DigestKey, Dirty, PersistedJob, Registered, RememberedMarks, Settings, Store, Transition,
};

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

fn configured_bots() -> [BotSpec; 1] {
    [BotSpec { name: bot(), api: ApiVersion::V1, channels: Vec::new() }]
}

fn configured() -> Store {
    let mut store = Store::new(settings());
    store.configure(settings(), &configured_bots(), &[file()], at(0));
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
    let written = store.take_dirty();
    let Dirty { jobs, bots, campaigns, .. } = written.clone();
    let bots = bots.into_iter().filter_map(|bot| Some((bot.clone(), store.persisted_counters(&bot)?.clone())));
    let campaigns = campaigns.iter().filter_map(|key| store.campaign(key).cloned()).collect();
    let rows = (bots.collect(), campaigns, jobs.iter().filter_map(|key| store.persisted_job(key)).collect());
    store.changes_written(&written);
    rows
}

/// The tracked jobs of a database, and the marks of the others.
fn split(jobs: &[PersistedJob]) -> (Vec<PersistedJob>, RememberedMarks) {
    let key = DigestKey([7; 16]);
    let (retired, tracked): (Vec<_>, Vec<_>) = jobs.iter().cloned().partition(|job| job.retired);
    let mut marks: Vec<_> = retired.iter().map(|job| (Digest::of(key, &job.job.key), job.mark())).collect();
    marks.sort_by_key(|(digest, _)| *digest);
    (tracked, RememberedMarks { key, bots: vec![(bot(), marks)] })
}

/// Recalls what the store asks for.
fn recall(store: &mut Store, rows: &[PersistedJob], now: Timestamp) {
    for key in store.recalls(100) {
        let row = rows.iter().find(|row| row.job.key == key && row.retired);
        store.recall(&key, row.cloned(), now);
    }
}

fn restored(from: &mut Store) -> Store {
    restored_with_rows(from).0
}

/// A restored store, and the rows of the database.
fn restored_with_rows(from: &mut Store) -> (Store, Vec<PersistedJob>) {
    let (bots, campaigns, rows) = persisted(from);
    let (jobs, marks) = split(&rows);
    let mut store = configured();
    store.restore_remembered(marks);
    store.restore(bots, campaigns, jobs, at(50));
    (store, rows)
}

#[test]
fn a_restored_store_knows_all_that_the_first_one_knew() {
    let mut first = lived();
    let forgotten = first.persisted_job(&key("ds-forgotten")).unwrap();
    assert!(forgotten.retired);
    let (second, rows) = restored_with_rows(&mut first);
    assert!(rows.contains(&forgotten));
    assert!(first.persisted_job(&key("ds-forgotten")).is_none(), "its entry has left memory");
    for id in ["ds-runs", "ds-ended", "ds-api"] {
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
    let (mut store, rows) = restored_with_rows(&mut lived());
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
    assert_eq!(store.find(&key("ds-forgotten")), None, "its row is needed first");
    recall(&mut store, &rows, at(50));
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
    let (bots, campaigns, rows) = persisted(&mut lived());
    let (jobs, marks) = split(&rows);
    let mut store = Store::new(settings());
    store.restore_remembered(marks);
    store.restore(bots, campaigns, jobs, at(50));
    let dirty = store.take_dirty();
    assert_eq!((dirty.jobs.len(), dirty.bots.len(), dirty.removed_bots.len()), (3, 1, 1));
    assert!(dirty.jobs.iter().all(|key| store.persisted_job(key).is_none()));
    assert!(store.persisted_counters(&bot()).is_none());

    let mut store = restored(&mut lived());
    store.configure(settings(), &[], &[], at(0));
    let dirty = store.take_dirty();
    assert_eq!((dirty.jobs.len(), dirty.bots.len(), dirty.removed_bots.len()), (3, 1, 1));
    assert!(dirty.jobs.iter().all(|key| store.persisted_job(key).is_none()));
}

#[test]
fn rows_of_older_files_move_to_the_remembered_ones() {
    let (bots, campaigns, rows) = persisted(&mut lived());
    let mut store = configured();
    store.restore(bots, campaigns, rows, at(50));
    assert!(store.take_dirty().jobs.contains(&key("ds-forgotten")));
    assert!(store.persisted_job(&key("ds-forgotten")).unwrap().retired);
}

#[test]
fn a_remembered_job_waits_for_its_row_within_max_jobs() {
    let (mut store, rows) = restored_with_rows(&mut lived());
    store.apply(update(&["ds-runs", "ds-ended", "ds-forgotten"]), at(50));
    assert_eq!(store.recalls(100), [key("ds-forgotten")]);
    assert_eq!(store.register(&bot(), target("ds-forgotten"), at(50)), Ok(Registered::Known));
    store.configure(Settings { max_jobs: 4, ..settings() }, &configured_bots(), &[file()], at(50));
    assert!(store.register(&bot(), target("ds-more"), at(50)).is_err(), "the job that waits counts");
    store.apply(update(&["ds-runs", "ds-ended"]), at(51));
    assert_eq!(store.recalls(100), [key("ds-forgotten")], "the job API still names it");
    assert!(store.forget(&key("ds-forgotten"), at(51)));
    assert!(!store.awaits_recalls());
    store.apply(update(&["ds-runs", "ds-ended", "ds-forgotten"]), at(52));
    recall(&mut store, &rows, at(52));
    assert!(store.find(&key("ds-forgotten")).is_some());
    store.take_dirty();

    // The same without a row: the digest is that of another job, or the row is damaged.
    let (mut store, _) = restored_with_rows(&mut lived());
    store.apply(update(&["ds-forgotten"]), at(50));
    store.recall(&key("ds-forgotten"), None, at(50));
    assert!(store.find(&key("ds-forgotten")).is_some());
    assert!(!store.awaits_recalls());
}

#[test]
fn a_job_that_changes_during_a_write_stays_in_memory() {
    let mut store = lived();
    let written = store.take_dirty();
    store.register(&bot(), target("ds-forgotten"), at(50)).unwrap();
    store.forget(&key("ds-forgotten"), at(51));
    store.changes_written(&written);
    assert!(store.persisted_job(&key("ds-forgotten")).unwrap().retired, "the next batch writes it");
    let written = store.take_dirty();
    store.changes_written(&written);
    assert_eq!(store.persisted_job(&key("ds-forgotten")), None);
    store.tick(at(30).plus(RETENTION));
    assert!(!store.is_over_in_database(&key("ds-ended")));
    let written = store.take_dirty();
    store.changes_written(&written);
    assert!(store.is_over_in_database(&key("ds-ended")));
}
