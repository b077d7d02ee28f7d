use super::{at, bot, calls, full_campaign, full_counters, full_job, key};
use crate::database::{Batch, Contents, Database};

#[tokio::test]
async fn what_was_written_is_there_after_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (database, _) = Database::open(directory.path()).await.unwrap();
    let mut batch = Batch::new(at(0));
    batch.job(key("ds-1"), Some(&full_job("ds-1"))).unwrap();
    batch.job(key("ds-2"), Some(&full_job("ds-2"))).unwrap();
    batch.bot(bot(), Some(&full_counters())).unwrap();
    batch.campaign(full_campaign().key, Some(&full_campaign())).unwrap();
    batch.calls(calls(&[(100, 3), (101, 4)]));
    batch.fingerprints([(bot(), u64::MAX)].into());
    database.write(batch).await.unwrap().unwrap();
    database.close().await;

    let (database, contents) = Database::open(directory.path()).await.unwrap();
    let expected = Contents {
        jobs: vec![full_job("ds-1"), full_job("ds-2")],
        bots: vec![(bot(), full_counters())],
        campaigns: vec![full_campaign()],
        calls: vec![calls(&[(100, 3), (101, 4)])],
        fingerprints: [(bot(), u64::MAX)].into(),
    };
    assert_eq!(contents, expected);

    let mut batch = Batch::new(at(101_000));
    batch.job(key("ds-1"), None).unwrap();
    batch.calls(calls(&[(101, 5), (102, 1)]));
    database.write(batch).await.unwrap().unwrap();
    database.close().await;
    let (database, contents) = Database::open(directory.path()).await.unwrap();
    assert_eq!(contents.jobs, [full_job("ds-2")]);
    assert_eq!(contents.calls, [calls(&[(101, 5), (102, 1)])]);

    let mut batch = Batch::new(at(0));
    batch.bot(bot(), None).unwrap();
    batch.job(key("ds-2"), None).unwrap();
    batch.campaign(full_campaign().key, None).unwrap();
    batch.fingerprints([].into());
    database.write(batch).await.unwrap().unwrap();
    database.close().await;
    assert_eq!(Database::open(directory.path()).await.unwrap().1, Contents::default());
}

#[tokio::test]
async fn a_file_that_has_grown_out_of_proportion_is_made_smaller() {
    let directory = tempfile::tempdir().unwrap();
    let (database, _) = Database::open(directory.path()).await.unwrap();
    let names: Vec<String> = (0..60_000).map(|number| format!("ds-{number}")).collect();
    for present in [true, false] {
        let mut batch = Batch::new(at(0));
        for name in &names {
            batch.job(key(name), present.then(|| full_job(name)).as_ref()).unwrap();
        }
        database.write(batch).await.unwrap().unwrap();
    }
    let before = database.size_bytes();
    assert!(before > 16 << 20, "{before}");
    database.close().await;

    let (database, _) = Database::open(directory.path()).await.unwrap();
    let mut batch = Batch::new(at(0));
    batch.job(key("ds-1"), Some(&full_job("ds-1"))).unwrap();
    database.write(batch).await.unwrap().unwrap();
    assert!(database.size_bytes() < before / 4, "{} of {before}", database.size_bytes());
}
