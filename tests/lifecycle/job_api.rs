//! `/api/v1/jobs`.

use koreai_exporter::model::{BotName, RequestId, Shard};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::support::{Answered, BOT_ID, Exporter, Folder, finished_job, id, slow_job, upstream};

const SEND_RESPONSE: &str = include_str!("../fixtures/send-response.json");
const SENT: &str = "ds-10000000-0000-0000-0000-000000000000";

fn data(answered: &Answered) -> Value {
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.body);
    assert_eq!(answered.headers["content-type"], "application/json");
    answered.json()["data"].clone()
}

fn error(answered: &Answered) -> String {
    let json = answered.json();
    assert_eq!(json["status"], "error");
    json["error"].as_str().unwrap().to_owned()
}

fn ids(listing: &Value) -> Vec<&str> {
    listing["jobs"].as_array().unwrap().iter().map(|job| job["request_id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_send_response_of_the_upstream_is_accepted_and_repeating_it_changes_nothing() {
    let upstream = upstream(vec![slow_job(SENT)]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let exporter = Exporter::start(&folder).await;
    let path = "/api/v1/jobs?bot=support&campaign=spring";
    assert_eq!(data(&exporter.post(path, SEND_RESPONSE).await), json!({"new": 1, "known": 0}));
    let series = format!("koreai_job_poll_up{{bot=\"support\",request_id=\"{SENT}\",campaign=\"spring\"}}");
    exporter.until_page("it has been polled", |page| page.value(&series) == Some(1.0)).await;

    assert_eq!(data(&exporter.post(path, SEND_RESPONSE).await), json!({"new": 0, "known": 1}));
    let page = exporter.page().await;
    assert_eq!((page.jobs(), page.value(&series)), (1, Some(1.0)));
    assert_eq!(page.value("koreai_exporter_targets{bot=\"support\",source=\"api\"}"), Some(1.0));
    // Only the ID of the response is used.
    let listed = exporter.get("/api/v1/jobs").await.body;
    assert!(!listed.contains("u-10000000") && !page.has("u-10000000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_registered_listed_filtered_paged_and_removed() {
    let jobs = (0..5).map(|number| if number < 2 { finished_job(&id(number)) } else { slow_job(&id(number)) });
    let upstream = upstream(jobs.collect()).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, ""), ("sales", "st-unknown", "")]);
    let exporter = Exporter::start(&folder).await;

    let one =
        json!({"bot": "support", "request_id": id(0), "labels": {"campaign": "spring", "team": "crm", "empty": ""}});
    assert_eq!(data(&exporter.post("/api/v1/jobs", one.to_string()).await), json!({"new": 1, "known": 0}));
    let first = data(&exporter.get("/api/v1/jobs").await)["jobs"][0].clone();
    assert_eq!((&first["campaign"], &first["labels"]), (&json!("spring"), &json!({"team": "crm"})));
    // The labels of the last registration apply.
    let list: Vec<Value> = (0..5).map(|number| json!({"request_id": id(number)})).collect();
    let answered = exporter.post("/api/v1/jobs?bot=support&campaign=autumn", json!(list).to_string()).await;
    assert_eq!(data(&answered), json!({"new": 4, "known": 1}));
    exporter
        .until_page("two have finished", |page| {
            page.value("koreai_jobs{bot=\"support\",state=\"finished\"}") == Some(2.0)
        })
        .await;

    let list = async |query: &str| data(&exporter.get(&format!("/api/v1/jobs?{query}")).await);
    let all = list("").await;
    assert_eq!((all["matching"].as_u64(), ids(&all).len()), (Some(5), 5));
    let first = list(&format!("request_id={}", id(0))).await["jobs"][0].clone();
    let shown = ["campaign", "state", "status", "success", "failure", "sources"].map(|key| first[key].clone());
    assert_eq!(
        shown,
        [json!("autumn"), json!("finished"), json!("PARTIAL_SUCCESS"), json!(7), json!(3), json!(["api"])]
    );
    for (query, matching) in [
        ("bot=support", 5),
        ("bot=sales", 0),
        ("state=finished", 2),
        ("state=polling&bot=support", 3),
        ("status=PARTIAL_SUCCESS", 2),
        ("campaign=winter", 0),
        ("campaign=autumn&state=polling", 3),
    ] {
        assert_eq!(list(query).await["matching"], matching, "{query}");
    }
    let mut paged = Vec::new();
    for offset in 0..3 {
        let page = list(&format!("limit=2&offset={}", offset * 2)).await;
        assert_eq!(page["matching"], 5);
        paged.extend(ids(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(paged, ids(&all), "the pages together are the whole list");
    for (query, message) in [
        ("state=done", "invalid state \"done\": expected one of polling, finished, gone, abandoned"),
        ("status=OK", "invalid status \"OK\": expected one of"),
        ("format=xml", "invalid format \"xml\": expected json or http_sd"),
        ("limit=many", "limit"),
        ("colour=red", "colour"),
        ("bot=no%20name", "bot contains ' '"),
    ] {
        let answered = exporter.get(&format!("/api/v1/jobs?{query}")).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(error(&answered).contains(message), "{query}: {}", answered.body);
    }

    let forget = format!("/api/v1/jobs?bot=support&request_id={}", id(4));
    assert_eq!(data(&exporter.request(Method::DELETE, &forget, "").await), json!({"forgotten": 1}));
    assert!(!exporter.page().await.has(&id(4)), "its series are removed immediately");
    assert_eq!(exporter.request(Method::DELETE, &forget, "").await.status, StatusCode::NOT_FOUND);
    let half = exporter.request(Method::DELETE, "/api/v1/jobs?bot=support", "").await;
    assert_eq!((half.status, error(&half).as_str()), (StatusCode::BAD_REQUEST, "expected ?bot=NAME&request_id=ID"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_a_valid_http_sd_response() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    let source = "static_configs: [{targets: [ds-1, ds-2], labels: {campaign: spring, team: crm}}, {targets: [ds-3]}]";
    folder.configure(&upstream, "", &[("support", BOT_ID, source)]);
    let exporter = Exporter::start_with(&folder.path("koreai.yml"), &[]).await;
    let answered = exporter.get("/api/v1/jobs?format=http_sd&bot=support").await;
    assert_eq!(
        (answered.status, &answered.headers["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    let bot = json!({"__param_bot": "support", "__meta_koreai_bot": "support"});
    let mut with_campaign = bot.clone();
    with_campaign["campaign"] = json!("spring");
    assert_eq!(
        answered.json(),
        json!([{"targets": ["ds-3"], "labels": bot}, {"targets": ["ds-1", "ds-2"], "labels": with_campaign}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_flag_jobs_can_be_listed_but_not_registered_or_removed() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let exporter = Exporter::start_with(&folder.path("koreai.yml"), &[]).await;
    for (method, path) in
        [(Method::POST, "/api/v1/jobs?bot=support"), (Method::DELETE, "/api/v1/jobs?bot=support&request_id=ds-1")]
    {
        let answered = exporter.request(method, path, SEND_RESPONSE).await;
        assert_eq!(answered.status, StatusCode::FORBIDDEN);
        assert_eq!(error(&answered), "the job API is disabled; enable it with --web.enable-job-api");
    }
    assert_eq!(exporter.get("/api/v1/jobs").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_reported_and_no_job_is_accepted() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let exporter = Exporter::start(&folder).await;
    let many_labels: serde_json::Map<String, Value> = (0..33).map(|n| (format!("l{n}"), json!("x"))).collect();
    let cases = [
        (String::new(), "invalid JSON: line 1, column 0"),
        ("{".to_owned(), "invalid JSON: line 1, column 1"),
        ("\"ds-1\"".to_owned(), "expected {\"bot\": …, \"request_id\": \"ds-…\", \"labels\": {…}}, a list of them, or the upstream's send response with ?bot=NAME"),
        ("[1]".to_owned(), "no jobs were accepted: [0]: expected {\"bot\": …, \"request_id\": \"ds-…\", \"labels\": {…}}, a list of them, or the upstream's send response with ?bot=NAME"),
        ("{}".to_owned(), "no jobs were accepted: [0]: bot is missing; set it in the body or as ?bot=NAME"),
        (r#"{"bot": "support"}"#.to_owned(), "no jobs were accepted: [0]: request_id is missing"),
        (r#"{"bot": 1, "request_id": "ds-1"}"#.to_owned(), "no jobs were accepted: [0]: bot is not a string"),
        (r#"{"bot": "support", "request_id": 1}"#.to_owned(), "no jobs were accepted: [0]: request_id is not a string"),
        (r#"{"bot": "support", "request_id": ""}"#.to_owned(), "no jobs were accepted: [0]: request_id is empty"),
        (
            r#"{"bot": "support", "request_id": "ds-1/.."}"#.to_owned(),
            "no jobs were accepted: [0]: request_id contains '/'; only letters, digits, `-`, `_` and `.` are allowed, starting with a letter or digit",
        ),
        (
            r#"{"bot": "support", "request_id": "ds-1", "lables": {}}"#.to_owned(),
            "no jobs were accepted: [0]: unknown key \"lables\"; expected {\"bot\": …, \"request_id\": \"ds-…\", \"labels\": {…}}, a list of them, or the upstream's send response with ?bot=NAME",
        ),
        (r#"{"bot": "support", "request_id": "ds-1", "labels": []}"#.to_owned(), "no jobs were accepted: [0]: labels is not an object"),
        (
            r#"{"bot": "support", "request_id": "ds-1", "labels": {"team": 1}}"#.to_owned(),
            "no jobs were accepted: [0]: label \"team\" is not a string",
        ),
        (
            r#"{"bot": "support", "request_id": "ds-1", "labels": {"bot": "x"}}"#.to_owned(),
            "no jobs were accepted: [0]: \"bot\" is reserved for Prometheus or this exporter",
        ),
        (
            r#"{"bot": "support", "request_id": "ds-1", "labels": {"te-am": "x"}}"#.to_owned(),
            "no jobs were accepted: [0]: \"te-am\" must have only letters, digits and `_`, not start with a digit, and have at most 64 characters",
        ),
        (
            json!({"bot": "support", "request_id": "ds-1", "labels": {"campaign": "x".repeat(129)}}).to_string(),
            "no jobs were accepted: [0]: the value of label \"campaign\" has 129 characters, at most 128 are allowed",
        ),
        (
            json!({"bot": "support", "request_id": "ds-1", "labels": many_labels}).to_string(),
            "no jobs were accepted: [0]: too many labels: 33, at most 32 are allowed",
        ),
        (
            json!([{"bot": "support", "request_id": "ds-1"}, {"bot": "support", "request_id": "-"}, {"bot": "support", "request_id": "ds-3"}, {"bot": "support"}])
                .to_string(),
            "no jobs were accepted: [1]: request_id contains '-'; only letters, digits, `-`, `_` and `.` are allowed, starting with a letter or digit; [3]: request_id is missing",
        ),
        (
            json!([{"bot": "support", "request_id": "ds-1"}, {"bot": "nobody", "request_id": "ds-2"}]).to_string(),
            "no jobs were accepted: [1]: unknown bot \"nobody\": it is not in the configuration",
        ),
        (
            json!((0..10_001).map(|number| json!({"bot": "support", "request_id": id(number)})).collect::<Vec<_>>()).to_string(),
            "10001 jobs in one request; at most 10000 are allowed",
        ),
    ];
    for (body, message) in cases {
        let shown = body.chars().take(80).collect::<String>();
        let answered = exporter.post("/api/v1/jobs", body).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{shown}: {}", answered.body);
        assert_eq!(error(&answered), message, "{shown}");
    }
    let answered = exporter.post("/api/v1/jobs?bot=nobody", SEND_RESPONSE).await;
    assert_eq!(error(&answered), "no jobs were accepted: [0]: unknown bot \"nobody\": it is not in the configuration");
    let answered = exporter.post("/api/v1/jobs?bot=support&campain=x", SEND_RESPONSE).await;
    assert!(error(&answered).contains("campain"), "{}", answered.body);
    let answered = exporter.post("/api/v1/jobs?bot=support", vec![b' '; (8 << 20) + 1]).await;
    assert_eq!(answered.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(error(&answered), "the body is too large: at most 8 MiB are allowed; split it into several requests");
    assert_eq!(data(&exporter.get("/api/v1/jobs").await)["matching"], 0);
    assert_eq!(upstream.record().calls().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_jobs_fit_one_request() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "rate_limit: {per_minute: 1, per_hour: 1}")]);
    let exporter = Exporter::start(&folder).await;
    let body = json!((0..10_000).map(|number| json!({"request_id": id(number)})).collect::<Vec<_>>()).to_string();
    let answered = exporter.post("/api/v1/jobs?bot=support", body.clone()).await;
    assert_eq!(data(&answered), json!({"new": 10_000, "known": 0}));
    assert_eq!(exporter.page().await.jobs(), 10_000, "they are on the page when the answer comes");
    assert_eq!(data(&exporter.post("/api/v1/jobs?bot=support", body).await), json!({"new": 0, "known": 10_000}));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_beyond_max_jobs_are_rejected_and_counted_and_earlier_ones_are_kept() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    folder.configure(&upstream, ", max_jobs: 3", &[("support", BOT_ID, ""), ("sales", "st-unknown", "")]);
    let exporter = Exporter::start(&folder).await;
    let job = |bot: &str, number: usize| json!({"bot": bot, "request_id": id(number)});
    let body = json!([job("support", 0), job("sales", 1), job("sales", 2), job("support", 3), job("support", 4)]);
    let answered = exporter.post("/api/v1/jobs", body.to_string()).await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        error(&answered),
        "2 of 5 jobs were not registered: max_jobs is reached; 3 new and 0 known jobs are registered; repeat the request later"
    );
    let rejected = |bot: &str, number: usize| json!({"bot": bot, "request_id": id(number), "reason": "max_jobs"});
    assert_eq!(
        answered.json()["data"],
        json!({"new": 3, "known": 0, "rejected": [rejected("support", 3), rejected("support", 4)]}),
        "every job that was not registered is named"
    );
    let page = exporter.page().await;
    assert_eq!((page.jobs(), page.value("koreai_exporter_dropped_total{reason=\"max_jobs\"}")), (3, Some(2.0)));

    let answered = exporter.post("/api/v1/jobs", body.to_string()).await;
    assert_eq!((&answered.json()["data"]["known"], &answered.json()["data"]["new"]), (&json!(3), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_another_shard_is_answered_with_421_and_the_right_index() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let flags = ["--web.enable-job-api", "--shard.index=1", "--shard.total=3"];
    let exporter = Exporter::start_with(&folder.path("koreai.yml"), &flags).await;
    let owner = |number: usize| {
        let (bot, id) = (BotName::parse("support").unwrap(), RequestId::parse(&id(number)).unwrap());
        Shard::new(1, 3).unwrap().owner(&bot, &id)
    };
    let ours = (0..).find(|number| owner(*number) == 1).unwrap();
    let theirs = (0..).find(|number| owner(*number) == 2).unwrap();
    let post = async |numbers: &[usize]| {
        let jobs: Vec<Value> = numbers.iter().map(|number| json!({"request_id": id(*number)})).collect();
        exporter.post("/api/v1/jobs?bot=support", json!(jobs).to_string()).await
    };
    let foreign = format!("/api/v1/jobs?bot=support&request_id={}", id(theirs));
    for (answered, advice) in [
        (post(&[ours, theirs]).await, "; no jobs were accepted: send each shard its own IDs"),
        (exporter.request(Method::DELETE, &foreign, "").await, ""),
    ] {
        assert_eq!(answered.status, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(answered.headers["x-koreai-shard-index"], "2");
        let message = format!("{} of bot support belongs to shard 2 of 3; this is shard 1{advice}", id(theirs));
        assert_eq!(error(&answered), message);
    }
    assert_eq!(exporter.page().await.jobs(), 0);
    assert_eq!(data(&post(&[ours]).await), json!({"new": 1, "known": 0}));
}
