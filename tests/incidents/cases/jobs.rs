//! Incidents of single jobs.

use koreai_exporter::fake_upstream::{Plan, ScriptedJob};

use crate::incident::{Expected, Incident};
use crate::world::{Event, World, job, long_jobs, minutes, of_campaign};

const NAMED: &[(&str, &str)] = &[("campaign", "spring"), ("request_id", "ds-large")];

/// A job of 1,000 recipients in a campaign, beside other jobs.
fn large(minutes: u64, failure_percent: u32) -> Vec<ScriptedJob> {
    let mut jobs = of_campaign("spring", vec![job("ds-large", 10, minutes, 1_000).with_failures(failure_percent)]);
    jobs.push(job("ds-other", 0, 30, 200));
    jobs
}

pub(crate) fn all() -> Vec<Incident> {
    [failing(), slow(), lost()].into_iter().flatten().collect()
}

fn failing() -> Vec<Incident> {
    let failing = |key, title, percent| {
        let expected = Expected::new("JobFailureRatioHigh", "warning", 30).naming(NAMED).resolving(30);
        Incident::new(key, title, World::new(190, large(20, percent)), (10, 145), vec![expected])
    };
    vec![
        failing("job-third", "A job of 1,000 fails by 30 %", 30),
        failing("job-whole", "A job of 1,000 fails whole", 100),
    ]
}

fn slow() -> Vec<Incident> {
    let stalls = Plan::Stalls { over: minutes(25), at_percent: 40 };
    let stalling = |job: ScriptedJob| ScriptedJob { plan: stalls.clone(), ..job };
    let jobs = large(25, 0).into_iter().map(|job| if job.id == "ds-large" { stalling(job) } else { job }).collect();
    let moves = of_campaign("spring", vec![job("ds-large", 10, 125, 1_000)]).remove(0);
    let stalled = World::new(150, jobs).at(120, Event::Replace(moves));
    let day = World::new(24 * 60, of_campaign("spring", vec![job("ds-large", 10, 23 * 60, 1_000)]));
    vec![
        Incident::new(
            "job-stalls",
            "A job stalls at 40 %",
            stalled,
            (20, 120),
            vec![Expected::new("JobStalled", "warning", 30).naming(NAMED).resolving(20)],
        ),
        Incident::new(
            "job-day",
            "A job runs for a day",
            day,
            (10, 23 * 60),
            vec![Expected::new("JobNotFinishing", "warning", 6 * 60 + 15).naming(NAMED).resolving(40)],
        ),
    ]
}

fn lost() -> Vec<Incident> {
    let gone = |id: String, after: u64| {
        let job = job(&id, 0, 300, 1_000);
        job.with_plan(Plan::Gone { over: minutes(300), after: minutes(after) })
    };
    let with_others = |mut jobs: Vec<ScriptedJob>, length| {
        jobs.extend(long_jobs(10, length));
        World::new(length, jobs)
    };
    let two = with_others((0..2).map(|number| gone(format!("ds-gone-{number}"), 30)).collect(), 120);
    let many = with_others((0..20).map(|number| gone(format!("ds-gone-{number}"), 30)).collect(), 120);
    let deadline = World::new(150, vec![job("ds-long", 0, 300, 1_000)]).with_global("{job_deadline: 1h}");
    let never = World::new(110, (0..40).map(|number| job(&format!("ds-{number}"), 30, 200, 100)).collect());
    let never = never.with_budget(1, 20);
    let empty = World::new(120, long_jobs(20, 120));
    vec![
        Incident::new(
            "jobs-gone",
            "Two jobs in progress become gone",
            two,
            (30, 90),
            vec![Expected::new("JobsLost", "info", 60).once()],
        ),
        Incident::new(
            "jobs-gone-many",
            "Twenty jobs in progress become gone",
            many,
            (30, 90),
            vec![Expected::new("JobsLost", "warning", 60).once()],
        )
        .allowing(&[("JobsLost", "info")], 2),
        Incident::new(
            "job-deadline",
            "A job passes its deadline; it is not called stale, stalled or late",
            deadline,
            (60, 150),
            vec![Expected::new("JobsLost", "info", 30).once()],
        ),
        Incident::new(
            "source-empty",
            "A source returns an empty list",
            empty.at(45, Event::EmptyLists(true)),
            (45, 90),
            vec![Expected::new("JobsVanished", "warning", 60)],
        ),
        Incident::new(
            "source-down",
            "A source of targets cannot be read",
            World::new(120, long_jobs(5, 120)).at(45, Event::SourcesFail(true)).at(100, Event::SourcesFail(false)),
            (45, 100),
            vec![Expected::new("TargetSourceDown", "warning", 30)],
        ),
        Incident::new(
            "job-never-polled",
            "Jobs are never polled",
            never,
            (30, 110),
            vec![Expected::new("JobNeverPolled", "warning", 60)],
        )
        .allowing(&[("PollsLate", "warning"), ("BudgetNearlySpent", "info")], 4),
        Incident::new(
            "status-unknown",
            "The upstream sends a status that nobody knows",
            World::new(
                90,
                vec![
                    job("ds-odd", 20, 10, 50)
                        .with_plan(Plan::EndsAs { over: minutes(10), status: "ARCHIVED".to_owned() }),
                ],
            ),
            (30, 60),
            vec![Expected::new("UnknownStatus", "warning", 30)],
        )
        .allowing(&[("JobStalled", "warning")], 2),
    ]
}
