//! Bodies, what is true of jobs, sends, the record and the demo.

use super::*;

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn bodies_have_the_fields_of_the_published_samples() {
    let minute = Duration::from_secs(60);
    let job = |id: &str| ScriptedJob::new(id, 4).with_failures(50);
    let jobs = vec![
        job("ds-1"),
        ScriptedJob { shape: Shape::Plain, ..job("ds-2") },
        ScriptedJob { api: Api::V2, ..job("ds-3") },
        job("ds-4").with_plan(Plan::Accepted),
    ];
    let upstream = start(bot().with_jobs(jobs)).await;
    upstream.advance(minute);
    let v2 = client().get(status_url(&upstream, "ds-3").replace("notify/", "notifyV2/")).header("auth", token());
    let bodies = [
        (poll(&upstream, "ds-1").await.1, include_str!("../../../tests/fixtures/status-v1-2023.json")),
        (poll(&upstream, "ds-2").await.1, include_str!("../../../tests/fixtures/status-v1.json")),
        (read_json(v2.send().await.unwrap()).await, include_str!("../../../tests/fixtures/status-v2.json")),
        (poll(&upstream, "ds-4").await.1, include_str!("../../../tests/fixtures/send-response.json")),
    ];
    for (body, sample) in &bodies {
        assert_eq!(keys(body), keys(&fixture(sample)));
    }
    let sample = fixture(bodies[1].1);
    assert_eq!(bodies[0].0["statusLogs"][1]["status"], "FAILURE");
    assert_eq!(keys(&bodies[0].0["statusLogs"][1]), keys(&sample["statusLogs"][0]), "a failed entry");
    assert_eq!(keys(&bodies[0].0["statusLogs"][0]), keys(&sample["statusLogs"][1]), "a delivered entry");
}

#[tokio::test]
async fn a_body_agrees_with_the_truth_while_the_job_runs_and_after() {
    let job = ScriptedJob::new("ds-1", 1_000).with_failures(30).over_channels(&["msteams", "slack", "slack"]);
    let run = Plan::Runs { over: Duration::from_secs(36_000) };
    let upstream = start(bot().with_jobs(vec![job.with_plan(run)])).await;
    for (hours, status, entries) in [(5, "IN_PROGRESS", 500), (5, "PARTIAL_SUCCESS", 1_000)] {
        upstream.advance(Duration::from_secs(hours * 3_600));
        let body = poll(&upstream, "ds-1").await.1;
        let truth = upstream.truth(BOT, "ds-1").unwrap();
        assert_eq!((truth.status.as_str(), truth.entries), (status, entries));
        assert_eq!((&body["status"], &body["count"]), (&json!(status), &json!(entries)));
        assert_eq!(body["percentageComplete"], entries / 10);
        let logs = body["statusLogs"].as_array().unwrap();
        for (channel, counts) in &truth.channels {
            let count = |status: &str| {
                logs.iter().filter(|log| log["channel"] == channel.as_str() && log["status"] == status).count()
            };
            assert_eq!((count("SUCCESS") as u64, count("FAILURE") as u64), (counts.success, counts.failure));
        }
        let times: Vec<&str> = logs.iter().map(|log| log["createdOn"].as_str().unwrap()).collect();
        assert!(times.is_sorted());
    }
}

#[tokio::test]
async fn everything_personal_carries_the_canary() {
    let mut job = ScriptedJob::new("ds-1", 2).with_failures(50).with_plan(Plan::Runs { over: Duration::ZERO });
    job.comments = vec!["{who} has left".to_owned()];
    let tenant =
        Tenant { canary: "CANARY".to_owned(), ..Tenant::new(unix_seconds() * 1_000, vec![bot().with_jobs(vec![job])]) };
    let body = poll(&start_tenant(tenant).await, "ds-1").await.1;
    let (delivered, failed) = (&body["statusLogs"][0], &body["statusLogs"][1]);
    let personal = [
        &body["createdBy"],
        &delivered["originalId"],
        &delivered["createdBy"],
        &delivered["koreId"],
        &delivered["channelId"],
        &failed["comments"],
    ];
    for value in personal {
        assert!(value.as_str().unwrap().contains("CANARY"), "{value}");
    }
}

