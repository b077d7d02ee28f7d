//! Scenarios: which jobs a scheduler polls at which time, in simulated time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::model::{JobSlot, Timestamp};

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn settings() -> Settings {
    Settings {
        poll_interval: Duration::from_secs(15),
        max_poll_interval: Duration::from_secs(300),
        per_minute: 600,
        per_hour: 18_000,
        max_in_flight: 32,
    }
}

fn second(second: f64) -> Timestamp {
    let distance = Duration::from_secs_f64(second.abs());
    if second < 0.0 { START.minus(distance) } else { START.plus(distance) }
}

fn slot(index: u32) -> JobSlot {
    JobSlot::new(index)
}

fn progress(done: f64, changed: bool) -> Observation {
    let progress = Progress { completion: Some(done), entries: 0, recipients: None };
    Observation::Progress { progress, changed }
}

/// Runs for `span` with calls that take 100 ms and end in `answer`. Returns the start of all calls, in seconds.
fn run(
    scheduler: &mut Scheduler,
    span: Duration,
    mut answer: impl FnMut(JobSlot, Timestamp) -> Observation,
) -> BTreeMap<JobSlot, Vec<f64>> {
    let mut calls: BTreeMap<JobSlot, Vec<f64>> = BTreeMap::new();
    let mut in_flight: BTreeMap<Timestamp, Vec<JobSlot>> = BTreeMap::new();
    let mut now = START;
    while now < START.plus(span) {
        for slot in in_flight.remove(&now).unwrap_or_default() {
            scheduler.observe(slot, now, answer(slot, now));
        }
        let wake = loop {
            match scheduler.next(now) {
                Next::Poll { slot, .. } => {
                    calls.entry(slot).or_default().push(now.since(START).as_secs_f64());
                    in_flight.entry(now.plus(Duration::from_millis(100))).or_default().push(slot);
                }
                Next::WaitUntil(at) => break Some(at),
                Next::Idle => break None,
            }
        };
        let answered = in_flight.keys().next().copied();
        match wake.into_iter().chain(answered).min() {
            Some(at) => now = at,
            None => break,
        }
    }
    calls
}

#[test]
fn a_changing_job_is_polled_at_its_interval_and_an_idle_one_at_growing_intervals() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.add(slot(1), START, Start::default());
    scheduler.add(slot(2), START, Start::default());
    let calls = run(&mut scheduler, Duration::from_secs(900), |polled, now| {
        let done = if polled == slot(1) { now.since(START).as_secs_f64() / 100_000.0 } else { 0.5 };
        progress(done, polled == slot(1))
    });
    let gaps = |index| calls[&slot(index)].windows(2).map(|pair| (pair[1] - pair[0]).round()).collect::<Vec<_>>();
    assert!(gaps(1).iter().all(|&gap| gap == 15.0), "{:?}", gaps(1));
    assert_eq!(gaps(2)[..4], [30.0, 60.0, 120.0, 240.0]);
}

#[test]
fn an_expected_end_is_detected_within_seconds() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.add(slot(1), START, Start::default());
    let calls = run(&mut scheduler, Duration::from_secs(900), |_, now| {
        let done = now.since(START).as_secs_f64() / 100.0;
        if done >= 1.0 { Observation::Finished { entries: None } } else { progress(done, true) }
    });
    let last = calls[&slot(1)].last().unwrap();
    assert!((100.0..102.5).contains(last), "polled at {last} s for an end at 100 s");
    assert!(calls[&slot(1)].len() <= 12, "{calls:?}");
    assert_eq!(scheduler.jobs(), 0);
}

#[test]
fn an_end_that_does_not_come_costs_few_calls() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.add(slot(1), START, Start::default());
    let calls = run(&mut scheduler, Duration::from_secs(3600), |_, _| progress(1.0, false));
    assert!(calls[&slot(1)].len() < 25, "{calls:?}");
}

#[test]
fn at_one_call_a_second_three_hundred_jobs_are_each_polled_within_six_minutes() {
    let mut scheduler = Scheduler::new(Settings { per_minute: 60, ..settings() });
    for index in 0..300 {
        scheduler.add(slot(index), START, Start::default());
    }
    let span = Duration::from_secs(3600);
    let lasts = |polled: JobSlot| 1200.0 + f64::from(polled.index()) * 10.0;
    let calls = run(&mut scheduler, span, |polled, now| {
        let done = now.since(START).as_secs_f64() / lasts(polled);
        if done >= 1.0 { Observation::Finished { entries: None } } else { progress(done, true) }
    });
    assert_eq!(calls.len(), 300);
    for (polled, mut times) in calls {
        times.insert(0, 0.0);
        if lasts(polled) > span.as_secs_f64() {
            times.push(span.as_secs_f64());
        }
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        assert!(longest <= 360.0, "{polled:?} was not polled for {longest} s");
    }
}

