use std::path::Path;

use super::{full_job, key, without_key};
use crate::database::format::FORMAT;
use crate::database::{Batch, Contents, Database, DatabaseError, FILE_NAME};
use crate::model::{Timestamp, error_chain};

async fn refusal(directory: &Path) -> DatabaseError {
    match Database::open(directory).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

/// Creates a database with one job.
async fn make(directory: &Path) {
    let (database, _) = Database::open(directory).await.unwrap();
    let mut batch = Batch::new(Timestamp::from_millis(0));
    batch.job(key("ds-1"), Some(&full_job("ds-1"))).unwrap();
    database.write(batch).await.unwrap().unwrap();
    database.close().await;
}

/// Changes the file with redb, past our code.
fn change(directory: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(directory.join(FILE_NAME)).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_directory_is_created_and_the_new_database_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    let (database, contents) = Database::open(&directory.path().join("a/b")).await.unwrap();
    assert_eq!(without_key(contents), Contents::default());
    assert!(database.size_bytes() > 0);
}

#[tokio::test]
async fn a_directory_that_cannot_be_created_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("taken"), "").unwrap();
    let error = refusal(&directory.path().join("taken")).await;
    assert!(matches!(error, DatabaseError::Directory { .. }), "{error}");
    assert!(error.to_string().contains("taken"), "{error}");
}

#[tokio::test]
async fn a_database_in_use_is_not_opened_twice() {
    let directory = tempfile::tempdir().unwrap();
    let (_database, _) = Database::open(directory.path()).await.unwrap();
    let error = refusal(directory.path()).await;
    assert!(matches!(error, DatabaseError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_with_the_version_that_wrote_it() {
    let directory = tempfile::tempdir().unwrap();
    make(directory.path()).await;
    change(directory.path(), |transaction| {
        let mut meta = transaction.open_table(redb::TableDefinition::<&str, &str>::new("meta")).unwrap();
        meta.insert("format", (FORMAT + 1).to_string().as_str()).unwrap();
        meta.insert("written_by", "9.8.7").unwrap();
    });
    let message = refusal(directory.path()).await.to_string();
    assert!(
        message.contains("has format 3, written by koreai_exporter 9.8.7; this version reads formats up to 2"),
        "{message}"
    );
}

#[tokio::test]
async fn a_file_of_another_program_is_never_opened_as_an_empty_database() {
    for bytes in [&b""[..], b"koreai", &[0; 4096], &[0xff; 1 << 20]] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE_NAME), bytes).unwrap();
        let error = refusal(directory.path()).await;
        assert!(matches!(error, DatabaseError::Damaged { .. }), "{} bytes: {}", bytes.len(), error_chain(&error));
        assert_eq!(std::fs::read(directory.path().join(FILE_NAME)).unwrap(), bytes, "left as it was");
    }
    let directory = tempfile::tempdir().unwrap();
    drop(redb::Database::create(directory.path().join(FILE_NAME)).unwrap());
    let message = error_chain(&refusal(directory.path()).await);
    assert!(message.contains("move the file away") && message.contains("format version is missing"), "{message}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_refused_not_skipped() {
    let directory = tempfile::tempdir().unwrap();
    make(directory.path()).await;
    change(directory.path(), |transaction| {
        let jobs = redb::TableDefinition::<(&str, &str), &[u8]>::new("jobs");
        transaction.open_table(jobs).unwrap().insert(("support", "ds-2"), &b"no row"[..]).unwrap();
    });
    let message = error_chain(&refusal(directory.path()).await);
    assert!(message.contains("invalid row in table jobs"), "{message}");
}

#[tokio::test]
async fn a_file_that_a_crash_left_half_created_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("koreai_exporter.redb.new"), "half a fi").unwrap();
    assert_eq!(without_key(Database::open(directory.path()).await.unwrap().1), Contents::default());
}
