//! `/probe`.

use std::time::{Duration, Instant};

use koreai_exporter::fake_upstream::{Fault, FaultRule};
use koreai_exporter::scheduler::MIN_GAP;
use reqwest::{Method, StatusCode};

use super::support::{
    Answered, BOT_ID, DEADLINE, Exporter, Folder, Page, answered, client, finished_job, slow_job, upstream,
};

async fn probe(exporter: &Exporter, id: &str) -> Answered {
    exporter.get(&format!("/probe?bot=support&target={id}")).await
}

fn success(answered: Answered) -> Page {
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.body);
    Page(answered.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_returns_the_series_of_one_job_only() {
    let upstream = upstream(vec![finished_job("ds-1"), slow_job("ds-2")]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "static_configs: [{targets: [ds-2]}]")]);
    let exporter = Exporter::start(&folder).await;
    let page = success(probe(&exporter, "ds-1").await);
    assert_eq!(
        page.value("koreai_job_status{bot=\"support\",request_id=\"ds-1\",status=\"PARTIAL_SUCCESS\"}"),
        Some(1.0)
    );
    for line in page.0.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("koreai_job_") && line.contains("request_id=\"ds-1\""), "{line}");
    }
    assert!(!exporter.page().await.has("ds-1"), "a probe tracks nothing");
    let request = client().get(format!("{}/probe?bot=support&target=ds-1", exporter.url()));
    let open = answered(request.header("accept", "application/openmetrics-text;version=1.0.0")).await;
    assert!(open.body.ends_with("# EOF\n") && open.headers["content-type"].to_str().unwrap().contains("openmetrics"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_job_is_polled_once_and_a_running_one_at_most_every_two_seconds() {
    let upstream = upstream(vec![finished_job("ds-1"), slow_job("ds-2")]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let exporter = Exporter::start(&folder).await;
    let first = success(probe(&exporter, "ds-1").await);
    let together = tokio::join!(probe(&exporter, "ds-2"), probe(&exporter, "ds-2"), probe(&exporter, "ds-2"));
    let shown = success(together.0);
    assert_eq!((&success(together.1).0, &success(together.2).0), (&shown.0, &shown.0));
    assert_eq!(success(probe(&exporter, "ds-2").await).0, shown.0);
    assert_eq!(upstream.record().calls_for("ds-2").count(), 1);
    let again = async || {
        success(probe(&exporter, "ds-2").await);
        (upstream.record().calls_for("ds-2").count() == 3).then_some(())
    };
    exporter.until("the running job has been asked three times", again).await;
    assert!(upstream.record().min_gap("ds-2").unwrap() >= MIN_GAP);
    assert_eq!(exporter.post("/-/reload", "").await.status, StatusCode::OK);
    assert_eq!(success(probe(&exporter, "ds-1").await).0, first.0);
    assert_eq!(upstream.record().calls_for("ds-1").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tracked_job_is_answered_from_memory_even_after_its_removal() {
    let upstream = upstream(vec![finished_job("ds-1")]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let exporter = Exporter::start(&folder).await;
    exporter.post("/api/v1/jobs?bot=support&campaign=spring", r#"{"request_id": "ds-1"}"#).await;
    let finished = "koreai_jobs{bot=\"support\",state=\"finished\"}";
    exporter.until_page("it has finished", |page| page.value(finished) == Some(1.0)).await;
    let info = "koreai_job_poll_up{bot=\"support\",request_id=\"ds-1\",campaign=\"spring\"}";
    assert_eq!(success(probe(&exporter, "ds-1").await).value(info), Some(1.0));
    exporter.request(Method::DELETE, "/api/v1/jobs?bot=support&request_id=ds-1", "").await;
    assert_eq!(exporter.page().await.jobs(), 0);
    assert_eq!(success(probe(&exporter, "ds-1").await).value(info), Some(1.0));
    assert_eq!(upstream.record().calls().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_answers_before_the_scrape_timeout() {
    let upstream = upstream(vec![slow_job("ds-1")]).await;
    upstream.add_fault(FaultRule::always(Fault::Hang));
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let exporter = Exporter::start(&folder).await;
    let asked = Instant::now();
    let request = client().get(format!("{}/probe?bot=support&target=ds-1", exporter.url()));
    let late = answered(request.header("x-prometheus-scrape-timeout-seconds", "1.5")).await;
    assert_eq!(
        (late.status, late.body.as_str()),
        (StatusCode::GATEWAY_TIMEOUT, "the upstream did not answer in time\n")
    );
    assert!((1_000..1_500).contains(&asked.elapsed().as_millis()), "took {:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_count_against_the_bots_budget() {
    let upstream = upstream(vec![finished_job("ds-1"), finished_job("ds-2")]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "rate_limit: {per_minute: 1, per_hour: 1}")]);
    let exporter = Exporter::start(&folder).await;
    success(probe(&exporter, "ds-1").await);
    let refused = probe(&exporter, "ds-2").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.body, "no call can be made now: the budget is spent or calls are paused\n");
    success(probe(&exporter, "ds-1").await);
    let used = "koreai_upstream_budget_used_requests{bot=\"support\",window=\"hour\"}";
    let calls = "koreai_upstream_requests_total{bot=\"support\",outcome=\"ok\"}";
    let counted = |page: &Page| page.value(used) == Some(1.0) && page.value(calls) == Some(1.0);
    exporter.until_page("the call is counted", counted).await;
    assert_eq!(upstream.record().calls().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_probes_are_rejected_with_a_message_and_without_a_call() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let exporter = Exporter::start(&folder).await;
    for (query, message) in [
        ("", "expected ?bot=NAME&target=REQUEST_ID\n"),
        ("?bot=support", "expected ?bot=NAME&target=REQUEST_ID\n"),
        ("?target=ds-1", "expected ?bot=NAME&target=REQUEST_ID\n"),
        ("?bot=nobody&target=ds-1", "there is no bot of that name in the configuration\n"),
        (
            "?bot=support&target=http://169.254.169.254/",
            "target contains ':'; only letters, digits, `-`, `_` and `.` are allowed, starting with a letter or digit; it must be a request ID (ds-…), not a URL\n",
        ),
        (
            "?bot=support&target=..%2F..%2Fx",
            "target contains '.'; only letters, digits, `-`, `_` and `.` are allowed, starting with a letter or digit; it must be a request ID (ds-…), not a URL\n",
        ),
    ] {
        let refused = exporter.get(&format!("/probe{query}")).await;
        assert_eq!((refused.status, refused.body.as_str()), (StatusCode::BAD_REQUEST, message), "{query}");
    }
    assert_eq!(upstream.record().calls().count(), 0);
    // The upstream does not know this ID; a repeated probe within two seconds has the same response.
    let unknown = probe(&exporter, "ds-1").await;
    assert_eq!((unknown.status, probe(&exporter, "ds-1").await.body), (StatusCode::BAD_GATEWAY, unknown.body));
    assert_eq!(upstream.record().calls().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_registered_right_after_its_probe_is_not_polled_again_immediately() {
    let upstream = upstream(vec![slow_job("ds-1")]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let exporter = Exporter::start(&folder).await;
    success(probe(&exporter, "ds-1").await);
    exporter.post("/api/v1/jobs?bot=support", r#"{"request_id": "ds-1"}"#).await;
    assert!(upstream.wait_until(DEADLINE, |record| record.calls_for("ds-1").count() == 2).await);
    let gap = upstream.record().min_gap("ds-1").unwrap();
    assert!(gap >= MIN_GAP && gap < MIN_GAP + Duration::from_secs(5), "{gap:?}");
}
