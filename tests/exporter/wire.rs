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

/// Prints the figures of docs/BENCHMARKS.md with `--nocapture`.
#[tokio::test]
async fn compression_and_validators_save_most_bytes_per_finished_job() {
    const RECIPIENTS: [u32; 4] = [1_000; 4];
    let mut figures = Vec::new();
    for (gzip, etags) in [(false, false), (true, false), (true, true)] {
        let time = Time::stop();
        let ids: Vec<String> = (0..RECIPIENTS.len()).map(|number| format!("ds-{number}")).collect();
        let plan = Plan::Runs { over: 5 * MINUTE };
        let job = |(id, recipients): (&String, u32)| ScriptedJob::new(id, recipients).with_plan(plan.clone());
        let jobs = ids.iter().zip(RECIPIENTS).map(job).collect();
        let http = HttpFeatures { gzip, etags };
        let upstream = upstream(Tenant { http, ..tenant(bot(jobs)) }).await;
        let mut configuration = Configuration::new(&upstream, &[]);
        configuration.targets = ids;
        configuration.global = "{poll_interval: 15s, poll_timeout: 60s}".to_owned();
        let exporter = Exporter::start(&configuration).await;
        let samples = exporter.until(&time, 20 * MINUTE, |samples| samples.jobs("finished") == 4.0).await;
        let (bytes, calls) = (received(&samples) / 4.0, samples.calls("ok") / 4.0);
        println!("gzip {gzip}, ETag {etags}: {:.2} MB and {calls:.1} calls per finished job", bytes / 1e6);
        println!("  of which {} calls in all were answered with 304", not_modified(&samples));
        figures.push(bytes / calls);
        exporter.stop().await;
        tokio::time::resume();
    }
    let [plain, compressed, validated] = figures[..] else { panic!("{figures:?}") };
    assert!(compressed < plain / 5.0 && validated < plain / 5.0, "bytes per call: {figures:?}");
}