#[test]
fn a_refusal_blocks_all_calls_until_a_trial_call_succeeds() {
    let mut scheduler = Scheduler::new(settings());
    for index in 0..100 {
        scheduler.add(slot(index), START, Start::default());
    }
    let calls = run(&mut scheduler, Duration::from_secs(400), |_, now| {
        if now < second(200.0) { Observation::RateLimited(RateLimitDetails::default()) } else { progress(0.5, true) }
    });
    let mut all: Vec<f64> = calls.into_values().flatten().collect();
    all.sort_by(f64::total_cmp);
    let first = all.iter().filter(|&&at| at < 1.0).count();
    assert!((1..=32).contains(&first), "{first} calls before the first answer");
    let later: Vec<f64> = all.iter().copied().filter(|&at| at >= 1.0).collect();
    assert_eq!(later[..4].iter().map(|at| at.round()).collect::<Vec<_>>(), [60.0, 120.0, 180.0, 240.0]);
    assert!((later[3] + 0.1..250.0).contains(&later[4]), "the others wait for the result of the trial call: {later:?}");
    assert!(later.iter().filter(|&&at| at < 300.0).count() > 100);
}

#[test]
fn a_short_pause_does_not_shorten_the_gap() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.add(slot(1), START, Start::default());
    assert!(matches!(scheduler.next(START), Next::Poll { .. }));
    let refusal = RateLimitDetails { retry_after: Some(Duration::from_secs(1)), hourly: false };
    scheduler.observe(slot(1), START, Observation::RateLimited(refusal));
    assert_eq!(scheduler.next(second(1.5)), Next::WaitUntil(START.plus(MIN_GAP)));
}

#[test]
fn the_return_of_an_upstream_is_detected_within_a_minute_and_with_few_calls() {
    let mut scheduler = Scheduler::new(settings());
    for index in 0..100 {
        scheduler.add(slot(index), START, Start::default());
    }
    let back = second(1800.0);
    let calls = run(&mut scheduler, Duration::from_secs(1900), |_, now| {
        if now < back { Observation::Unavailable } else { progress(0.5, true) }
    });
    let all: Vec<f64> = calls.into_values().flatten().collect();
    let dead = all.iter().filter(|&&at| at < 1800.0).count();
    assert!(dead < 32 + 80, "{dead} calls in half an hour");
    assert!(all.iter().any(|&at| (1800.0..1860.0).contains(&at)));
}

#[test]
fn after_a_restart_a_job_is_not_polled_sooner_than_its_last_poll_allows() {
    let mut scheduler = Scheduler::new(settings());
    let last = LastPoll {
        answered: second(-1.0),
        progress: Some(Progress { completion: Some(0.5), entries: 5, recipients: None }),
    };
    scheduler.add(slot(1), START, Start { last: Some(last), ..Start::default() });
    assert_eq!(scheduler.next(START), Next::WaitUntil(second(14.0)));
}

#[test]
fn a_job_that_returns_respects_the_minimum_gap() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.add(slot(1), START, Start::default());
    assert!(matches!(scheduler.next(START), Next::Poll { .. }));
    scheduler.remove(slot(1), second(0.1));
    scheduler.add(slot(1), second(0.2), Start::default());
    assert_eq!(scheduler.next(second(0.3)), Next::Idle, "its call is still in flight");
    scheduler.observe(slot(1), second(1.0), progress(0.1, true));
    scheduler.remove(slot(1), second(1.1));
    scheduler.add(slot(1), second(1.2), Start::default());
    assert_eq!(scheduler.next(second(1.3)), Next::WaitUntil(second(3.0)));
}

#[test]
fn a_reload_shortens_waits_and_keeps_the_calls_made_so_far() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.add(slot(1), START, Start::default());
    // The intervals grow: polls at about 0, 30, 90, 210, 450 and 750 s.
    let calls = run(&mut scheduler, Duration::from_secs(760), |_, _| progress(0.5, false));
    let last = *calls[&slot(1)].last().unwrap();
    let (now, used) = (second(760.0), scheduler.budget_used(second(760.0)));
    assert_eq!(scheduler.next(now), Next::WaitUntil(second(last + 0.1 + 300.0)));
    let faster = Settings { max_poll_interval: Duration::from_secs(20), ..settings() };
    scheduler.set_settings(faster, now);
    assert_eq!(scheduler.budget_used(now), used);
    assert_eq!(scheduler.next(now), Next::WaitUntil(second(last + 0.1 + 20.0)));
}

