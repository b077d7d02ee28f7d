//! A disk without room: polling goes on, the failure is shown, and no number is wrong, then or later.

use std::time::Duration;

use koreai_exporter::fake_upstream::{Plan, ScriptedJob};

use super::world::{
    Exporter, command_on_a_small_disk, counters, id, start_upstream, true_notifications, wait_until,
    write_configuration,
};

const JOBS: u32 = 5_000;

/// Room for the file as it is at first, and for some of the jobs.
const DISK_KIB: u32 = 1_400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_nothing_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::Runs { over: Duration::ZERO };
    let upstream =
        start_upstream((0..JOBS).map(|number| ScriptedJob::new(&id(number), 3).with_plan(plan.clone())).collect())
            .await;
    write_configuration(folder.path(), &upstream, 100);
    let truth = |jobs| true_notifications(&upstream, jobs)["bot=\"support\",channel=\"msteams\",status=\"SUCCESS\""];
    let seen = |page: &str| counters(page, "koreai_notifications_total")["bot=\"support\",channel=\"msteams\",status=\"SUCCESS\""];

    let mut exporter = Exporter::run(&mut command_on_a_small_disk(folder.path(), DISK_KIB)).unwrap();
    exporter.wait_for("koreai_jobs{bot=\"support\",state=\"finished\"} 100").await;
    write_configuration(folder.path(), &upstream, JOBS);
    wait_until(async || (seen(&exporter.metrics().await) == truth(JOBS)).then_some(())).await;
    let page = exporter.metrics().await;
    assert!(counters(&page, "koreai_exporter_storage_errors_total")["operation=\"write\""] > 0);
    let body = "{\"bot\": \"support\", \"request_id\": \"ds-new\"}";
    let answer = exporter.client.post(format!("{}/api/v1/jobs", exporter.url)).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 503, "what is not kept is not acknowledged");
    exporter.kill();

    let exporter = Exporter::start(folder.path());
    wait_until(async || (seen(&exporter.metrics().await) == truth(JOBS)).then_some(())).await;
    let page = exporter.metrics().await;
    assert_eq!(counters(&page, "koreai_exporter_storage_errors_total")["operation=\"write\""], 0);
    assert_eq!(counters(&page, "koreai_jobs_finished_total")["bot=\"support\",status=\"SUCCESS\""], u64::from(JOBS));
}
