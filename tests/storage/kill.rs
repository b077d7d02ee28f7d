//! The program is killed with SIGKILL again and again while 200 jobs run: at the end every counter is what the upstream
//! knows to be true, none was ever seen to fall, and no job that was shown as finished was asked about again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use koreai_exporter::fake_upstream::{FakeUpstream, Plan, ScriptedJob};

use super::world::{Exporter, counters, id, start_upstream, true_notifications, wait_until, write_configuration};

const JOBS: u32 = 200;
const KILLS: u32 = 50;

/// What may pass between upstream's answer and the end of the transaction that keeps it. A kill within this time makes the
/// next run ask again, which nobody can prevent; a kill later must not.
const ANSWER_TO_DISK: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_count_nothing_twice_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = start_upstream(jobs()).await;
    write_configuration(folder.path(), &upstream, JOBS);
    let mut seen = Seen::default();
    let mut kills = Vec::new();
    for number in 0..KILLS {
        let mut exporter = Exporter::start(folder.path());
        // Between 0.2 and 0.8 s of life, in no order.
        let life = Duration::from_millis(200 + u64::from(number * 379 % 600));
        let dies_at = tokio::time::Instant::now() + life;
        let mut looks = tokio::time::interval(Duration::from_millis(40));
        while tokio::time::timeout_at(dies_at, looks.tick()).await.is_ok() {
            seen.look(&exporter.metrics().await, upstream.job_clock());
        }
        kills.push(upstream.job_clock());
        exporter.kill();
    }
    let mut exporter = Exporter::start(folder.path());
    let finished = format!("koreai_jobs{{bot=\"support\",state=\"finished\"}} {JOBS}");
    let page = wait_until(async || {
        let page = exporter.metrics().await;
        seen.look(&page, upstream.job_clock());
        page.contains(&finished).then_some(page)
    })
    .await;
    exporter.kill();

    assert_eq!(counters(&page, "koreai_notifications_total"), true_notifications(&upstream, JOBS));
    let jobs_finished: u64 = counters(&page, "koreai_jobs_finished_total").values().sum();
    assert_eq!(jobs_finished, u64::from(JOBS));
    seen.assert_none_was_asked_again(&upstream);
    assert_only_kills_made_it_ask_again(&upstream, &kills);
}

fn jobs() -> Vec<ScriptedJob> {
    let job = |number| {
        let over = Duration::from_millis(3_000 + u64::from(number) * 150);
        ScriptedJob::new(&id(number), 20 + number % 60)
            .over_channels(&["msteams", "whatsapp", "sms"])
            .with_failures(number % 4 * 10)
            .with_plan(Plan::Runs { over })
    };
    (0..JOBS).map(job).collect()
}

/// What scrapes have shown.
#[derive(Default)]
struct Seen {
    counters: BTreeMap<String, u64>,
    finished: HashMap<String, Duration>,
}

impl Seen {
    fn look(&mut self, page: &str, now: Duration) {
        for family in ["koreai_notifications_total", "koreai_notification_failures_total", "koreai_jobs_finished_total"]
        {
            for (labels, value) in counters(page, family) {
                let before = self.counters.insert(format!("{family}{{{labels}}}"), value).unwrap_or(0);
                assert!(before <= value, "{family}{{{labels}}} fell from {before} to {value}");
            }
        }
        for (labels, value) in counters(page, "koreai_job_status") {
            let ended =
                ["\"SUCCESS\"", "\"PARTIAL_SUCCESS\"", "\"FAILURE\""].iter().any(|status| labels.contains(status));
            let id = labels.split("request_id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            if ended && value == 1 {
                self.finished.entry(id.to_owned()).or_insert(now);
            }
        }
    }

    fn assert_none_was_asked_again(&self, upstream: &FakeUpstream) {
        assert_eq!(self.finished.len(), JOBS as usize, "every job was seen finished");
        for (id, seen_at) in &self.finished {
            let later: Vec<_> = upstream.record().calls_for(id).filter(|call| call.at > *seen_at).cloned().collect();
            assert!(later.is_empty(), "{id} was shown as finished at {seen_at:?} and asked about again: {later:?}");
        }
    }
}

fn assert_only_kills_made_it_ask_again(upstream: &FakeUpstream, kills: &[Duration]) {
    for number in 0..JOBS {
        let record = upstream.record();
        let calls: Vec<_> = record.calls_for(&id(number)).collect();
        for (index, again) in calls.iter().enumerate().filter(|(_, call)| call.after_finish) {
            let told_at = calls[index - 1].at;
            let killed = kills.iter().any(|kill| told_at <= *kill && *kill <= told_at + ANSWER_TO_DISK);
            assert!(killed, "{} had finished at {told_at:?} and was asked about again at {:?}", id(number), again.at);
        }
    }
}