#[test]
fn a_budget_of_zero_allows_no_poll() {
    for no_calls in [
        Settings { per_minute: 0, ..settings() },
        Settings { per_hour: 0, ..settings() },
        Settings { max_in_flight: 0, ..settings() },
    ] {
        let mut scheduler = Scheduler::new(no_calls);
        scheduler.add(slot(1), START, Start::default());
        assert_eq!(scheduler.next(START), Next::Idle);
    }
}

#[test]
fn invalid_input_is_ignored() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.observe(slot(9), START, Observation::Finished { entries: None });
    scheduler.remove(slot(9), START);
    scheduler.add(slot(1), START, Start { jitter: f64::NAN, ..Start::default() });
    scheduler.observe(slot(1), START, Observation::Finished { entries: None });
    assert!(matches!(scheduler.next(second(-5.0)), Next::Poll { .. }), "if time goes back, the latest time is used");
    assert_eq!(scheduler.in_flight(), 1);
}

#[test]
fn a_refused_probe_pauses_the_bot_and_the_next_probe_resumes_it() {
    let mut scheduler = Scheduler::new(settings());
    let probe = scheduler.start_probe(START).unwrap();
    scheduler.end_probe(probe, START, Observation::RateLimited(RateLimitDetails::default()));
    assert!(scheduler.start_probe(second(59.0)).is_none(), "the pause is not over");
    let trial = scheduler.start_probe(second(60.0)).unwrap();
    assert!(scheduler.start_probe(second(60.1)).is_none(), "one trial call at a time");
    scheduler.end_probe(trial, second(60.2), progress(0.5, true));
    assert!(scheduler.start_probe(second(62.0)).is_some());
}

#[test]
fn probes_and_polls_share_the_limit_of_calls_in_flight() {
    let mut scheduler = Scheduler::new(Settings { max_in_flight: 1, ..settings() });
    scheduler.add(slot(1), START, Start::default());
    let probe = scheduler.start_probe(START).unwrap();
    assert_eq!(scheduler.next(START), Next::Idle);
    assert!(scheduler.start_probe(START).is_none());
    scheduler.end_probe(probe, second(1.0), progress(0.5, true));
    assert!(matches!(scheduler.next(second(1.0)), Next::Poll { .. }));
    assert!(scheduler.start_probe(second(1.0)).is_none());
}

#[test]
fn a_job_that_is_refused_while_others_succeed_delays_only_itself() {
    let mut scheduler = Scheduler::new(settings());
    for index in 0..10 {
        scheduler.add(slot(index), START, Start::default());
    }
    let calls = run(&mut scheduler, Duration::from_secs(1800), |polled, now| {
        let done = now.since(START).as_secs_f64() / 100_000.0;
        if polled == slot(0) { Observation::RateLimited(RateLimitDetails::default()) } else { progress(done, true) }
    });
    let refused = calls[&slot(0)].len();
    assert!((3..=10).contains(&refused), "{refused} calls for the refused job");
    for index in 1..10 {
        let times = &calls[&slot(index)];
        // The first refusal pauses the bot for a minute; the later ones do not.
        let pauses = times.windows(2).filter(|pair| pair[1] - pair[0] > 30.0).count();
        assert!(pauses <= 1 && times.len() > 90, "job {index}: {pauses} pauses, {} calls", times.len());
    }
}

#[test]
fn a_limit_of_one_id_that_is_reached_now_and_then_delays_only_that_job() {
    let mut scheduler = Scheduler::new(settings());
    for index in 0..4 {
        scheduler.add(slot(index), START, Start::default());
    }
    let mut accepted = Vec::new();
    let mut refused = 0;
    let calls = run(&mut scheduler, Duration::from_secs(3600), |polled, now| {
        let done = now.since(START).as_secs_f64() / 100_000.0;
        if polled != slot(0) {
            return progress(done, true);
        }
        accepted.retain(|at| now.since(*at) < Duration::from_secs(60));
        if accepted.len() == 3 {
            refused += 1;
            return Observation::RateLimited(RateLimitDetails::default());
        }
        accepted.push(now);
        progress(done, true)
    });
    assert!(refused > 5, "{refused} refusals: the limit of the ID is reached");
    for index in 1..4 {
        let times = &calls[&slot(index)];
        let pauses = times.windows(2).filter(|pair| pair[1] - pair[0] > 30.0).count();
        assert!(pauses <= 1, "job {index}: {pauses} pauses, {} calls", times.len());
    }
}

