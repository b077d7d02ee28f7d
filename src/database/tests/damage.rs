//! A file that was changed from outside is refused or reads as it was written.

use super::{at, bot, calls, full_counters, full_job, key};
use crate::database::{Batch, Database, FILE_NAME};

#[tokio::test]
async fn a_changed_byte_is_detected_or_makes_no_difference() {
    let directory = tempfile::tempdir().unwrap();
    let (database, _) = Database::open(directory.path()).await.unwrap();
    for number in 0..20 {
        let mut batch = Batch::new(at(0));
        let name = format!("ds-{number}");
        batch.job(key(&name), Some(&full_job(&name))).unwrap();
        batch.bot(bot(), Some(&full_counters())).unwrap();
        batch.calls(calls(&[(number, 3)]));
        database.write(batch).await.unwrap().unwrap();
    }
    database.close().await;
    let (database, expected) = Database::open(directory.path()).await.unwrap();
    database.close().await;
    let good = std::fs::read(directory.path().join(FILE_NAME)).unwrap();
    let (mut refused, mut without_a_difference) = (0, 0);
    // Zeros are pages that were never used.
    let used: Vec<usize> = (0..good.len()).filter(|place| good[*place] != 0).collect();
    for place in used.iter().step_by(used.len() / 300 + 1).chain(used.iter().take(120)) {
        let mut bad = good.clone();
        bad[*place] ^= 0x41;
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE_NAME), &bad).unwrap();
        match Database::open(directory.path()).await {
            Ok((database, contents)) => {
                assert!(contents == expected, "byte {place} changed the contents");
                database.close().await;
                without_a_difference += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 30, "{refused} refused, {without_a_difference} without a difference");
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (database, _) = Database::open(directory.path()).await.unwrap();
    database.close().await;
    let good = std::fs::read(directory.path().join(FILE_NAME)).unwrap();
    for length in [1, 100, 4096, good.len() / 2] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE_NAME), &good[..length]).unwrap();
        assert!(Database::open(directory.path()).await.is_err(), "{length} bytes of {}", good.len());
    }
}
