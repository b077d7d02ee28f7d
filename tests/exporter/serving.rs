//! Endpoints, formats and encodings.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use koreai_exporter::fake_upstream::{FakeUpstream, Fault, FaultRule, Plan, ScriptedJob};
use reqwest::{Method, StatusCode};

use crate::support::{Configuration, Exporter, Got, Samples, Time, V1, V1_ID, bot, of, tenant, upstream};

const MINUTE: Duration = Duration::from_secs(60);

/// The Accept header of Prometheus 2.42.
const ACCEPT_2_42: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/// The Accept header of Prometheus 3.
const ACCEPT_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

async fn with_one_job() -> (FakeUpstream, Configuration) {
    let upstream = upstream(tenant(bot(vec![ScriptedJob::new(V1_ID, 2).with_plan(Plan::fixed(V1))]))).await;
    let configuration = Configuration::new(&upstream, &[V1_ID]);
    (upstream, configuration)
}

fn inflated(got: &Got) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(got.body.as_slice()).read_to_string(&mut text).unwrap();
    text
}

/// The page without the lines that differ between any two scrapes.
fn lasting(text: &str) -> String {
    text.lines().filter(|line| !line.contains("process_")).map(|line| format!("{line}\n")).collect()
}

/// The output of `promtool check metrics`.
fn promtool(page: &str) -> String {
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool, of Debian's package prometheus: {error}"));
    check.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn the_page_is_served_before_the_first_poll_and_without_an_upstream() {
    let time = Time::stop();
    let (upstream, configuration) = with_one_job().await;
    let exporter = Exporter::start(&configuration).await;
    let first = exporter.scrape().await;
    assert!(first.0.contains("koreai_exporter_build_info{"), "{}", first.0);
    assert_eq!(first.statuses(V1_ID), ["UNKNOWN"]);
    for channel in ["msteams", "slack", "whatsapp", "ivr", "hangouts"] {
        for status in ["SUCCESS", "FAILURE", "UNKNOWN"] {
            let labels = format!(r#"channel="{channel}",status="{status}""#);
            assert_eq!(first.of_bot("koreai_notifications_total", &labels), 0.0);
        }
    }
    for outcome in
        "ok unauthorized rate_limited not_found client_error server_error timeout network malformed too_large"
            .split(' ')
    {
        assert_eq!(first.calls(outcome), 0.0);
    }
    for status in ["SUCCESS", "PARTIAL_SUCCESS", "FAILURE"] {
        assert_eq!(first.of_bot("koreai_jobs_finished_total", &format!(r#"status="{status}""#)), 0.0);
    }
    assert_eq!(exporter.get("/-/ready").await.status, 200);

    upstream.stop().await;
    let samples = exporter.until(&time, MINUTE, |samples| samples.calls("network") >= 3.0).await;
    assert_eq!(samples.value("koreai_job_poll_up", &of(V1_ID)), Some(0.0));
    assert_eq!(exporter.get("/-/ready").await.status, 200);
    assert_eq!(exporter.get("/-/healthy").await.status, 200);
    exporter.stop().await;
}

#[tokio::test]
async fn format_and_encoding_depend_on_the_headers_of_the_scrape() {
    let time = Time::stop();
    let (_upstream, configuration) = with_one_job().await;
    let exporter = Exporter::start(&configuration).await;
    // Its first poll adds series: two pages have the same lines only after it.
    exporter.until(&time, MINUTE, |samples| samples.jobs("finished") == 1.0).await;
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let escaping = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";
    let text = "text/plain; version=0.0.4; charset=utf-8";
    for (accept, content_type) in [
        (ACCEPT_2_42, open_metrics),
        (ACCEPT_3, escaping),
        ("*/*", text),
        ("text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5", text),
        ("application/openmetrics-text;version=1.0.0;q=0,text/plain;q=0.1", text),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", text),
    ] {
        let plain = exporter.request(Method::GET, "/metrics", &[("accept", accept)]).await;
        let zipped =
            exporter.request(Method::GET, "/metrics", &[("accept", accept), ("accept-encoding", "gzip")]).await;
        for got in [&plain, &zipped] {
            assert_eq!(got.status, StatusCode::OK);
            assert_eq!(got.header("content-type"), content_type, "{accept}");
            assert_eq!(got.header("content-length"), got.body.len().to_string());
        }
        assert_eq!((plain.header("content-encoding"), zipped.header("content-encoding")), ("", "gzip"));
        assert_eq!(plain.text().ends_with("# EOF\n"), content_type != text, "{accept}");
        assert_eq!(plain.text().lines().count(), inflated(&zipped).lines().count());
    }
    exporter.stop().await;
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let (_upstream, configuration) = with_one_job().await;
    let exporter = Exporter::start(&configuration).await;
    for path in ["/metrics", "/", "/-/healthy", "/-/ready", "/config", "/api/v1/jobs"] {
        let got = exporter.request(Method::GET, path, &[]).await;
        let head = exporter.request(Method::HEAD, path, &[]).await;
        assert_eq!((head.status, head.body.len()), (got.status, 0), "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{path}");
        assert!(!head.header("content-length").is_empty(), "{path}");
    }
    exporter.stop().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_rejected() {
    let (_upstream, configuration) = with_one_job().await;
    let exporter = Exporter::start(&configuration).await;
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/metrics/", 404),
        (Method::GET, "/-/", 404),
        (Method::POST, "/metrics", 405),
        (Method::DELETE, "/", 405),
        (Method::PUT, "/config", 405),
        (Method::GET, "/-/reload", 405),
        (Method::POST, "/-/reload", 403),
        (Method::POST, "/api/v1/jobs", 403),
        (Method::GET, "/probe", 400),
        (Method::GET, "/probe?bot=nobody&target=ds-1", 400),
        (Method::GET, "/probe?bot=support&target=http://localhost/", 400),
    ] {
        let got = exporter.request(method.clone(), path, &[]).await;
        assert_eq!(got.status, status, "{method} {path}: {}", got.text());
        assert!(!got.body.is_empty() || status == 405, "{method} {path} says why");
    }
    exporter.stop().await;
}

#[tokio::test]
async fn path_addresses_and_prefix_can_be_set_by_flags() {
    let (_upstream, configuration) = with_one_job().await;
    let flags = [
        "--web.listen-address=127.0.0.1:0",
        "--web.listen-address=[::1]:0",
        "--web.telemetry-path=/koreai/numbers",
        "--web.external-url=https://monitoring.example.org/exporters/koreai/",
    ];
    // A machine without IPv6 has one address to try.
    let flags =
        if std::net::TcpListener::bind("[::1]:0").is_ok() { &flags[..] } else { &[flags[0], flags[2], flags[3]] };
    let exporter = Exporter::start_with(&configuration, flags).await;
    for address in &exporter.addresses {
        for path in ["/koreai/numbers", "/exporters/koreai/koreai/numbers"] {
            let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{address}{path}");
            assert!(answer.text().await.unwrap().contains("koreai_exporter_build_info"));
        }
    }
    assert_eq!(exporter.get("/metrics").await.status, 404);
    let page = exporter.get("/exporters/koreai/").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("href=\"/exporters/koreai/koreai/numbers\""), "{}", page.text());
    exporter.stop().await;
}

#[tokio::test]
async fn promtool_accepts_a_page_with_all_families() {
    let time = Time::stop();
    let runs = |id: &str| ScriptedJob::new(id, 70).with_failures(30).with_plan(Plan::Runs { over: 20 * MINUTE });
    let ends = |id: &str, status: &str| {
        ScriptedJob::new(id, 5).with_plan(Plan::EndsAs { over: Duration::from_secs(5), status: status.to_owned() })
    };
    let gone = Plan::Gone { over: MINUTE, after: Duration::from_secs(10) };
    let jobs = vec![
        runs("ds-runs").over_channels(&["msteams", "slack", "a channel", "weird\"\\\n"]),
        ends("ds-ends", "FAILURE"),
        ends("ds-strange", "ARCHIVED \"now\" \\ \n"),
        ScriptedJob::new("ds-gone", 100).with_plan(gone),
        ScriptedJob::new(V1_ID, 2).with_plan(Plan::fixed(V1)),
        ScriptedJob::new("ds-fails", 2),
    ];
    let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
    let upstream = upstream(tenant(bot(jobs))).await;
    upstream.add_fault(FaultRule::always(Fault::Status(500)).for_id("ds-fails"));
    let mut configuration = Configuration::new(&upstream, &[]);
    configuration.bot = format!(
        "    static_configs: [{{targets: [{}], labels: {{campaign: 'spring \"1\"', team: 'Ünal \\ \"x\"'}}}}]\n",
        ids.join(", ")
    );
    let exporter = Exporter::start(&configuration).await;
    exporter.until(&time, 5 * MINUTE, |samples| samples.jobs("gone") == 1.0 && samples.calls("ok") > 40.0).await;
    let Samples(page) = exporter.scrape().await;
    assert_eq!(promtool(&page), "");
    exporter.stop().await;
}

#[tokio::test]
async fn a_probe_of_a_tracked_job_is_answered_from_memory_and_of_another_with_one_call() {
    let time = Time::stop();
    let other = ScriptedJob::new("ds-other", 2).with_plan(Plan::fixed(V1));
    let upstream = upstream(tenant(bot(vec![ScriptedJob::new(V1_ID, 2).with_plan(Plan::fixed(V1)), other]))).await;
    let exporter = Exporter::start(&Configuration::new(&upstream, &[V1_ID])).await;
    exporter.until(&time, MINUTE, |samples| samples.jobs("finished") == 1.0).await;
    let tracked = exporter.get(&format!("/probe?bot=support&target={V1_ID}")).await;
    assert_eq!(Samples(tracked.text()).statuses(V1_ID), ["PARTIAL_SUCCESS"]);
    assert_eq!(upstream.record().calls().count(), 1);
    let asked = exporter.get("/probe?bot=support&target=ds-other").await;
    assert_eq!(Samples(asked.text()).statuses("ds-other"), ["PARTIAL_SUCCESS"]);
    assert_eq!(upstream.record().calls().count(), 2);
    let unknown = exporter.get("/probe?bot=support&target=ds-nobody-knows").await;
    assert_eq!(unknown.status, 502, "{}", unknown.text());
    exporter.stop().await;
}

#[tokio::test]
async fn concurrent_probes_of_one_id_are_one_call_in_two_seconds() {
    let time = Time::stop();
    let running = ScriptedJob::new("ds-1", 10).with_plan(Plan::Runs { over: 60 * MINUTE });
    let upstream = upstream(tenant(bot(vec![running]))).await;
    let exporter = Exporter::start(&Configuration::new(&upstream, &[])).await;
    let probe = || exporter.get("/probe?bot=support&target=ds-1");
    let answers = tokio::join!(probe(), probe(), probe());
    for got in [answers.0, answers.1, answers.2, probe().await] {
        assert_eq!(Samples(got.text()).statuses("ds-1"), ["IN_PROGRESS"]);
    }
    assert_eq!(upstream.record().calls().count(), 1);
    time.pass(Duration::from_secs(2)).await;
    probe().await;
    assert_eq!(upstream.record().calls().count(), 2);
    assert_eq!(
        exporter.scrape().await.of_bot("koreai_jobs", r#"state="polling""#),
        0.0,
        "a probe does not track the job"
    );
    exporter.stop().await;
}

#[tokio::test]
async fn simultaneous_scrapes_are_equal_in_both_encodings() {
    let time = Time::stop();
    let (_upstream, configuration) = with_one_job().await;
    let exporter = Exporter::start(&configuration).await;
    exporter.until(&time, MINUTE, |samples| samples.jobs("finished") == 1.0).await;
    exporter.during(&time, Duration::from_secs(2), |_| {}).await;
    let plain = exporter.get("/metrics").await;
    let zipped = exporter.request(Method::GET, "/metrics", &[("accept-encoding", "gzip")]).await;
    assert_eq!(lasting(&plain.text()), lasting(&inflated(&zipped)));
    exporter.stop().await;
}

#[tokio::test]
async fn every_accepted_external_path_serves() {
    let (_upstream, configuration) = with_one_job().await;
    // Paths that share a part with a route, but collide with none.
    for prefix in ["/-", "/api", "/api/v1", "/config/x", "/metrics/metrics", "/probe/-", "/koreai"] {
        let flags = ["--web.listen-address=127.0.0.1:0", &format!("--web.external-url=http://h{prefix}/")];
        let exporter = Exporter::start_with(&configuration, &flags).await;
        for path in ["", "/", "/metrics", "/-/healthy", "/config"] {
            let got = exporter.get(&format!("{prefix}{path}")).await;
            assert_eq!(got.status, StatusCode::OK, "{prefix}{path}");
        }
        exporter.stop().await;
    }
}

#[tokio::test]
async fn pages_of_other_sites_cannot_change_anything() {
    let (_upstream, configuration) = with_one_job().await;
    let flags =
        ["--web.listen-address=127.0.0.1:0", "--web.enable-job-api", "--web.external-url=https://own.example/koreai"];
    let exporter = Exporter::start_with(&configuration, &flags).await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let refused: [(&[(&str, &str)], &str); 3] = [
        (
            &[form, ("sec-fetch-site", "cross-site")],
            "cross-site request refused: a web page of another site sent this ",
        ),
        (&[form, ("origin", "http://evil.example")], "(Origin: \"http://evil.example\")"),
        (&[form, ("host", "evil.example"), ("sec-fetch-site", "same-origin")], "unknown host name \"evil.example\""),
    ];
    for path in ["/api/v1/jobs", "/koreai/api/v1/jobs?bot=support&request_id=ds-1", "/-/reload"] {
        for method in [Method::POST, Method::DELETE] {
            for (headers, text) in refused {
                let got = exporter.request(method.clone(), path, headers).await;
                assert_eq!(got.status, StatusCode::FORBIDDEN, "{method} {path} {headers:?}");
                assert!(got.text().contains(text), "{}", got.text());
                assert_eq!(exporter.request(Method::GET, "/metrics", headers).await.status, StatusCode::OK);
            }
        }
    }
    // As `curl -d` and the pages of the exporter send it.
    for headers in [&[form][..], &[("host", "own.example")], &[("sec-fetch-site", "same-origin")]] {
        let got = exporter.request(Method::POST, "/api/v1/jobs", headers).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{headers:?}: {}", got.text());
    }
    exporter.stop().await;
}