#[test]
fn a_limit_of_the_bot_pauses_the_bot_however_few_its_jobs_are() {
    let mut scheduler = Scheduler::new(settings());
    for index in 0..3 {
        scheduler.add(slot(index), START, Start::default());
    }
    let mut accepted: Vec<Timestamp> = Vec::new();
    let mut refused = 0;
    run(&mut scheduler, Duration::from_secs(3600), |_, now| {
        accepted.retain(|at| now.since(*at) < Duration::from_secs(60));
        if accepted.len() == 4 {
            refused += 1;
            return Observation::RateLimited(RateLimitDetails::default());
        }
        accepted.push(now);
        progress(now.since(START).as_secs_f64() / 100_000.0, true)
    });
    // A pause is at least a minute long; a refusal that looks like one of a single job is followed by one that does not.
    assert!((10..=130).contains(&refused), "{refused} refused calls in an hour");
}

#[test]
fn changed_settings_end_the_pause_after_a_401_and_the_back_off_of_jobs() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.add(slot(1), START, Start::default());
    assert!(matches!(scheduler.next(START), Next::Poll { .. }));
    scheduler.observe(slot(1), START, Observation::Unusable);
    assert_eq!(scheduler.next(START), Next::WaitUntil(second(5.0)));
    scheduler.retry_now(second(2.5));
    assert!(matches!(scheduler.next(second(2.5)), Next::Poll { .. }));
    scheduler.observe(slot(1), second(3.0), Observation::Unauthorized);
    assert_eq!(scheduler.next(second(6.0)), Next::WaitUntil(second(33.0)));
    scheduler.retry_now(second(6.0));
    assert!(matches!(scheduler.next(second(6.0)), Next::Poll { .. }));
}

#[test]
fn after_a_restart_no_call_follows_the_last_one_within_the_minimum_gap() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.add(slot(1), START, Start::default());
    scheduler.restore_calls(&[(second(-5.0), 3), (second(-1.0), 1)], START);
    assert!(scheduler.start_probe(second(1.9)).is_none());
    assert_eq!(scheduler.next(START), Next::WaitUntil(second(2.0)));
    assert!(matches!(scheduler.next(second(2.0)), Next::Poll { .. }));
}

#[test]
fn a_gone_job_is_polled_at_a_slow_growing_interval_and_at_once_when_it_is_added_again() {
    let mut scheduler = Scheduler::new(settings());
    scheduler.add(slot(1), START, Start::default());
    let calls = run(&mut scheduler, Duration::from_secs(16_000), |_, _| Observation::Gone);
    let gaps: Vec<_> = calls[&slot(1)].windows(2).map(|pair| (pair[1] - pair[0]).floor()).collect();
    assert_eq!(gaps, [300.0, 600.0, 1200.0, 2400.0, 3600.0, 3600.0, 3600.0]);

    let now = second(16_000.0);
    scheduler.add(slot(1), now, Start { gone: true, ..Start::default() });
    assert!(matches!(scheduler.next(now), Next::WaitUntil(_)), "it is still gone");
    scheduler.add(slot(1), now, Start::default());
    assert_eq!(scheduler.next(now), Next::Poll { slot: slot(1), delay: Duration::ZERO });
    scheduler.observe(slot(1), now, Observation::Unusable);
    assert_eq!(scheduler.next(now), Next::WaitUntil(now.plus(Duration::from_secs(5))), "the back-off of any job");
}

#[test]
fn a_gone_job_is_not_polled_at_once_after_a_restart_or_another_failure() {
    let mut scheduler = Scheduler::new(settings());
    let last = LastPoll { answered: START, progress: None };
    scheduler.add(slot(1), START, Start { gone: true, last: Some(last), ..Start::default() });
    assert_eq!(scheduler.next(START), Next::WaitUntil(second(300.0)));
    assert!(matches!(scheduler.next(second(300.0)), Next::Poll { .. }));
    scheduler.observe(slot(1), second(300.0), Observation::Unusable);
    assert_eq!(scheduler.next(second(300.0)), Next::WaitUntil(second(600.0)));
}
