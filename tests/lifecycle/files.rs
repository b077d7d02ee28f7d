//! `file_sd_configs`.

use std::time::{Duration, Instant};

use koreai_exporter::store::REMOVAL_GRACE;

use super::support::{BOT_ID, Exporter, Folder, id, slow_job, upstream};

const UP: &str = "koreai_exporter_target_source_up{bot=\"support\",source=\"file\"}";
const TARGETS: &str = "koreai_exporter_targets{bot=\"support\",source=\"file\"}";

fn with_files(folder: &Folder) -> String {
    format!("file_sd_configs: [{{files: ['{}'], refresh_interval: 1h}}]", folder.path("jobs-*.json").display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_ids_are_tracked_within_two_seconds_and_removed_after_the_grace_period() {
    let upstream = upstream((0..1_000).map(|number| slow_job(&id(number))).collect()).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, &with_files(&folder))]);
    let exporter = Exporter::start(&folder).await;
    assert_eq!(exporter.page().await.jobs(), 0);

    folder.write_targets("jobs-1.json", 0..1_000);
    let appeared = Instant::now();
    exporter.until_page("1,000 jobs are tracked", |page| page.jobs() == 1_000).await;
    assert!(appeared.elapsed() < Duration::from_secs(2), "took {:?}", appeared.elapsed());
    assert!(upstream.wait_until(Duration::from_secs(20), |record| record.calls().count() > 5).await);

    folder.write_targets("jobs-1.json", 0..10);
    let page = exporter.until_page("the source names 10", |page| page.value(TARGETS) == Some(10.0)).await;
    let vanished = Instant::now();
    assert_eq!(page.jobs(), 1_000, "they stay during the grace period");
    exporter.until_page("990 jobs have gone", |page| page.jobs() == 10).await;
    let took = vanished.elapsed();
    assert!(took > REMOVAL_GRACE - Duration::from_secs(1) && took < REMOVAL_GRACE * 2, "took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_file_keeps_its_previous_targets_even_across_a_reload() {
    let upstream = upstream((0..4).map(|number| slow_job(&id(number))).collect()).await;
    let folder = Folder::new();
    folder.write_targets("jobs-1.json", 0..2);
    folder.write_targets("jobs-2.json", 2..3);
    folder.configure(&upstream, "", &[("support", BOT_ID, &with_files(&folder))]);
    let exporter = Exporter::start(&folder).await;
    exporter.until_page("three jobs are tracked", |page| page.jobs() == 3 && page.value(UP) == Some(1.0)).await;

    folder.write("jobs-1.json", "[{\"targets\": [\"ds-");
    let page = exporter.until_page("the source is down", |page| page.value(UP) == Some(0.0)).await;
    assert_eq!((page.jobs(), page.value(TARGETS)), (3, Some(3.0)));

    // After a reload nothing has been read yet; previous targets of an unreadable file are not lost.
    assert_eq!(exporter.post("/-/reload", "").await.status, 200);
    folder.write_targets("jobs-2.json", 2..4);
    exporter.until_page("the other file is still read", |page| page.jobs() == 4 && page.value(UP) == Some(0.0)).await;
    let grace_is_over = Instant::now() + REMOVAL_GRACE + Duration::from_secs(1);
    exporter
        .until_page("the grace is over", |page| {
            assert_eq!(page.jobs(), 4);
            Instant::now() > grace_is_over
        })
        .await;

    folder.write_targets("jobs-1.json", 0..1);
    exporter.until_page("it heals", |page| page.jobs() == 3 && page.value(UP) == Some(1.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn yaml_and_labels_are_read_and_invalid_targets_are_counted() {
    let upstream = upstream(vec![slow_job("ds-1")]).await;
    let folder = Folder::new();
    let long = "x".repeat(129);
    folder.write(
        "jobs-1.yml",
        &format!("- targets: [ds-1, 'https://example.org/']\n  labels: {{campaign: autumn, team: crm, __meta: x}}\n- targets: [ds-2]\n  labels: {{team: {long}}}\n"),
    );
    let files = format!("file_sd_configs: [{{files: ['{}']}}]", folder.path("*.yml").display());
    // `koreai.yml` also matches the pattern and is not a list of targets, so the source stays down.
    folder.configure(&upstream, "", &[("support", BOT_ID, &files.replace("*.yml", "jobs-*.yml"))]);
    let exporter = Exporter::start(&folder).await;
    let page = exporter.until_page("the job is tracked", |page| page.jobs() == 1).await;
    assert_eq!(page.value("koreai_exporter_dropped_total{reason=\"invalid_target\"}"), Some(2.0));
    let info = page.0.lines().find(|line| line.starts_with("koreai_job_info{")).unwrap();
    assert!(info.contains("campaign=\"autumn\"") && info.contains("team=\"crm\""), "{info}");
    assert!(!page.has("__meta") && !page.has("example.org") && !page.has(&long));
}
