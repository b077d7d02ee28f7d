//! What a restart keeps, and what it does not do again.

use std::time::Duration;

use koreai_exporter::fake_upstream::{Fault, FaultRule, Plan, ScriptedJob};

use super::world::{Exporter, command, counters, id, start_upstream, true_notifications, write_configuration};

const JOBS: u32 = 20;

/// Jobs that have finished, and jobs that run on for ever.
fn jobs() -> Vec<ScriptedJob> {
    let plan = |number| match number % 2 {
        0 => Plan::Runs { over: Duration::ZERO },
        _ => Plan::Stalls { over: Duration::from_millis(1), at_percent: 50 },
    };
    (0..JOBS).map(|number| ScriptedJob::new(&id(number), 10).with_plan(plan(number))).collect()
}

const DELIVERED: &str = "bot=\"support\",channel=\"msteams\",status=\"SUCCESS\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_stop_all_is_there_again_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = start_upstream(jobs()).await;
    write_configuration(folder.path(), &upstream, JOBS);
    let mut exporter = Exporter::start(folder.path());
    let before = exporter.wait_for(&format!("koreai_notifications_total{{{DELIVERED}}} 150")).await;
    assert!(exporter.stop().success());

    upstream.add_fault(FaultRule::always(Fault::Hang));
    let mut exporter = Exporter::start(folder.path());
    let after = exporter.metrics().await;
    for family in
        ["koreai_notifications_total", "koreai_jobs_finished_total", "koreai_jobs", "koreai_job_notifications"]
    {
        assert_eq!(counters(&after, family), counters(&before, family), "{family}");
    }
    let used = |page: &str| counters(page, "koreai_upstream_budget_used_requests")["bot=\"support\",window=\"hour\""];
    assert!(used(&after) >= u64::from(JOBS), "calls of the run before count in the budget: {}", used(&after));
    exporter.kill();
    upstream.clear_faults();

    let exporter = Exporter::start(folder.path());
    let calls = upstream.record().calls().count();
    upstream.wait_until(Duration::from_secs(60), |record| record.calls().count() > calls + 20).await;
    assert!(upstream.record().calls().all(|call| !call.after_finish), "no finished job was asked about again");
    assert_eq!(counters(&exporter.metrics().await, "koreai_notifications_total")[DELIVERED], 150);
    assert_eq!(true_notifications(&upstream, JOBS).values().sum::<u64>(), 150);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_job_api_has_acknowledged_outlives_a_kill_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = start_upstream(jobs()).await;
    write_configuration(folder.path(), &upstream, 0);
    let url = |exporter: &Exporter| format!("{}/api/v1/jobs", exporter.url);
    for number in 0..5 {
        let mut exporter = Exporter::start(folder.path());
        let body = format!("{{\"bot\": \"support\", \"request_id\": \"{}\"}}", id(number));
        let answer = exporter.client.post(url(&exporter)).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        exporter.kill();
    }
    let mut exporter = Exporter::start(folder.path());
    assert_eq!(counters(&exporter.metrics().await, "koreai_job_info").len(), 5);
    let forgotten = format!("{}?bot=support&request_id={}", url(&exporter), id(0));
    assert!(exporter.client.delete(forgotten).send().await.unwrap().status().is_success());
    exporter.kill();
    let exporter = Exporter::start(folder.path());
    assert_eq!(counters(&exporter.metrics().await, "koreai_job_info").len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_folder_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = start_upstream(Vec::new()).await;
    write_configuration(folder.path(), &upstream, 0);
    let exporter = Exporter::start(folder.path());
    let Err(log) = Exporter::run(&mut command(folder.path())) else { panic!("it started") };
    assert!(log.contains("in use by another process") && log.contains("exit status: 1"), "{log}");
    assert!(exporter.metrics().await.contains("koreai_exporter_storage_errors_total{operation=\"write\"} 0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_no_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = start_upstream(Vec::new()).await;
    write_configuration(folder.path(), &upstream, 0);
    Exporter::start(folder.path()).kill();
    let file = folder.path().join("data/koreai_exporter.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[..4096].fill(0);
    std::fs::write(&file, bytes).unwrap();
    let Err(log) = Exporter::run(&mut command(folder.path())) else { panic!("it started") };
    assert!(log.contains("koreai_exporter.redb is damaged") && log.contains("move the file away"), "{log}");
}
