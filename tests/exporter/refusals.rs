//! Rate limiting: calls stop during the pause and resume after it; known values remain.

use std::time::Duration;

use koreai_exporter::fake_upstream::{Fault, FaultRule, Plan, RateLimitForm, RateLimitText, RetryAfter, ScriptedJob};

use crate::support::{Configuration, Exporter, Time, bot, tenant, upstream};

const MINUTE: Duration = Duration::from_secs(60);

fn refusal(status: u16, retry_after: RetryAfter, text: RateLimitText) -> Fault {
    Fault::RateLimited(RateLimitForm { status, retry_after, text })
}

/// Answers everything with `fault` after all jobs have been polled, and expects a pause of this many seconds.
async fn calls_pause(fault: Fault, outcome: &str, seconds: u64) {
    let time = Time::stop();
    let ids = ["ds-1", "ds-2", "ds-3", "ds-4", "ds-5"];
    // One recipient in hours, so that the values do not change by themselves.
    let jobs = ids.map(|id| ScriptedJob::new(id, 1).with_plan(Plan::Runs { over: 1000 * MINUTE })).to_vec();
    let upstream = upstream(tenant(bot(jobs))).await;
    let exporter = Exporter::start(&Configuration::new(&upstream, &ids)).await;
    let before = exporter.until(&time, MINUTE, |samples| samples.calls("ok") >= 5.0).await;

    upstream.add_fault(FaultRule::always(fault.clone()));
    let paused = exporter.until(&time, MINUTE, |samples| samples.calls(outcome) > 0.0).await;
    // Calls in flight at that moment may still have arrived.
    exporter.during(&time, Duration::from_millis(250), |_| {}).await;
    upstream.clear_faults();
    let calls = upstream.record().calls().count();
    let until = paused.of_bot("koreai_upstream_paused_until_timestamp_seconds", "");
    assert!(until > 0.0, "{fault:?}: the pause is on the page");
    exporter
        .during(&time, Duration::from_secs(seconds) - Duration::from_secs(1), |samples| {
            for id in ids {
                assert_eq!(samples.values_of(id), before.values_of(id), "{fault:?}");
            }
        })
        .await;
    assert_eq!(upstream.record().calls().count(), calls, "{fault:?}: a call within the pause");
    assert_eq!(exporter.get("/-/ready").await.status, 200);
    assert_eq!(exporter.get("/-/healthy").await.status, 200);

    let ok = before.calls("ok");
    let after = exporter.until(&time, Duration::from_secs(12), |samples| samples.calls("ok") >= ok + 5.0).await;
    assert_eq!(after.of_bot("koreai_upstream_paused_until_timestamp_seconds", ""), 0.0, "{fault:?}");
    exporter.stop().await;
}

#[tokio::test]
async fn a_429_pauses_calls_for_as_long_as_it_says() {
    calls_pause(refusal(429, RetryAfter::Seconds(7), RateLimitText::NamesWindow), "rate_limited", 7).await;
}

#[tokio::test]
async fn a_429_may_say_it_with_a_date() {
    calls_pause(refusal(429, RetryAfter::HttpDate(20), RateLimitText::NamesWindow), "rate_limited", 18).await;
}

#[tokio::test]
async fn a_rate_limit_text_on_a_400_pauses_calls_for_a_minute() {
    calls_pause(refusal(400, RetryAfter::Absent, RateLimitText::TryLater), "rate_limited", 60).await;
}

#[tokio::test]
async fn a_rate_limit_text_on_a_200_pauses_calls_too() {
    calls_pause(refusal(200, RetryAfter::Seconds(5), RateLimitText::AfterSomeTime), "rate_limited", 5).await;
}

#[tokio::test]
async fn a_401_pauses_calls_for_half_a_minute() {
    calls_pause(Fault::Unauthorized, "unauthorized", 30).await;
}
