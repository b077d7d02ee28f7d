//! What pages promise, all along and at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use koreai_exporter::fake_upstream::Plan;

use super::ledger::{Key, Ledger, TERMINAL};
use super::page::Page;
use super::plan::World;

/// What the pages have shown so far.
#[derive(Default)]
pub(crate) struct Seen {
    counters: HashMap<String, f64>,
    /// After a life that could not keep what it showed, counters may fall once.
    pub(crate) may_fall: bool,
    /// Jobs that were shown as finished.
    pub(crate) finished: BTreeSet<Key>,
}

impl Seen {
    /// Holds a page against the pages before and against what was told.
    pub(crate) fn look(&mut self, page: &Page, ledger: &mut Ledger, now: Duration) {
        let may_fall = std::mem::take(&mut self.may_fall);
        let mut fallen = Vec::new();
        let mut shown = 0;
        for (series, value) in page.counters() {
            shown += 1;
            match self.counters.get_mut(series) {
                Some(before) => {
                    if value < *before && !may_fall {
                        fallen.push(format!("{series} fell from {before} to {value}"));
                    }
                    *before = value;
                }
                None => drop(self.counters.insert(series.to_owned(), value)),
            }
        }
        if shown < self.counters.len() {
            let gone = self.counters.extract_if(|series, _| !page.has(series));
            let gone: Vec<_> = gone.map(|(series, _)| format!("{series} is gone")).collect();
            fallen.extend(gone.into_iter().filter(|_| !may_fall));
        }
        fallen.sort();
        if let Some(first) = fallen.first() {
            ledger.story.broken(now, "counters never fall", &format!("{first}; {} in all", fallen.len()));
        }
        self.states(page, ledger, now);
    }

    fn states(&mut self, page: &Page, ledger: &mut Ledger, now: Duration) {
        let mut sums: BTreeMap<(&str, &str), (f64, usize)> = BTreeMap::new();
        for (labels, value) in page.family_of("koreai_job_status") {
            let key = (labels.get("bot"), labels.get("request_id"));
            if value == 1.0 && TERMINAL.contains(&labels.get("status")) {
                self.finished.insert((key.0.to_owned(), key.1.to_owned()));
            }
            let sum = sums.entry(key).or_default();
            *sum = (sum.0 + value, sum.1 + 1);
        }
        for (key, (sum, count)) in sums {
            if sum != 1.0 || count != 5 {
                ledger.story.broken(now, "states sum to one", &format!("{}: {count} of them sum to {sum}", key.1));
            }
        }
        let jobs: f64 = page.family_of("koreai_jobs").map(|(_, value)| value).sum();
        let infos = page.family_of("koreai_job_info").count();
        if jobs != infos as f64 {
            ledger.story.broken(now, "jobs by state", &format!("koreai_jobs sums to {jobs}, {infos} jobs are shown"));
        }
        self.last_changes(page, ledger, now);
    }

    /// A job's last change is when it was last told something new, never later.
    fn last_changes(&self, page: &Page, ledger: &mut Ledger, now: Duration) {
        let begin = super::time::BEGIN as f64 / 1000.0;
        let slack = Duration::from_secs(1);
        let mut late = Vec::new();
        for (labels, value) in page.family_of("koreai_job_last_change_timestamp_seconds") {
            let key = (labels.get("bot").to_owned(), labels.get("request_id").to_owned());
            let Some(told) = ledger.told.get(&key).filter(|told| told.since != Duration::MAX) else { continue };
            if value - begin > (told.since + slack).as_secs_f64() {
                late.push(format!(
                    "{} changed last at {:.3}, the page says {:.3}",
                    key.1,
                    told.since.as_secs_f64(),
                    value - begin
                ));
            }
        }
        late.sort();
        if let Some(first) = late.first() {
            ledger.story.broken(now, "last change", &format!("{first}; {} in all", late.len()));
        }
    }
}

/// Jobs that a source names and upstream has finished, but no page has shown as finished.
pub(crate) fn unfinished(world: &World, seen: &Seen, ledger: &Ledger, now: Duration) -> Vec<Key> {
    let mut missing = Vec::new();
    for bot in &world.bots {
        for job in &bot.jobs {
            let key: Key = (bot.name.clone(), job.script.id.clone());
            let Plan::Runs { over } = job.script.plan else { continue };
            let told = ledger.may_know_the_end_of(&key);
            let over_by = job.script.created_at + over;
            // Its series may have expired while no page was looked at.
            let expired = told && now > over_by + Duration::from_secs(world.pace.retention);
            if !seen.finished.contains(&key) && !expired {
                missing.push(key);
            }
        }
    }
    missing
}

