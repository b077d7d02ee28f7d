//! The calls for a job and its metrics, from the first poll to the end.

use std::time::Duration;

use koreai_exporter::fake_upstream::{Fault, FaultRule, Plan, ScriptedJob, ScriptedResponse};

use crate::support::{BOT_ID, Configuration, Exporter, Samples, Time, V1, V1_ID, bot, of, tenant, upstream};

const MINUTE: Duration = Duration::from_secs(60);

fn runs(id: &str, seconds: u64) -> ScriptedJob {
    ScriptedJob::new(id, 40).with_failures(25).with_plan(Plan::Runs { over: Duration::from_secs(seconds) })
}

#[tokio::test]
async fn a_finished_job_is_polled_once_regardless_of_the_number_of_scrapes() {
    let time = Time::stop();
    let job = ScriptedJob::new(V1_ID, 2).with_plan(Plan::fixed(V1));
    let upstream = upstream(tenant(bot(vec![job]))).await;
    let exporter = Exporter::start(&Configuration::new(&upstream, &[V1_ID])).await;
    let samples = exporter.until(&time, MINUTE, |samples| samples.jobs("finished") == 1.0).await;

    let job = of(V1_ID);
    let value = |name: &str, further: &str| samples.value(name, &format!("{job}{further}"));
    assert_eq!(samples.statuses(V1_ID), ["PARTIAL_SUCCESS"]);
    assert_eq!(value("koreai_job_completion_ratio", ""), Some(1.0));
    assert_eq!(value("koreai_job_notifications", r#",channel="msteams",status="FAILURE""#), Some(1.0));
    assert_eq!(value("koreai_job_notifications", r#",channel="msteams",status="SUCCESS""#), Some(1.0));
    assert_eq!(value("koreai_job_failures", r#",channel="msteams",reason="identity_not_associated""#), Some(1.0));
    assert_eq!(value("koreai_job_last_notification_timestamp_seconds", ""), Some(1_643_057_723.029));
    assert_eq!(samples.of_bot("koreai_jobs_finished_total", r#"status="PARTIAL_SUCCESS""#), 1.0);
    assert_eq!(samples.of_bot("koreai_notifications_total", r#"channel="msteams",status="FAILURE""#), 1.0);

    for _ in 0..50 {
        exporter.scrape().await;
    }
    exporter.during(&time, MINUTE, |_| {}).await;
    assert_eq!(upstream.record().calls().count(), 1);
    exporter.stop().await;
}

#[tokio::test]
async fn three_hundred_jobs_on_a_small_budget_are_all_polled_within_six_minutes() {
    let time = Time::stop();
    let ids: Vec<String> = (0..300).map(|number| format!("ds-{number:03}")).collect();
    let jobs = ids.iter().map(|id| runs(id, 3600)).collect();
    let upstream = upstream(tenant(bot(jobs))).await;
    let mut configuration = Configuration::new(&upstream, &[]);
    configuration.targets = ids.clone();
    configuration.bot = "    rate_limit: {per_minute: 60}\n".to_owned();
    let exporter = Exporter::start(&configuration).await;
    exporter.during(&time, 6 * MINUTE + Duration::from_secs(1), |_| {}).await;

    let record = upstream.record();
    let most = record.max_in_window(BOT_ID, MINUTE);
    assert!(most <= 60, "{most} calls within a minute");
    assert!(record.calls().count() >= 300, "the budget is used: {} calls", record.calls().count());
    let asked = |id: &String| record.calls_for(id).next().is_some_and(|call| call.at <= 6 * MINUTE);
    assert_eq!(ids.iter().filter(|id| !asked(id)).count(), 0);
    exporter.stop().await;
}

#[tokio::test]
async fn a_job_that_changes_from_in_progress_to_partial_success_never_shows_both() {
    let time = Time::stop();
    let upstream = upstream(tenant(bot(vec![runs("ds-1", 20)]))).await;
    let exporter = Exporter::start(&Configuration::new(&upstream, &["ds-1"])).await;
    let mut seen: Vec<String> = Vec::new();
    exporter
        .during(&time, MINUTE, |samples| {
            let statuses = samples.statuses("ds-1");
            assert_eq!(statuses.len(), 1, "{statuses:?}");
            if seen.last().is_none_or(|last| *last != statuses[0]) {
                seen.push(statuses[0].to_owned());
            }
        })
        .await;
    assert_eq!(seen, ["UNKNOWN", "IN_PROGRESS", "PARTIAL_SUCCESS"]);
    exporter.stop().await;
}

#[tokio::test]
async fn calls_are_gets_at_least_two_seconds_apart_and_end_with_the_job() {
    let time = Time::stop();
    let ids = ["ds-1", "ds-2", "ds-3", "ds-4"];
    let jobs = ids.iter().zip([1, 7, 19, 40]).map(|(id, seconds)| runs(id, seconds)).collect();
    let upstream = upstream(tenant(bot(jobs))).await;
    let exporter = Exporter::start(&Configuration::new(&upstream, &ids)).await;
    let samples = exporter.until(&time, 2 * MINUTE, |samples| samples.jobs("finished") == 4.0).await;
    exporter.during(&time, MINUTE, |_| {}).await;

    let record = upstream.record();
    assert_eq!(Vec::from_iter(record.methods()), ["GET"]);
    assert!(record.calls().all(|call| !call.after_finish), "a finished job was polled again");
    for id in ids {
        let gap = record.min_gap(id);
        assert!(gap.is_none_or(|gap| gap >= Duration::from_secs(2)), "{id}: {gap:?}");
    }
    // Four jobs of forty recipients each, ten of which failed: every entry counted once.
    let counted =
        |status: &str| samples.of_bot("koreai_notifications_total", &format!(r#"channel="msteams",{status}"#));
    assert_eq!((counted(r#"status="SUCCESS""#), counted(r#"status="FAILURE""#)), (120.0, 40.0));
    exporter.stop().await;
}

#[tokio::test]
async fn a_job_deleted_upstream_becomes_gone_and_keeps_its_values() {
    let time = Time::stop();
    let running = ScriptedResponse::ok(V1.replace("PARTIAL_SUCCESS", "IN_PROGRESS"));
    let unknown = ScriptedResponse::json(400, r#"{"errors":[{"msg":"Invalid request ID","code":400}]}"#);
    let job = ScriptedJob::new(V1_ID, 2).with_plan(Plan::Answers(vec![running, unknown]));
    let upstream = upstream(tenant(bot(vec![job]))).await;
    let exporter = Exporter::start(&Configuration::new(&upstream, &[V1_ID])).await;
    let before = exporter.until(&time, MINUTE, |samples| samples.calls("ok") == 1.0).await;
    let samples = exporter.until(&time, 2 * MINUTE, |samples| samples.jobs("gone") == 1.0).await;

    assert_eq!(before.statuses(V1_ID), ["IN_PROGRESS"]);
    assert_eq!(samples.values_of(V1_ID), before.values_of(V1_ID));
    assert_eq!(samples.value("koreai_job_poll_up", &of(V1_ID)), Some(0.0));
    let calls = upstream.record().calls().count();
    exporter.during(&time, 4 * MINUTE, |_| {}).await;
    assert_eq!(upstream.record().calls().count(), calls);
    exporter.during(&time, 2 * MINUTE, |_| {}).await;
    assert_eq!(upstream.record().calls().count(), calls + 1, "it is polled rarely");
    exporter.stop().await;
}

#[tokio::test]
async fn a_gone_job_that_the_upstream_knows_again_is_tracked_to_its_end_and_counted_once() {
    let time = Time::stop();
    let running = ScriptedResponse::ok(V1.replace("PARTIAL_SUCCESS", "IN_PROGRESS"));
    let unknown = ScriptedResponse::json(400, r#"{"errors":[{"msg":"Invalid request ID","code":400}]}"#);
    let mut answers = vec![running];
    answers.extend(std::iter::repeat_n(unknown, 6));
    answers.push(ScriptedResponse::ok(V1));
    let job = ScriptedJob::new(V1_ID, 2).with_plan(Plan::Answers(answers));
    let upstream = upstream(tenant(bot(vec![job]))).await;
    let mut configuration = Configuration::new(&upstream, &[V1_ID]);
    // The fifth answer, 75 s after the first, makes the job gone; the sixth comes 5 min and the report 15 min after it.
    configuration.global = "{poll_interval: 15s, max_poll_interval: 60s}".to_owned();
    let exporter = Exporter::start(&configuration).await;
    let gone = exporter.until(&time, 3 * MINUTE, |samples| samples.jobs("gone") == 1.0).await;
    let polling = |samples: &Samples| samples.value("koreai_job_polling", &of(V1_ID));
    assert_eq!(polling(&gone), Some(0.0));
    let counted = |samples: &Samples, status: &str| {
        samples.of_bot("koreai_notifications_total", &format!(r#"channel="msteams",status="{status}""#))
    };
    let finished = exporter.until(&time, 20 * MINUTE, |samples| samples.jobs("finished") == 1.0).await;
    assert_eq!(finished.jobs("gone"), 0.0);
    for status in ["SUCCESS", "FAILURE", "UNKNOWN"] {
        assert_eq!(counted(&finished, status), counted(&gone, status), "{status}");
    }
    exporter.stop().await;
}

#[tokio::test]
async fn a_job_past_its_deadline_is_abandoned_and_its_series_expire_but_its_counts_remain() {
    let time = Time::stop();
    let plan = Plan::Stalls { over: Duration::from_secs(1), at_percent: 50 };
    let upstream = upstream(tenant(bot(vec![ScriptedJob::new("ds-1", 10).with_plan(plan)]))).await;
    let mut configuration = Configuration::new(&upstream, &["ds-1"]);
    configuration.global = "{poll_interval: 2s, max_poll_interval: 4s, job_deadline: 1m, retention: 1m}".to_owned();
    let exporter = Exporter::start(&configuration).await;
    let samples = exporter.until(&time, 2 * MINUTE, |samples| samples.jobs("abandoned") == 1.0).await;
    assert_eq!(samples.statuses("ds-1"), ["IN_PROGRESS"]);
    let calls = upstream.record().calls().count();

    let samples = exporter.until(&time, 2 * MINUTE, |samples| samples.values_of("ds-1").is_empty()).await;
    assert_eq!(samples.jobs("abandoned"), 0.0);
    assert_eq!(samples.of_bot("koreai_notifications_total", r#"channel="msteams",status="SUCCESS""#), 5.0);
    exporter.during(&time, MINUTE, |_| {}).await;
    assert_eq!(upstream.record().calls().count(), calls, "it is not polled again, although its source lists it");
    exporter.stop().await;
}

#[tokio::test]
async fn each_fault_has_its_outcome_and_known_values_remain() {
    for (fault, outcome) in [
        (Fault::Status(502), "server_error"),
        (Fault::Status(404), "wrong_endpoint"),
        (Fault::Html200, "malformed"),
        (Fault::Empty200, "malformed"),
        (Fault::Gibberish, "malformed"),
        (Fault::ErrorsEnvelope200, "server_error"),
        (Fault::Truncated, "network"),
        (Fault::Reset, "network"),
        (Fault::Hang, "timeout"),
        (Fault::NeverEnding, "timeout"),
        (Fault::Huge(10_000), "too_large"),
        (Fault::GzipBomb(100), "too_large"),
        (Fault::CutGzip, "malformed"),
        (Fault::Status(304), "malformed"),
    ] {
        let time = Time::stop();
        let upstream = upstream(tenant(bot(vec![runs("ds-1", 3600)]))).await;
        let mut configuration = Configuration::new(&upstream, &["ds-1"]);
        configuration.global = "{poll_interval: 2s, poll_timeout: 3s, max_body_bytes: 64KiB}".to_owned();
        let exporter = Exporter::start(&configuration).await;
        let before = exporter.until(&time, MINUTE, |samples| samples.calls("ok") == 1.0).await;
        upstream.add_fault(FaultRule::always(fault.clone()).for_calls(1));
        let samples = exporter
            .until(&time, MINUTE, |samples| samples.value("koreai_job_poll_up", &of("ds-1")) == Some(0.0))
            .await;
        assert_eq!(samples.calls(outcome), 1.0, "{fault:?}\n{}", samples.0);
        assert_eq!(samples.values_of("ds-1"), before.values_of("ds-1"), "{fault:?}");
        exporter.until(&time, MINUTE, |samples| samples.calls("ok") == 2.0).await;
        exporter.stop().await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let time = Time::stop();
    let elsewhere = upstream(tenant(bot(vec![]))).await;
    let upstream = upstream(tenant(bot(vec![runs("ds-1", 3600)]))).await;
    let address = format!("http://localhost:{}/api/public/bot/{BOT_ID}/notify/status/ds-1", elsewhere.address().port());
    upstream.add_fault(FaultRule::always(Fault::Redirect(address)));
    let exporter = Exporter::start(&Configuration::new(&upstream, &["ds-1"])).await;
    let samples =
        exporter.until(&time, MINUTE, |samples| samples.value("koreai_job_poll_up", &of("ds-1")) == Some(0.0)).await;
    exporter.during(&time, MINUTE, |_| {}).await;
    assert_eq!(elsewhere.record().calls().count(), 0, "the redirect was not followed with the token");
    assert_eq!(samples.calls("ok"), 0.0);
    exporter.stop().await;
}
