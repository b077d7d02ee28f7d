//! Reports, and connections that break or take too long.

use std::time::Duration;

use koreai_exporter::model::{ApiVersion, JobStatus, Outcome};
use tokio::net::TcpListener;

use super::server::{CANARY, Reply, Server, V1, ask, ask_with, error_of, http, settings};

#[tokio::test]
async fn a_call_is_one_get_with_the_bare_token_in_auth() {
    let server = Server::start(Reply::Whole(http("200 OK", "", V1))).await;
    let answer = ask_with(settings(&format!("http://{}/prefix/", server.address))).await;
    assert_eq!(answer.result.as_ref().unwrap().status, JobStatus::PartialSuccess);
    assert_eq!((answer.received_bytes, answer.outcome()), (V1.len() as u64, Outcome::Ok));
    let requests = server.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    let mut lines: Vec<&str> = request.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "GET /prefix/api/public/bot/st-1/notify/status/ds-1 HTTP/1.1");
    lines.sort_unstable();
    let host = format!("host: {}", server.address);
    let agent = concat!("user-agent: koreai_exporter/", env!("CARGO_PKG_VERSION"));
    let codings = "accept-encoding: gzip, zstd;q=0.9, br;q=0.8";
    assert_eq!(lines, [codings, "accept: application/json", "auth: the.secret.token", &host, agent]);
}

#[tokio::test]
async fn v2_has_a_path_of_its_own() {
    let server = Server::start(Reply::Whole(http("200 OK", "", V1))).await;
    let mut settings = settings(&format!("http://{}", server.address));
    settings.api = ApiVersion::V2;
    ask_with(settings).await.result.unwrap();
    assert!(server.requests()[0].starts_with("GET /api/public/bot/st-1/notifyV2/status/ds-1 HTTP/1.1"));
}

#[tokio::test]
async fn a_body_that_is_no_report_is_malformed_and_named() {
    for (body, looks) in [
        ("", "the body is empty"),
        ("<html>canary-leak</html>", "is HTML or XML"),
        (r#"{"statusLogs":[{"originalId":"canary-leak"#, "is truncated JSON"),
        (r#"{"message":"canary-leak"}"#, "without `status`"),
        ("canary-leak", "is not JSON"),
    ] {
        let error = error_of(http("200 OK", "", body)).await;
        assert_eq!(error.outcome, Outcome::Malformed, "{body}");
        assert!(error.detail.contains(looks), "{error}");
    }
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    assert_eq!(error_of(http("200 OK", "", deep)).await.outcome, Outcome::Malformed);
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_network_error() {
    let mut half = http("200 OK", "", V1);
    half.truncate(half.len() - 100);
    let error = error_of(half).await;
    assert_eq!(error.outcome, Outcome::Network);
    assert!(error.detail.starts_with("incomplete body: "), "{error}");
    assert_eq!(error_of(Vec::new()).await.outcome, Outcome::Network);
    assert_eq!(error_of(format!("{CANARY}\r\n\r\n").into_bytes()).await.outcome, Outcome::Network);

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = ask_with(settings(&format!("http://{nobody}"))).await.result.unwrap_err();
    assert_eq!(error.outcome, Outcome::Network);
    let begin = format!("failed to connect to {nobody}: ");
    assert!(error.detail.starts_with(&begin) && error.detail.contains("refused"), "{error}");
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_a_timeout() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"status\":";
    for (reply, arrived) in [("", 0), (head, 10)] {
        let server = Server::start(Reply::ThenSilence(reply.into())).await;
        let mut settings = settings(&format!("http://{}", server.address));
        settings.timeout = Duration::from_millis(300);
        let answer = ask_with(settings).await;
        assert_eq!((answer.outcome(), answer.received_bytes), (Outcome::Timeout, arrived));
        assert!(answer.duration >= Duration::from_millis(300));
    }
}

#[tokio::test]
async fn a_body_above_the_cap_is_refused_whether_it_says_its_length_or_not() {
    let announced =
        Server::start(Reply::ThenSilence(b"HTTP/1.1 200 OK\r\nContent-Length: 3000001\r\n\r\n{".to_vec())).await;
    let endless = Server::start(Reply::Endless(format!("{{\"x\":\"{CANARY}\"}},").repeat(1_000).into_bytes())).await;
    for (server, cap, at_most) in
        [(&announced, 3_000_000, 0), (&endless, 3_000_000, 4_000_000), (&endless, 50_000, 1_000_000)]
    {
        let mut settings = settings(&format!("http://{}", server.address));
        settings.max_body_bytes = cap;
        let answer = ask_with(settings).await;
        assert_eq!(answer.outcome(), Outcome::TooLarge);
        assert!(answer.received_bytes <= at_most, "{} bytes were read", answer.received_bytes);
        assert!(answer.result.unwrap_err().detail.contains("max_body_bytes"));
    }
}

#[tokio::test]
async fn a_large_body_is_read_while_it_arrives() {
    let entry = format!(
        r#"{{"originalId":"{CANARY}","channel":"slack","status":"SUCCESS","createdOn":"2022-01-24T20:55:21.918Z"}}"#
    );
    let entries = vec![entry.as_str(); 40_000].join(",");
    let body = format!(
        r#"{{"statusLogs":[{entries}],"status":"SUCCESS","count":40000,"requestedTime":"2022-01-24T20:55:21.000Z"}}"#
    );
    assert!(body.len() > 4 * 1024 * 1024);
    let server = Server::start(Reply::Whole(http("200 OK", "", &body))).await;
    let answer = ask(&server).await;
    let report = answer.result.unwrap();
    assert_eq!(
        (report.entries, report.tallies[0].entries.into_array(), answer.received_bytes),
        (40_000, [40_000, 0, 0], body.len() as u64)
    );
    assert_eq!(report.tallies[0].delivery[0], 40_000);

    let cut = Server::start(Reply::Whole(http("200 OK", "", &body[..body.len() - 1]))).await;
    assert_eq!(ask(&cut).await.outcome(), Outcome::Malformed);
}