/// Whether the counters are what the upstream knows to be true.
pub(crate) fn counters_are_true(world: &World, page: &Page, ledger: &mut Ledger, now: Duration) {
    for bot in &world.bots {
        let mut expected: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
        let (mut finished, mut most) = (0, 0);
        for job in &bot.jobs {
            let key: Key = (bot.name.clone(), job.script.id.clone());
            let exact = matches!(job.script.plan, Plan::Runs { .. });
            most += 1;
            finished += u64::from(exact);
            let told = match exact {
                true => job.script.truth(now),
                false => ledger.told.get(&key).and_then(|told| told.last.clone()),
            };
            // A job that never finishes may be abandoned before its last report was counted.
            for (channel, counts) in told.iter().flat_map(|truth| &truth.channels) {
                for (status, count) in [("SUCCESS", counts.success), ("FAILURE", counts.failure)] {
                    let sum = expected.entry((channel.clone(), status.to_owned())).or_default();
                    *sum = (sum.0 + if exact { count } else { 0 }, sum.1 + count);
                }
            }
        }
        for (labels, value) in page.family_of("koreai_notifications_total") {
            if labels.get("bot") != bot.name {
                continue;
            }
            let series = (labels.get("channel").to_owned(), labels.get("status").to_owned());
            let (least, most) = expected.remove(&series).unwrap_or_default();
            if value < least as f64 || value > most as f64 {
                let what = format!("{} {series:?}: {value}, upstream knows {least} to {most}", bot.name);
                ledger.story.broken(now, "counters are true", &what);
            }
        }
        for (series, (least, most)) in expected {
            if least > 0 {
                let what = format!("{} {series:?}: no series, upstream knows {least} to {most}", bot.name);
                ledger.story.broken(now, "counters are true", &what);
            }
        }
        let counted: f64 = page
            .family_of("koreai_jobs_finished_total")
            .filter(|(labels, _)| labels.get("bot") == bot.name)
            .map(|(_, value)| value)
            .sum();
        if counted < finished as f64 || counted > most as f64 {
            let what = format!("{}: {counted} jobs counted as finished, {finished} have", bot.name);
            ledger.story.broken(now, "counters are true", &what);
        }
    }
}

/// Whether calls on the page are the calls that were made, but for those that a kill has taken.
pub(crate) fn calls_are_counted(page: &Page, ledger: &mut Ledger, now: Duration) {
    let counted: f64 = page.family_of("koreai_upstream_requests_total").map(|(_, value)| value).sum();
    let (made, lost) = (ledger.calls as f64, ledger.uncounted as f64);
    // What is under way while the page is made is not counted yet.
    if counted > made || counted + lost + 64.0 < made {
        ledger.story.broken(now, "calls are counted", &format!("{counted} on the page, {made} were made, {lost} lost"));
    }
}

/// Whether every collection is as large as what it is about, or within its named bound.
pub(crate) fn sizes_are_bounded(
    sizes: &BTreeMap<&'static str, usize>,
    world: &World,
    ledger: &mut Ledger,
    now: Duration,
) {
    let size = |name: &str| sizes.get(name).copied().unwrap_or(0);
    let bots = world.bots.len();
    // Jobs there are, those whose call is still under way after they went, and those that just came or went.
    let jobs = size("store.index") + 32 * bots + 256;
    for (name, size) in sizes {
        let most = match *name {
            "poller.in_flight" => 32 * bots,
            "poller.awaited" | "store.sources" => 8 * bots,
            "probes.kept" | "probes.by_age" => 10_000,
            "store.retired" => 100_000,
            "store.retirements" => 200_064,
            "store.remembered" => 1_000_000,
            "scheduler.calls" => 2 * world.bots.iter().map(|bot| bot.per_hour as usize).sum::<usize>() + 64,
            "scheduler.queue" => 4 * jobs,
            "store.deadlines" | "store.expiries" => 2 * jobs + 1_024,
            "store.free" | "store.entries" => 20_000,
            _ => jobs,
        };
        if *size > most {
            ledger.story.broken(
                now,
                "nothing grows without bound",
                &format!("{name} has {size}, at most {most} make sense"),
            );
        }
    }
}
