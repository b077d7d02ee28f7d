use std::path::Path;

use super::{full_job, key};
use crate::database::file::FORMAT;
use crate::database::{Batch, Contents, Database, DatabaseError, FILE_NAME};
use crate::model::{Timestamp, error_chain};

async fn refusal(folder: &Path) -> DatabaseError {
    match Database::open(folder).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

/// Makes a database with one job.
async fn make(folder: &Path) {
    let (database, _) = Database::open(folder).await.unwrap();
    let mut batch = Batch::new(Timestamp::from_millis(0));
    batch.job(key("ds-1"), Some(&full_job("ds-1"))).unwrap();
    database.write(batch).await.unwrap().unwrap();
    database.close().await;
}

/// Changes the file with redb, behind our back.
fn change(folder: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(folder.join(FILE_NAME)).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_made_and_the_new_database_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (database, contents) = Database::open(&folder.path().join("a/b")).await.unwrap();
    assert_eq!(contents, Contents::default());
    assert!(database.size_bytes() > 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("taken"), "").unwrap();
    let error = refusal(&folder.path().join("taken")).await;
    assert!(matches!(error, DatabaseError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("taken"), "{error}");
}

#[tokio::test]
async fn a_database_in_use_is_not_opened_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (_database, _) = Database::open(folder.path()).await.unwrap();
    let error = refusal(folder.path()).await;
    assert!(matches!(error, DatabaseError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_with_the_version_that_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    change(folder.path(), |transaction| {
        let mut meta = transaction.open_table(redb::TableDefinition::<&str, &str>::new("meta")).unwrap();
        meta.insert("format", (FORMAT + 1).to_string().as_str()).unwrap();
        meta.insert("written_by", "9.8.7").unwrap();
    });
    let message = refusal(folder.path()).await.to_string();
    assert!(
        message.contains("has format 2, written by koreai_exporter 9.8.7; this version knows format 1"),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_never_taken_for_an_empty_one() {
    for bytes in [&b""[..], b"koreai", &[0; 4096], &[0xff; 1 << 20]] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), bytes).unwrap();
        let error = refusal(folder.path()).await;
        assert!(matches!(error, DatabaseError::Damaged { .. }), "{} bytes: {}", bytes.len(), error_chain(&error));
        assert_eq!(std::fs::read(folder.path().join(FILE_NAME)).unwrap(), bytes, "left as it was");
    }
    let folder = tempfile::tempdir().unwrap();
    drop(redb::Database::create(folder.path().join(FILE_NAME)).unwrap());
    let message = error_chain(&refusal(folder.path()).await);
    assert!(message.contains("move the file away") && message.contains("which format"), "{message}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_refused_not_skipped() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    change(folder.path(), |transaction| {
        let jobs = redb::TableDefinition::<(&str, &str), &[u8]>::new("jobs");
        transaction.open_table(jobs).unwrap().insert(("support", "ds-2"), &b"no row"[..]).unwrap();
    });
    let message = error_chain(&refusal(folder.path()).await);
    assert!(message.contains("a row of table jobs cannot be read"), "{message}");
}

#[tokio::test]
async fn a_crash_while_the_file_is_made_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("koreai_exporter.redb.new"), "half a fi").unwrap();
    assert_eq!(Database::open(folder.path()).await.unwrap().1, Contents::default());
}
