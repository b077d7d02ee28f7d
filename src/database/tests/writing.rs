use super::{at, bot, calls, full_campaign, full_counters, full_job, key, tracked_job, without_key};
use crate::database::{Batch, Contents, Database};
use crate::model::{BotName, JobState};
use crate::store::{Digest, Mark, RememberedMarks};

#[tokio::test]
async fn what_was_written_is_there_after_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (database, _) = Database::open(directory.path()).await.unwrap();
    let mut batch = Batch::new(at(0));
    batch.job(key("ds-1"), Some(&tracked_job("ds-1"))).unwrap();
    batch.job(key("ds-2"), Some(&tracked_job("ds-2"))).unwrap();
    batch.bot(bot(), Some(&full_counters())).unwrap();
    batch.campaign(full_campaign().key, Some(&full_campaign())).unwrap();
    batch.calls(calls(&[(100, 3), (101, 4)]));
    batch.fingerprints([(bot(), u64::MAX)].into());
    database.write(batch).await.unwrap().unwrap();
    database.close().await;

    let (database, contents) = Database::open(directory.path()).await.unwrap();
    let expected = Contents {
        jobs: vec![tracked_job("ds-1"), tracked_job("ds-2")],
        bots: vec![(bot(), full_counters())],
        remembered: RememberedMarks::default(),
        campaigns: vec![full_campaign()],
        calls: vec![calls(&[(100, 3), (101, 4)])],
        fingerprints: [(bot(), u64::MAX)].into(),
    };
    assert_eq!(without_key(contents), expected);

    let mut batch = Batch::new(at(101_000));
    batch.job(key("ds-1"), None).unwrap();
    batch.calls(calls(&[(101, 5), (102, 1)]));
    database.write(batch).await.unwrap().unwrap();
    database.close().await;
    let (database, contents) = Database::open(directory.path()).await.unwrap();
    assert_eq!(contents.jobs, [tracked_job("ds-2")]);
    assert_eq!(contents.calls, [calls(&[(101, 5), (102, 1)])]);

    let mut batch = Batch::new(at(0));
    batch.bot(bot(), None).unwrap();
    batch.job(key("ds-2"), None).unwrap();
    batch.campaign(full_campaign().key, None).unwrap();
    batch.fingerprints([].into());
    database.write(batch).await.unwrap().unwrap();
    database.close().await;
    assert_eq!(without_key(Database::open(directory.path()).await.unwrap().1), Contents::default());
}

#[tokio::test]
async fn a_file_that_has_grown_out_of_proportion_is_made_smaller() {
    let directory = tempfile::tempdir().unwrap();
    let (database, _) = Database::open(directory.path()).await.unwrap();
    let names: Vec<String> = (0..60_000).map(|number| format!("ds-{number}")).collect();
    for present in [true, false] {
        let mut batch = Batch::new(at(0));
        for name in &names {
            batch.job(key(name), present.then(|| tracked_job(name)).as_ref()).unwrap();
        }
        database.write(batch).await.unwrap().unwrap();
    }
    let before = database.size_bytes();
    assert!(before > 16 << 20, "{before}");
    database.close().await;

    let (database, _) = Database::open(directory.path()).await.unwrap();
    let mut batch = Batch::new(at(0));
    batch.job(key("ds-1"), Some(&tracked_job("ds-1"))).unwrap();
    database.write(batch).await.unwrap().unwrap();
    assert!(database.size_bytes() < before / 4, "{} of {before}", database.size_bytes());
}

/// The marks of a database, with the IDs that they belong to.
fn marks(contents: &Contents, ids: &[&str]) -> Vec<(String, JobState)> {
    let state = |id: &&str| {
        let digest = Digest::of(contents.remembered.key, &key(id));
        let mut marks = contents.remembered.bots.iter().filter(|(name, _)| *name == bot()).flat_map(|(_, marks)| marks);
        marks.find(|(mark, _)| *mark == digest).map(|(_, mark)| ((*id).to_owned(), mark.state()))
    };
    ids.iter().filter_map(state).collect()
}

#[tokio::test]
async fn remembered_jobs_are_read_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let (database, _) = Database::open(directory.path()).await.unwrap();
    let mut gone = full_job("ds-3");
    gone.job.state = JobState::Gone;
    let mut batch = Batch::new(at(0));
    batch.job(key("ds-1"), Some(&tracked_job("ds-1"))).unwrap();
    batch.job(key("ds-2"), Some(&full_job("ds-2"))).unwrap();
    batch.job(key("ds-3"), Some(&gone)).unwrap();
    database.write(batch).await.unwrap().unwrap();
    database.close().await;

    let (database, contents) = Database::open(directory.path()).await.unwrap();
    assert_eq!(contents.jobs, [tracked_job("ds-1")]);
    let of = |id: &str, state| (id.to_owned(), state);
    let ids = ["ds-1", "ds-2", "ds-3"];
    assert_eq!(marks(&contents, &ids), [of("ds-2", JobState::Finished), of("ds-3", JobState::Gone)]);
    let rows = database.read(ids.map(key).to_vec()).await.unwrap().unwrap();
    let rows: Vec<_> = rows.into_iter().map(|row| row.map(|row| row.unwrap())).collect();
    assert_eq!(rows, [None, Some(full_job("ds-2")), Some(gone)]);

    // One is tracked again, the other one is revived with its bot.
    let mut batch = Batch::new(at(0));
    batch.job(key("ds-1"), Some(&full_job("ds-1"))).unwrap();
    batch.job(key("ds-2"), Some(&tracked_job("ds-2"))).unwrap();
    batch.revive_gone(bot());
    batch.revive_gone(BotName::parse("other").unwrap());
    database.write(batch).await.unwrap().unwrap();
    database.close().await;
    let (database, contents) = Database::open(directory.path()).await.unwrap();
    assert_eq!(contents.jobs, [tracked_job("ds-2")]);
    assert_eq!(marks(&contents, &ids), [of("ds-1", JobState::Finished), of("ds-3", JobState::Polling)]);

    // One is forgotten, then all of the bot; what is written in the same batch stays.
    let mut batch = Batch::new(at(0));
    batch.forget(bot(), Digest::of(contents.remembered.key, &key("ds-1")));
    database.write(batch).await.unwrap().unwrap();
    assert!(database.read(vec![key("ds-1")]).await.unwrap().unwrap()[0].is_none());
    let mut batch = Batch::new(at(0));
    batch.job(key("ds-4"), Some(&full_job("ds-4"))).unwrap();
    batch.remove_remembered(bot());
    database.write(batch).await.unwrap().unwrap();
    database.close().await;
    let (_, contents) = Database::open(directory.path()).await.unwrap();
    assert_eq!(marks(&contents, &["ds-1", "ds-3", "ds-4"]), [of("ds-4", JobState::Finished)]);
}

#[test]
fn a_mark_is_stored_with_the_state_and_the_end_of_its_job() {
    assert_eq!(full_job("ds-1").mark(), Mark::new(JobState::Finished, at(7)));
}