#[tokio::test]
async fn literal_responses_are_used_one_per_call_and_the_last_repeats() {
    let answers = vec![ScriptedResponse::json(500, "{}"), ScriptedResponse::ok(r#"{"status":"SUCCESS"}"#)];
    let job = ScriptedJob::new("ds-1", 0).with_plan(Plan::Answers(answers));
    let upstream = start(bot().with_jobs(vec![job])).await;
    let codes = [poll(&upstream, "ds-1").await.0, poll(&upstream, "ds-1").await.0, poll(&upstream, "ds-1").await.0];
    assert_eq!(codes, [500, 200, 200]);
    let after: Vec<bool> = upstream.record().calls_for("ds-1").map(|call| call.after_finish).collect();
    assert_eq!(after, [false, false, true]);
}

#[tokio::test]
async fn a_call_after_the_end_was_reported_is_recorded_as_such() {
    let upstream = start(bot()).await;
    poll(&upstream, "ds-1").await;
    upstream.advance(Duration::from_secs(60));
    poll(&upstream, "ds-1").await;
    poll(&upstream, "ds-1").await;
    let record = upstream.record();
    let after: Vec<bool> = record.calls_for("ds-1").map(|call| call.after_finish).collect();
    assert_eq!(after, [false, false, true]);
    assert!(record.min_gap("ds-1").unwrap() < DEADLINE);
}

#[tokio::test]
async fn a_deleted_or_future_job_is_unknown() {
    let second = Duration::from_secs;
    let gone = ScriptedJob::new("ds-1", 1).with_plan(Plan::Gone { over: second(3_600), after: second(1_800) });
    let later = ScriptedJob { created_at: second(900), ..ScriptedJob::new("ds-2", 1) };
    let upstream = start(bot().with_jobs(vec![gone, later])).await;
    assert_eq!((poll(&upstream, "ds-1").await.0, poll(&upstream, "ds-2").await.0), (200, 400));
    upstream.advance(second(1_800));
    assert_eq!((poll(&upstream, "ds-1").await.0, poll(&upstream, "ds-2").await.0), (400, 200));
}

#[tokio::test]
async fn a_send_creates_a_job_that_can_be_polled() {
    let upstream = start(bot()).await;
    let url = format!("{}/api/public/bot/{BOT}/notify", upstream.url());
    let send = |body: Value| client().post(&url).header("auth", token()).body(body.to_string()).send();
    let response = send(json!({"channel": "slack", "identities": ["a@example.com", "b@example.com"]})).await.unwrap();
    assert_eq!(response.status(), 200);
    let sent: Value = read_json(response).await;
    assert_eq!((&sent["status"], &sent["store"]["identitiesCount"]), (&json!("IN_PROGRESS"), &json!(2)));
    upstream.advance(Duration::from_secs(60));
    let (code, body) = poll(&upstream, sent["_id"].as_str().unwrap()).await;
    assert_eq!((code, &body["count"], &body["statusLogs"][0]["channel"]), (200, &json!(2), &json!("slack")));
    let refused = send(json!({"channel": "slack", "identities": []})).await.unwrap();
    assert_eq!(refused.status(), 412);
    assert_eq!(client().post(&url).body("{}").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_base_path_prefixes_every_path() {
    let tenant = Tenant { base_path: "/kore/".to_owned(), ..Tenant::new(unix_seconds() * 1_000, vec![bot()]) };
    let upstream = start_tenant(tenant).await;
    assert!(upstream.url().ends_with("/kore"));
    assert_eq!(poll(&upstream, "ds-1").await.0, 200);
    let without = status_url(&upstream, "ds-1").replace("/kore", "");
    assert_eq!(client().get(without).header("auth", token()).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_demo_lists_its_jobs_as_http_sd_and_answers_polls_of_them() {
    let credential = || Credential::hs256("cs-1", SECRET);
    let upstream = start_tenant(demo_tenant(unix_seconds() * 1_000, credential(), credential())).await;
    upstream.advance(Duration::from_secs(80));
    let list = |bot: usize| client().get(format!("{}/demo/targets/{bot}", upstream.url())).send();
    let groups = read_json(list(0).await.unwrap()).await;
    let groups = groups.as_array().unwrap();
    let campaigns: Vec<&Value> = groups.iter().map(|group| &group["labels"]["campaign"]).collect();
    assert_eq!(campaigns, ["outage-notice", "survey"]);
    let listed: usize = groups.iter().map(|group| group["targets"].as_array().unwrap().len()).sum();
    let due = JobGenerator.due(Duration::from_secs(80));
    assert_eq!(listed, due.iter().filter(|job| job.bot_index == 0).count());
    let url =
        format!("{}/api/public/bot/{}/notify/status/{}", upstream.url(), JobGenerator::BOT_IDS.0, due[0].request_id);
    let response = client().get(url).header("auth", token()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(list(2).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_test_can_wait_for_a_call_and_stop_the_server() {
    let upstream = start(bot()).await;
    assert!(!upstream.wait_until(Duration::from_millis(1), |record| record.calls().count() > 0).await);
    let (seen, answer) =
        tokio::join!(upstream.wait_until(DEADLINE, |record| record.calls().count() > 0), poll(&upstream, "ds-1"));
    assert_eq!((seen, answer.0), (true, 200));
    let url = status_url(&upstream, "ds-1");
    upstream.stop().await;
    assert!(client().get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn reports_are_compressed_and_validated_for_clients_that_ask_for_it() {
    let http = HttpFeatures { gzip: true, etags: true };
    let tenant = Tenant { http, ..Tenant::new(unix_seconds() * 1_000, vec![bot()]) };
    let upstream = start_tenant(tenant).await;
    upstream.advance(Duration::from_secs(3_600));
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = client().get(status_url(&upstream, "ds-1")).header("auth", token());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let plain = ask(&[]).await;
    assert!(plain.headers().get("content-encoding").is_none());
    let etag = plain.headers()["etag"].to_str().unwrap().to_owned();
    let whole = plain.bytes().await.unwrap();
    let gzip = ask(&[("accept-encoding", "br, gzip"), ("if-none-match", "\"other\"")]).await;
    assert_eq!((gzip.headers()["content-encoding"].as_bytes(), gzip.status().as_u16()), (&b"gzip"[..], 200));
    let mut text = Vec::new();
    let body = gzip.bytes().await.unwrap();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body[..]), &mut text).unwrap();
    assert_eq!(text, whole);
    let unchanged = ask(&[("if-none-match", &etag)]).await;
    assert_eq!((unchanged.status().as_u16(), unchanged.bytes().await.unwrap().len()), (304, 0));
    let statuses: Vec<_> = upstream.record().calls().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(200), Some(200), Some(304)]);
}
