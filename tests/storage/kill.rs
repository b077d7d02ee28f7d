//! The program is killed with SIGKILL 50 times while 200 jobs run. At the end every counter equals the truth of the upstream,
//! no counter was ever seen to decrease, and no job that the database had as finished was polled again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use koreai_exporter::database::Database;
use koreai_exporter::fake_upstream::{FakeUpstream, Plan, ScriptedJob};
use koreai_exporter::model::JobState;

use super::world::{Exporter, counters, id, start_upstream, true_notifications, wait_until, write_configuration};

const JOBS: u32 = 200;
const KILLS: u32 = 50;

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
        exporter.kill();
        kills.push(Kill { at: upstream.job_clock(), finished: persisted_as_finished(folder.path()).await });
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

/// A kill, and the jobs that the database had as finished after it.
struct Kill {
    at: Duration,
    finished: HashSet<String>,
}

/// Reads a copy of the database, because opening it repairs it.
async fn persisted_as_finished(folder: &Path) -> HashSet<String> {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.join("data")).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let (database, contents) = Database::open(copy.path()).await.unwrap();
    database.close().await;
    let finished = contents.jobs.into_iter().filter(|persisted| persisted.job.state == JobState::Finished);
    finished.map(|persisted| persisted.job.key.id.to_string()).collect()
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

/// A finished job is polled again in one case only: its last response was received, but the commit of that response had not
/// been acknowledged when a kill came. The database that the kill left behind shows whether it had.
fn assert_only_kills_made_it_ask_again(upstream: &FakeUpstream, kills: &[Kill]) {
    let record = upstream.record();
    for number in 0..JOBS {
        let id = id(number);
        let calls: Vec<_> = record.calls_for(&id).collect();
        for (index, again) in calls.iter().enumerate().filter(|(_, call)| call.after_finish) {
            let (told_at, again_at) = (calls[index - 1].at, again.at);
            let mut between = kills.iter().filter(|kill| told_at <= kill.at && kill.at <= again_at);
            let lost = between.any(|kill| !kill.finished.contains(&id));
            assert!(
                lost,
                "{id} had finished at {told_at:?} and was polled again at {again_at:?}, but no kill lost that"
            );
        }
        if let Some(kill) = kills.iter().find(|kill| kill.finished.contains(&id)) {
            let later = calls.iter().find(|call| call.at > kill.at);
            assert!(
                later.is_none(),
                "{id} was finished in the database at {:?}, then polled again: {later:?}",
                kill.at
            );
        }
    }
}
