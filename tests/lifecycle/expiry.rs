//! Ended jobs expire; jobs, channels and campaigns are bounded.

use std::collections::BTreeSet;
use std::time::Duration;

use koreai_exporter::fake_upstream::Plan;
use koreai_exporter::store::{MAX_CAMPAIGNS, MAX_CHANNELS};
use serde_json::{Value, json};

use super::support::{BOT_ID, DEADLINE, Exporter, Folder, Page, finished_job, id, slow_job, upstream};

const API: &[&str] = &["--web.enable-job-api"];

#[tokio::test(flavor = "multi_thread")]
async fn ended_jobs_are_removed_after_retention_and_stay_counted() {
    let upstream = upstream(vec![finished_job("ds-1"), slow_job("ds-3")]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "static_configs: [{targets: [ds-1, ds-3]}]")]);
    let exporter = Exporter::start_changed(&folder.path("koreai.yml"), API, |config| {
        config.global.retention = Duration::from_secs(3);
        config.global.job_deadline = Duration::from_secs(12);
    })
    .await;
    for state in ["finished", "abandoned"] {
        let series = format!("koreai_jobs{{bot=\"support\",state=\"{state}\"}}");
        exporter.until_page(state, |page| page.value(&series) == Some(1.0)).await;
        exporter.until_page("its series go", |page| page.value(&series) == Some(0.0)).await;
    }
    let page = exporter.until_page("all series have gone", |page| page.jobs() == 0).await;
    let failures = "koreai_notifications_total{bot=\"support\",channel=\"msteams\",status=\"FAILURE\"}";
    let finished = "koreai_jobs_finished_total{bot=\"support\",status=\"PARTIAL_SUCCESS\"}";
    assert_eq!((page.value(failures), page.value(finished)), (Some(3.0), Some(1.0)));

    let again = exporter.post("/api/v1/jobs?bot=support", r#"{"request_id": "ds-1"}"#).await;
    assert_eq!(again.json()["data"], json!({"new": 0, "known": 1}));
    assert_eq!(exporter.page().await.jobs(), 0);
    assert_eq!(upstream.record().calls_for("ds-1").count(), 1, "it is not polled again");
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_beyond_max_jobs_are_counted_once_and_accepted_later() {
    let upstream = upstream((0..5).map(|number| finished_job(&id(number))).collect()).await;
    let folder = Folder::new();
    folder.write_targets("jobs.json", 0..5);
    let files =
        format!("file_sd_configs: [{{files: ['{}'], refresh_interval: 1s}}]", folder.path("jobs.json").display());
    folder.configure(&upstream, ", max_jobs: 3", &[("support", BOT_ID, &files)]);
    let exporter = Exporter::start_changed(&folder.path("koreai.yml"), API, |config| {
        config.global.retention = Duration::from_secs(1);
    })
    .await;
    let page = exporter.page().await;
    let dropped = "koreai_exporter_dropped_total{reason=\"max_jobs\"}";
    assert_eq!((page.jobs(), page.value(dropped)), (3, Some(2.0)));
    let finished = "koreai_jobs_finished_total{bot=\"support\",status=\"PARTIAL_SUCCESS\"}";
    let page =
        exporter.until_page("all five finish, one after the other", |page| page.value(finished) == Some(5.0)).await;
    assert_eq!(page.value(dropped), Some(2.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_bounded() {
    let job = |id: &str, first: usize| {
        let names: Vec<String> = (first..first + 30).map(|number| format!("channel-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut job = slow_job(id).over_channels(&names);
        job.plan = Plan::EndsAs { over: Duration::ZERO, status: "IN_PROGRESS".to_owned() };
        job.recipients = 30;
        job
    };
    let upstream = upstream(vec![job("ds-1", 0), job("ds-2", 30)]).await;
    let folder = Folder::new();
    let source = "static_configs: [{targets: [ds-1, ds-2]}]\nchannels: [msteams]";
    folder.configure(&upstream, "", &[("support", BOT_ID, source)]);
    let exporter = Exporter::start(&folder).await;
    let polled = |record: &koreai_exporter::fake_upstream::Record| {
        ["ds-1", "ds-2"].iter().all(|id| record.calls_for(id).count() >= 3)
    };
    assert!(upstream.wait_until(DEADLINE, polled).await);
    // New series show 0 first.
    let sum = |page: &Page| -> f64 {
        let samples = page.0.lines().filter(|line| line.starts_with("koreai_notifications_total{"));
        samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    };
    let page = exporter.until_page("no entry is lost", |page| sum(page) >= 60.0).await;
    let samples = || page.0.lines().filter(|line| line.starts_with("koreai_notifications_total{"));
    let channels: BTreeSet<&str> = samples().map(|line| line.split('"').nth(3).unwrap()).collect();
    assert!(channels.contains("other") && channels.len() == MAX_CHANNELS + 1, "{channels:?}");
    assert_eq!(sum(&page), 60.0, "each entry is counted once");
    // 60 channels and msteams, of which 40 have their own series; each entry is counted once.
    assert_eq!(page.value("koreai_exporter_dropped_total{reason=\"max_channels\"}"), Some(21.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn campaigns_are_bounded() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "rate_limit: {per_minute: 1, per_hour: 1}")]);
    let exporter = Exporter::start(&folder).await;
    let job = |number: usize| json!({"request_id": id(number), "labels": {"campaign": format!("c{number}")}});
    for numbers in [0..MAX_CAMPAIGNS, MAX_CAMPAIGNS..MAX_CAMPAIGNS + 1] {
        let jobs: Vec<Value> = numbers.map(job).collect();
        assert_eq!(exporter.post("/api/v1/jobs?bot=support", json!(jobs).to_string()).await.status, 200);
    }
    let page = exporter.page().await;
    assert_eq!(page.value("koreai_exporter_dropped_total{reason=\"max_campaigns\"}"), Some(1.0));
    let last = exporter.get(&format!("/api/v1/jobs?request_id={}", id(MAX_CAMPAIGNS))).await.json();
    assert_eq!(last["data"]["jobs"][0]["campaign"], "other");
}
