//! Reloads while calls are in flight.

use std::path::Path;
use std::time::Duration;

use koreai_exporter::fake_upstream::{FakeUpstream, Fault, FaultRule, HttpFeatures, Plan, ScriptedJob, Tenant};
use reqwest::Method;

use crate::support::{CLIENT_ID, Configuration, Exporter, SECRET, Time, bot, of, scratch, tenant, upstream};

const MINUTE: Duration = Duration::from_secs(60);

/// A reloadable exporter of these jobs, its configuration, and the directory of its files.
async fn reloadable(upstream: &FakeUpstream, ids: &[&str]) -> (Exporter, Configuration, tempfile::TempDir) {
    let (folder, secret) = scratch("secret", SECRET);
    let mut configuration = Configuration::new(upstream, ids);
    configuration.auth = format!("{{client_id: {CLIENT_ID}, client_secret_file: {}}}", secret.display());
    let file = format!("--config.file={}", file(&folder).display());
    let flags = ["--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", &file];
    (Exporter::start_with(&configuration, &flags).await, configuration, folder)
}

fn file(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("koreai.yml")
}

async fn reload(exporter: &Exporter, file: &Path, yaml: &str) -> u16 {
    std::fs::write(file, yaml).unwrap();
    exporter.request(Method::POST, "/-/reload", &[]).await.status.as_u16()
}

fn runs(id: &str) -> ScriptedJob {
    ScriptedJob::new(id, 1).with_plan(Plan::Runs { over: 1000 * MINUTE })
}

#[tokio::test]
async fn a_job_removed_during_a_hanging_call_leaves_no_trace_and_can_return() {
    let time = Time::stop();
    let upstream = upstream(tenant(bot(["ds-1", "ds-2", "ds-3"].map(runs).to_vec()))).await;
    upstream.add_fault(FaultRule::always(Fault::Hang).for_id("ds-1"));
    let (exporter, mut configuration, folder) = reloadable(&upstream, &["ds-1", "ds-2"]).await;
    exporter.until(&time, MINUTE, |_| upstream.record().calls_for("ds-1").count() == 1).await;

    configuration.targets = vec!["ds-2".to_owned(), "ds-3".to_owned()];
    assert_eq!(reload(&exporter, &file(&folder), &configuration.yaml()).await, 200);
    // ds-1 is removed after the grace period; its call times out after ten seconds.
    let up = |id: &str| (of(id), Some(1.0));
    let (two, three) = (up("ds-2"), up("ds-3"));
    exporter.during(&time, 20 * Duration::from_secs(1), |_| {}).await;
    let samples = exporter.scrape().await;
    assert!(samples.values_of("ds-1").is_empty());
    for (labels, is_up) in [two, three] {
        assert_eq!(samples.value("koreai_job_poll_up", &labels), is_up);
    }
    assert_eq!(upstream.record().calls_for("ds-1").count(), 1);

    upstream.clear_faults();
    configuration.targets.push("ds-1".to_owned());
    assert_eq!(reload(&exporter, &file(&folder), &configuration.yaml()).await, 200);
    let samples =
        exporter.until(&time, MINUTE, |samples| samples.value("koreai_job_poll_up", &of("ds-1")) == Some(1.0)).await;
    assert_eq!(samples.jobs("polling"), 3.0);
    assert_eq!(samples.of_bot("koreai_exporter_targets", r#"source="static""#), 3.0);
    exporter.stop().await;
}

#[tokio::test]
async fn a_bot_can_be_removed_and_added_again_while_its_calls_hang() {
    let time = Time::stop();
    let ids = ["ds-1", "ds-2", "ds-3"];
    let upstream = upstream(tenant(bot(ids.map(runs).to_vec()))).await;
    upstream.add_fault(FaultRule::always(Fault::Hang));
    let (exporter, configuration, folder) = reloadable(&upstream, &ids).await;
    exporter.until(&time, MINUTE, |_| upstream.record().calls().count() == 3).await;
    let other = configuration.yaml().replace("name: support", "name: another");
    assert_eq!(reload(&exporter, &file(&folder), &other).await, 200);
    let samples = exporter.scrape().await;
    assert!(!samples.0.contains(r#"bot="support""#) && samples.0.contains(r#"bot="another""#));
    assert_eq!(reload(&exporter, &file(&folder), &configuration.yaml()).await, 200);
    upstream.clear_faults();
    exporter.during(&time, MINUTE, |_| {}).await;
    let samples = exporter.scrape().await;
    for id in ids {
        assert_eq!(samples.value("koreai_job_poll_up", &of(id)), Some(1.0), "{id}");
    }
    exporter.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_values_budget_and_pause_and_an_invalid_one_changes_nothing() {
    let time = Time::stop();
    let upstream = upstream(tenant(bot(vec![runs("ds-1")]))).await;
    let (exporter, mut configuration, folder) = reloadable(&upstream, &["ds-1"]).await;
    let before = exporter.until(&time, MINUTE, |samples| samples.calls("ok") == 3.0).await;
    upstream.add_fault(FaultRule::always(Fault::Unauthorized));
    exporter.until(&time, MINUTE, |samples| samples.calls("unauthorized") == 1.0).await;
    upstream.clear_faults();
    let calls = upstream.record().calls().count();

    assert_eq!(reload(&exporter, &file(&folder), &configuration.yaml()).await, 200);
    exporter.during(&time, Duration::from_secs(25), |_| {}).await;
    let samples = exporter.scrape().await;
    assert_eq!(samples.values_of("ds-1"), before.values_of("ds-1"));
    assert_eq!(samples.calls("ok"), 3.0);
    assert_eq!(upstream.record().calls().count(), calls, "the pause continues");
    assert_eq!(samples.value("koreai_exporter_config_last_reload_successful", ""), Some(1.0));

    configuration.global = "{poll_interval: 1h, max_poll_interval: 1s}".to_owned();
    assert_eq!(reload(&exporter, &file(&folder), &configuration.yaml()).await, 500);
    let samples = exporter.scrape().await;
    assert_eq!(samples.value("koreai_exporter_config_last_reload_successful", ""), Some(0.0));
    assert_eq!(exporter.get("/-/ready").await.status, 200);
    exporter.until(&time, MINUTE, |samples| samples.calls("ok") >= 6.0).await;
    exporter.stop().await;
}

#[tokio::test]
async fn after_a_reload_each_report_is_read_whole_although_it_has_not_changed() {
    let time = Time::stop();
    let http = HttpFeatures { gzip: false, etags: true };
    let job = ScriptedJob::new("ds-1", 10).with_plan(Plan::Stalls { over: Duration::from_secs(1), at_percent: 50 });
    let upstream = upstream(Tenant { http, ..tenant(bot(vec![job])) }).await;
    let (exporter, configuration, folder) = reloadable(&upstream, &["ds-1"]).await;
    let statuses = || upstream.record().calls().map(|call| call.status).collect::<Vec<_>>();
    exporter.until(&time, 5 * MINUTE, |_| statuses().last() == Some(&Some(304))).await;

    assert_eq!(reload(&exporter, &file(&folder), &configuration.yaml()).await, 200);
    let before = statuses().len();
    exporter.until(&time, 10 * MINUTE, |_| statuses().len() >= before + 2).await;
    assert_eq!(statuses()[before..][..2], [Some(200), Some(304)]);
    exporter.stop().await;
}
