//! A file that was changed from outside gives an error or what was written, never anything else.

use super::{at, calls, full_job, full_totals, key};
use crate::database::{Batch, Database, FILE_NAME};

#[tokio::test]
async fn a_changed_byte_is_found_or_makes_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let (database, _) = Database::open(folder.path()).await.unwrap();
    for number in 0..20 {
        let mut batch = Batch::new(at(0));
        let name = format!("ds-{number}");
        batch.job(key(&name), Some(&full_job(&name))).unwrap();
        batch.bot(full_totals().bot, Some(&full_totals())).unwrap();
        batch.calls(calls(&[(number, 3)]));
        database.write(batch).await.unwrap().unwrap();
    }
    database.close().await;
    let (database, expected) = Database::open(folder.path()).await.unwrap();
    database.close().await;
    let good = std::fs::read(folder.path().join(FILE_NAME)).unwrap();
    let (mut refused, mut without_a_difference) = (0, 0);
    // Where anything stands at all: zeros are pages that were never used.
    let used: Vec<usize> = (0..good.len()).filter(|place| good[*place] != 0).collect();
    for place in used.iter().step_by(used.len() / 300 + 1).chain(used.iter().take(120)) {
        let mut bad = good.clone();
        bad[*place] ^= 0x41;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), &bad).unwrap();
        match Database::open(folder.path()).await {
            Ok((database, contents)) => {
                assert!(contents == expected, "byte {place} changed what is read");
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
    let folder = tempfile::tempdir().unwrap();
    let (database, _) = Database::open(folder.path()).await.unwrap();
    database.close().await;
    let good = std::fs::read(folder.path().join(FILE_NAME)).unwrap();
    for length in [1, 100, 4096, good.len() / 2] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), &good[..length]).unwrap();
        assert!(Database::open(folder.path()).await.is_err(), "{length} bytes of {}", good.len());
    }
}
