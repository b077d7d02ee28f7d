//! What goes over the wire: compressed reports, and reports that have not changed.

use std::time::Duration;

use koreai_exporter::fake_upstream::{HttpFeatures, Plan, ScriptedJob, Tenant};

use crate::support::{Configuration, Exporter, Samples, Time, bot, of, tenant, upstream};

const MINUTE: Duration = Duration::from_secs(60);

fn received(samples: &Samples) -> f64 {
    samples.of_bot("koreai_upstream_received_bytes_total", "")
}

fn not_modified(samples: &Samples) -> f64 {
    samples.of_bot("koreai_upstream_not_modified_total", "")
}

fn stalls() -> ScriptedJob {
    ScriptedJob::new("ds-1", 200).with_plan(Plan::Stalls { over: Duration::from_secs(1), at_percent: 50 })
}

#[tokio::test]
async fn a_report_that_has_not_changed_costs_no_body_and_counts_as_a_successful_poll() {
    let time = Time::stop();
    let http = HttpFeatures { gzip: true, etags: true };
    let upstream = upstream(Tenant { http, ..tenant(bot(vec![stalls()])) }).await;
    let exporter = Exporter::start(&Configuration::new(&upstream, &["ds-1"])).await;
    let first = exporter.until(&time, MINUTE, |samples| not_modified(samples) >= 2.0).await;
    let later = exporter.until(&time, 10 * MINUTE, |samples| not_modified(samples) >= 5.0).await;
    assert_eq!(received(&first), received(&later));
    assert!(received(&later) > 0.0);
    let sizes = [received(&later), later.of_bot("koreai_upstream_response_bytes_total", "")];
    assert!(sizes[0] < sizes[1] / 5.0, "{sizes:?}");
    assert_eq!(later.calls("ok"), upstream.record().calls().count() as f64);
    assert_eq!(later.value("koreai_job_poll_up", &of("ds-1")), Some(1.0));
    let success = |samples: &Samples| samples.value("koreai_job_last_poll_success_timestamp_seconds", &of("ds-1"));
    assert!(success(&later) > success(&first));

    let job = ScriptedJob::new("ds-1", 200).with_plan(Plan::Runs { over: Duration::from_secs(1) });
    assert!(upstream.add_job(crate::support::BOT_ID, job));
    let finished = exporter.until(&time, 10 * MINUTE, |samples| samples.jobs("finished") == 1.0).await;
    assert_eq!(finished.statuses("ds-1"), ["SUCCESS"]);
    exporter.stop().await;
}
