//! Every fault, as seen by a client.

use super::*;

async fn with_fault(fault: Fault) -> (FakeUpstream, Result<reqwest::Response, reqwest::Error>) {
    let upstream = start(bot()).await;
    upstream.advance(Duration::from_secs(60));
    upstream.add_fault(FaultRule::always(fault));
    let answer = client().get(status_url(&upstream, "ds-1")).header("auth", token()).send().await;
    (upstream, answer)
}

async fn code_and_text(fault: Fault) -> (u16, String) {
    let (_upstream, answer) = with_fault(fault).await;
    let response = answer.unwrap();
    (response.status().as_u16(), String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned())
}

#[tokio::test]
async fn faults_replace_the_body() {
    let (code, text) = code_and_text(Fault::Status(502)).await;
    assert_eq!((code, text.starts_with("<!DOCTYPE html>")), (502, true));
    let (code, text) = code_and_text(Fault::Html200).await;
    assert_eq!((code, text.starts_with("<!DOCTYPE html>")), (200, true));
    assert_eq!(code_and_text(Fault::Empty200).await, (200, String::new()));
    let (code, text) = code_and_text(Fault::Gibberish).await;
    assert_eq!((code, serde_json::from_str::<Value>(&text).is_err()), (200, true));
    let (code, text) = code_and_text(Fault::ErrorsEnvelope200).await;
    assert_eq!((code, serde_json::from_str(&text).ok()), (200, Some(envelope(500, "Something went wrong"))));
}

#[tokio::test]
async fn faults_refuse_valid_calls() {
    let form = RateLimitForm { status: 200, retry_after: RetryAfter::Absent, text: RateLimitText::AfterSomeTime };
    let (code, text) = code_and_text(Fault::RateLimited(form)).await;
    assert_eq!((code, text.contains("Please try again after some time.")), (200, true));
    assert_eq!(code_and_text(Fault::Unauthorized).await.0, 401);
}

#[tokio::test]
async fn null_logs_leave_the_rest_of_the_body_intact() {
    let (_, text) = code_and_text(Fault::NullLogs).await;
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&body["statusLogs"], &body["count"], &body["status"]), (&Value::Null, &json!(10), &json!("SUCCESS")));
}

#[tokio::test]
async fn a_deep_body_is_as_deep_as_configured() {
    let (_, text) = code_and_text(Fault::Deep(100_000)).await;
    assert_eq!(text.matches('[').count(), 100_001);
    assert_eq!(text.matches(']').count(), 100_001);
}

#[tokio::test]
async fn a_huge_body_has_as_many_entries_as_configured() {
    for entries in [0, 1, 2, 500, 501, 12_345] {
        let (_, text) = code_and_text(Fault::Huge(entries)).await;
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(body["statusLogs"].as_array().unwrap().len(), entries);
    }
}

#[tokio::test]
async fn a_bomb_is_a_small_valid_gzip_body_and_a_cut_one_is_not() {
    for (fault, decoded) in [(Fault::GzipBomb(3), Some(3 << 20)), (Fault::CutGzip, None)] {
        let (_upstream, answer) = with_fault(fault).await;
        let response = answer.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let body = response.bytes().await.unwrap();
        assert!(body.len() < 10_000);
        let mut text = Vec::new();
        let read = std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&body[..]), &mut text);
        assert_eq!(read.ok(), decoded);
    }
}

#[tokio::test]
async fn a_truncated_body_ends_before_its_content_length() {
    let (_upstream, answer) = with_fault(Fault::Truncated).await;
    let response = answer.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 1_000);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn a_never_ending_body_keeps_arriving() {
    let (upstream, answer) = with_fault(Fault::NeverEnding).await;
    let mut response = answer.unwrap();
    for _ in 0..3 {
        assert!(response.chunk().await.unwrap().is_some());
    }
    drop(response);
    upstream.stop().await;
}

#[tokio::test]
async fn a_reset_connection_has_no_response() {
    let (upstream, answer) = with_fault(Fault::Reset).await;
    let error = answer.unwrap_err();
    let mut causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    let is_reset = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset)
    };
    assert!(causes.any(is_reset), "{error:?}");
    assert!(upstream.record().calls().all(|call| call.status.is_none()));
}

#[tokio::test]
async fn a_hanging_call_is_recorded_and_ends_when_the_server_stops() {
    let upstream = start(bot()).await;
    upstream.add_fault(FaultRule::always(Fault::Hang));
    let call = tokio::spawn(client().get(status_url(&upstream, "ds-1")).header("auth", token()).send());
    assert!(upstream.wait_until(DEADLINE, |record| record.calls().count() == 1).await);
    assert!(!call.is_finished());
    upstream.stop().await;
    assert_eq!(call.await.unwrap().unwrap().status(), 503);
}

#[tokio::test]
async fn a_redirect_has_the_configured_location() {
    let (_upstream, answer) = with_fault(Fault::Redirect("http://127.0.0.1:9/x".to_owned())).await;
    let response = answer.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (307, &"http://127.0.0.1:9/x".parse().unwrap())
    );
}

#[tokio::test]
async fn faults_can_be_limited_to_an_id_a_number_of_calls_and_a_time() {
    let second = Duration::from_secs;
    let upstream = start(bot().with_jobs(vec![ScriptedJob::new("ds-1", 1), ScriptedJob::new("ds-2", 1)])).await;
    upstream.add_fault(FaultRule::always(Fault::Unauthorized).for_id("ds-1").for_calls(1));
    upstream.add_fault(FaultRule::always(Fault::Unauthorized).for_bot(BOT).between(second(3_600), second(7_200)));
    assert_eq!(
        [poll(&upstream, "ds-2").await.0, poll(&upstream, "ds-1").await.0, poll(&upstream, "ds-1").await.0],
        [200, 401, 200]
    );
    upstream.advance(second(3_600));
    assert_eq!(poll(&upstream, "ds-2").await.0, 401);
    upstream.clear_faults();
    assert_eq!(poll(&upstream, "ds-2").await.0, 200);
}
