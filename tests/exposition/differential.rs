//! After any sequence of added, changed and removed jobs, cached blocks equal a complete rendering.

use std::collections::{BTreeMap, BTreeSet};

use koreai_exporter::exposition::{Encoding, Format, JobBlocks, Page, render};
use koreai_exporter::model::{Job, JobSlot, JobState, JobStatus, Timestamp};
use proptest::prelude::*;

use crate::inflaters::{gzip_accepts, inflated_by_all};
use crate::world;

const TAIL: &str = "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 7\n";
const TAIL_OPENMETRICS: &str = "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total 7\n# EOF\n";

/// A change to the jobs of a range of slots.
#[derive(Debug, Clone)]
enum Event {
    Report { from: u32, count: u32, sent: u64 },
    Finish { from: u32, count: u32 },
    Remove { from: u32, count: u32 },
    Publish,
}

fn event() -> impl Strategy<Value = Event> {
    let run = || (0_u32..900, 1_u32..400);
    prop_oneof![
        3 => (run(), 0_u64..4).prop_map(|((from, count), sent)| Event::Report { from, count, sent }),
        2 => run().prop_map(|(from, count)| Event::Finish { from, count }),
        1 => run().prop_map(|(from, count)| Event::Remove { from, count }),
        3 => Just(Event::Publish),
    ]
}

/// A job with other optional fields than its neighbours.
fn job(slot: u32) -> Job {
    let mut job = world::job(if slot.is_multiple_of(3) { "sales" } else { "support" }, &format!("ds-{slot}"));
    job.campaign = (slot.is_multiple_of(4)).then(|| world::value("a \"b\" \\c"));
    job
}

fn report(job: &mut Job, slot: u32, sent: u64) {
    job.state = JobState::Polling;
    job.status = JobStatus::InProgress;
    job.completion = (!slot.is_multiple_of(5)).then_some(sent as f64 / 4.0);
    job.tallies =
        vec![world::tally("msteams", [sent, sent / 2, u64::from(slot.is_multiple_of(7))], &[("other", sent / 2)])];
    if slot.is_multiple_of(2) {
        job.tallies.push(world::tally("slack", [1, 0, 0], &[]));
    }
    job.last_change = Some(Timestamp::from_millis(1_643_057_723_029 + i64::from(slot)));
    job.poll_up = Some(sent.is_multiple_of(2));
}

fn body(page: &Page, format: Format, encoding: Encoding) -> Vec<u8> {
    let body = page.response(format, encoding, TAIL);
    let length = body.content_length();
    let bytes: Vec<u8> = body.flatten().collect();
    assert_eq!(bytes.len() as u64, length, "Content-Length");
    bytes
}

/// Sample lines by family, in order of appearance; panics if a family appears twice.
fn by_family(text: &str) -> Vec<(String, Vec<String>)> {
    let mut families: Vec<(String, Vec<String>)> = Vec::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(seen.insert(rest.to_owned()), "{line} appears twice");
            families.push((rest.to_owned(), Vec::new()));
        } else if let Some((_, lines)) = families.last_mut() {
            lines.push(line.to_owned());
        }
    }
    for (_, lines) in &mut families {
        lines.sort();
    }
    families
}

fn assert_same(page: &Page, jobs: &BTreeMap<JobSlot, Job>) {
    for (format, tail) in [(Format::Text, TAIL), (Format::OpenMetrics, TAIL_OPENMETRICS)] {
        let identity = body(page, format, Encoding::Identity);
        let gzip = inflated_by_all(&body(page, format, Encoding::Gzip));
        assert!(identity == gzip, "gzip and identity differ");

        let text = String::from_utf8(identity).unwrap();
        let anew = render(jobs.values(), &[], &world::bots(), Some(&world::exporter()), format);
        let anew = anew.trim_end_matches("# EOF\n").to_owned() + tail;
        let (text, anew) = (by_family(&text), by_family(&anew));
        for (cached, plain) in text.iter().zip(&anew) {
            assert_eq!(cached.0, plain.0);
            assert!(cached.1 == plain.1, "{} differs", cached.0);
        }
        assert_eq!(text.len(), anew.len());
    }
}

/// Runs events; every publication is compared.
fn run(events: &[Event]) -> Page {
    let mut jobs: BTreeMap<JobSlot, Job> = BTreeMap::new();
    let mut blocks = JobBlocks::new();
    let publish = |blocks: &mut JobBlocks, jobs: &BTreeMap<JobSlot, Job>| {
        let page = blocks.publish(|slot| jobs.get(&slot), |_| None, &world::bots(), &world::exporter());
        assert_same(&page, jobs);
        page
    };
    for event in events {
        match *event {
            Event::Report { from, count, sent } => (from..from + count).for_each(|slot| {
                report(jobs.entry(JobSlot::new(slot)).or_insert_with(|| job(slot)), slot, sent);
                blocks.note(JobSlot::new(slot));
            }),
            Event::Finish { from, count } => (from..from + count).for_each(|slot| {
                if let Some(job) = jobs.get_mut(&JobSlot::new(slot)) {
                    job.state = JobState::Finished;
                    job.status = JobStatus::Success;
                    job.finished = job.last_change;
                    blocks.note(JobSlot::new(slot));
                }
            }),
            Event::Remove { from, count } => (from..from + count).for_each(|slot| {
                jobs.remove(&JobSlot::new(slot));
                blocks.note(JobSlot::new(slot));
            }),
            Event::Publish => drop(publish(&mut blocks, &jobs)),
        }
    }
    publish(&mut blocks, &jobs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cached_blocks_equal_a_complete_rendering(events in proptest::collection::vec(event(), 1..12)) {
        run(&events);
    }
}

#[test]
fn finishing_and_expiring_jobs_move_through_all_blocks() {
    let page = run(&[
        Event::Report { from: 0, count: 1300, sent: 1 },
        Event::Publish,
        Event::Finish { from: 0, count: 100 },
        Event::Publish,
        Event::Finish { from: 100, count: 1100 },
        Event::Publish,
        Event::Report { from: 40, count: 3, sent: 2 },
        Event::Publish,
        Event::Remove { from: 0, count: 500 },
        Event::Publish,
        Event::Remove { from: 600, count: 300 },
    ]);
    let gzip = body(&page, Format::Text, Encoding::Gzip);
    assert_ne!(gzip_accepts(&gzip), Some(false), "gzip -t rejects it");
}

#[test]
fn later_publications_improve_fast_compression() {
    let jobs: BTreeMap<JobSlot, Job> = (0..6_000)
        .map(|slot| {
            let mut job = job(slot);
            report(&mut job, slot, 2);
            (JobSlot::new(slot), job)
        })
        .collect();
    let mut blocks = JobBlocks::new();
    jobs.keys().for_each(|slot| blocks.note(*slot));
    let publish = |blocks: &mut JobBlocks| blocks.publish(|slot| jobs.get(&slot), |_| None, &[], &world::exporter());
    let first = publish(&mut blocks);
    assert!(blocks.fast_segments() > 0);
    let mut last = first.clone();
    for _ in 0..10 {
        last = publish(&mut blocks);
    }
    assert_eq!(blocks.fast_segments(), 0);
    let [first, last] = [first, last].map(|page| body(&page, Format::Text, Encoding::Gzip));
    assert!(last.len() < first.len());
    assert!(inflated_by_all(&first) == inflated_by_all(&last));
}
