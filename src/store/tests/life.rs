//! polling → finished, gone or abandoned → expired.

use super::*;
use JobStatus::{InProgress, PartialSuccess, Success, Unknown};

#[test]
fn a_finished_job_leaves_the_schedule_at_once_and_the_page_after_retention() {
    let mut world = World::tracking(&["ds-1"]);
    let slot = world.slot("ds-1").unwrap();
    let recorded = world.answered("ds-1", Success, [1, 0, 0], at(10));
    assert_eq!(recorded.transition, Transition::Finished(TerminalStatus::Success));
    assert!(world.store.take_changes().contains(&Change::Ended(slot)));
    world.store.tick(at(10));
    assert_eq!(world.states(), [0, 1, 0, 0]);

    let expiry = at(10).plus(LIFE.retention);
    assert_eq!(world.store.next_tick().map(|next| next <= expiry), Some(true));
    world.store.tick(expiry.minus(Duration::from_millis(1)));
    assert!(world.job("ds-1").is_some());
    world.store.tick(expiry);
    assert!(world.job("ds-1").is_none());
    assert_eq!(world.store.take_changes(), [Change::Removed(slot)]);
    assert_eq!(world.counted(), [1, 0, 0], "what was counted stays");

    world.names("a", &["ds-1"], expiry.plus(HOUR));
    assert!(world.job("ds-1").is_none(), "its source still names it, but it is over");
}

#[test]
fn an_answer_after_the_end_changes_nothing() {
    let mut world = World::tracking(&["ds-1"]);
    world.answered("ds-1", PartialSuccess, [1, 1, 0], at(10));
    let before = world.job("ds-1").cloned();
    assert_eq!(world.answered("ds-1", InProgress, [9, 9, 0], at(12)).transition, Transition::NotTracked);
    assert_eq!(world.failed("ds-1", Outcome::NotFound, at(14)).transition, Transition::NotTracked);
    assert_eq!(world.job("ds-1").cloned(), before);
    assert_eq!(world.counted(), [1, 1, 0]);
    assert_eq!(world.counters().jobs_finished.into_array(), [0, 1, 0]);
}

#[test]
fn a_failed_poll_keeps_the_last_values() {
    let mut world = World::tracking(&["ds-1"]);
    world.answered("ds-1", InProgress, [3, 1, 0], at(0));
    let before = world.job("ds-1").cloned().unwrap();
    let failures = Outcome::ALL.into_iter().filter(|outcome| !matches!(outcome, Outcome::Ok | Outcome::NotFound));
    for outcome in failures {
        assert_eq!(world.failed("ds-1", outcome, at(2)).transition, Transition::PollFailed, "{outcome:?}");
    }
    assert_eq!(world.job("ds-1"), Some(&Job { poll_up: Some(false), ..before.clone() }));
    world.answered("ds-1", InProgress, [3, 1, 0], at(4));
    let after = Job { last_poll_success: Some(at(4)), ..before };
    assert_eq!(world.job("ds-1"), Some(&after), "last_change stays where nothing has changed");
}

#[test]
fn what_a_report_leaves_out_stays_as_it_was() {
    let mut world = World::tracking(&["ds-1"]);
    let slot = world.slot("ds-1").unwrap();
    let mut full = Report { completion: Some(0.5), requested: Some(at(0)), ..report(InProgress, [2, 0, 0]) };
    full.numbers[JobNumber::Recipients] = Some(4);
    world.store.record(slot, Outcome::Ok, Some(full), at(1));
    world.answered("ds-1", InProgress, [2, 0, 0], at(3));
    let job = world.job("ds-1").unwrap();
    assert_eq!((job.completion, job.numbers[JobNumber::Recipients], job.requested), (Some(0.5), Some(4), Some(at(0))));
}

#[test]
fn a_job_is_gone_after_several_answers_in_a_row_that_nobody_knows_it() {
    let mut world = World::tracking(&["ds-1"]);
    world.answered("ds-1", InProgress, [3, 0, 0], at(0));
    let mut second = 0;
    let mut standings = |world: &mut World, outcomes: &[Outcome]| -> Vec<bool> {
        let gone = outcomes.iter().map(|outcome| {
            second += 20;
            world.failed("ds-1", *outcome, at(second)).transition == Transition::Gone
        });
        gone.collect()
    };
    use Outcome::{NotFound, RateLimited, ServerError, WrongEndpoint};
    assert_eq!(standings(&mut world, &[NotFound, NotFound, ServerError]), [false, false, false], "not in a row");
    assert_eq!(
        standings(&mut world, &[NotFound, NotFound, NotFound]),
        [false, false, false],
        "within less than a minute"
    );
    let others = [WrongEndpoint, WrongEndpoint, RateLimited];
    assert_eq!(standings(&mut world, &others), [false, false, false], "they say nothing about the job");
    assert_eq!(standings(&mut world, &[NotFound]), [true]);
    world.store.tick(at(200));
    assert_eq!(world.states(), [0, 0, 1, 0]);
    let job = world.job("ds-1").unwrap();
    assert_eq!((job.status, job.tallies[0].entries.into_array()), (InProgress, [3, 0, 0]));
}

#[test]
fn a_job_unfinished_at_its_deadline_is_abandoned() {
    let mut world = World::tracking(&["ds-1", "ds-2"]);
    world.answered("ds-1", InProgress, [3, 0, 0], at(5));
    world.answered("ds-2", Success, [3, 0, 0], at(5));
    let deadline = at(0).plus(LIFE.job_deadline);
    world.store.tick(deadline.minus(Duration::from_millis(1)));
    assert_eq!(world.states()[0], 1);
    let slot = world.slot("ds-1").unwrap();
    world.store.take_changes();
    world.store.tick(deadline);
    assert_eq!(world.states(), [0, 0, 0, 1]);
    assert!(world.store.take_changes().contains(&Change::Ended(slot)));
    assert_eq!(world.job("ds-1").unwrap().status, InProgress);
    world.store.tick(deadline.plus(LIFE.retention));
    assert_eq!(world.tracked(), [""; 0]);
}

#[test]
fn a_deadline_runs_from_when_a_job_was_first_wanted_though_it_was_away() {
    let mut world = World::tracking(&["ds-1"]);
    world.names("a", &[], at(10));
    world.store.tick(at(20));
    world.names("a", &["ds-1"], at(1000));
    world.store.tick(at(0).plus(LIFE.job_deadline));
    assert_eq!(world.states(), [0, 0, 0, 1]);
}

#[test]
fn a_shorter_deadline_and_retention_hold_for_jobs_that_are_there() {
    let mut world = World::tracking(&["ds-1", "ds-2"]);
    world.answered("ds-2", Success, [1, 0, 0], at(10));
    let short = Duration::from_secs(60);
    let life = Settings { job_deadline: short, retention: short, ..LIFE };
    world.store.configure(life, &[spec("support")], &[source("a"), source("b")], at(10));
    world.store.tick(at(70));
    assert_eq!(world.tracked(), ["ds-1"]);
    assert_eq!(world.states(), [0, 0, 0, 1]);
}

#[test]
fn an_unknown_status_does_not_end_a_job() {
    let mut world = World::tracking(&["ds-1"]);
    let recorded = world.answered("ds-1", Unknown, [1, 0, 0], at(0));
    assert_eq!(recorded.transition, Transition::Running { changed: true, entries: 1 });
    assert_eq!(
        world.answered("ds-1", Unknown, [1, 0, 0], at(2)).transition,
        Transition::Running { changed: false, entries: 1 }
    );
}

#[test]
fn a_slot_is_not_used_again_before_it_is_released() {
    let mut world = World::tracking(&["ds-1"]);
    let slot = world.slot("ds-1").unwrap();
    world.names("a", &[], at(0));
    world.store.tick(at(10));
    world.names("a", &["ds-2"], at(11));
    assert_ne!(world.slot("ds-2"), Some(slot), "a call for it may be under way");
    world.store.release(slot);
    world.names("a", &["ds-2", "ds-3"], at(12));
    assert_eq!(world.slot("ds-3"), Some(slot));
}

#[test]
fn the_same_entries_in_another_order_are_no_change() {
    let mut world = World::tracking(&["ds-1"]);
    let slot = world.slot("ds-1").unwrap();
    let tally = |name: &str, failures: &[(&str, u64)], delivery_sum: f64| {
        let mut tally = ChannelTally::new(channel(name));
        tally.entries[EntryStatus::Failure] = failures.iter().map(|(_, count)| count).sum();
        tally.failures = failures.iter().map(|(reason, count)| (Reason::parse(reason).unwrap(), *count)).collect();
        ChannelTally { delivery_sum, ..tally }
    };
    // A sum of times depends on the order of its terms.
    let (sum, sum_in_another_order) = (0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1);
    let first = vec![tally("slack", &[("timeout", 1), ("other", 2)], sum), tally("msteams", &[("timeout", 3)], 1.0)];
    let reordered = vec![
        tally("msteams", &[("timeout", 3)], 1.0),
        tally("slack", &[("other", 2), ("timeout", 1)], sum_in_another_order),
    ];
    let more = vec![tally("msteams", &[("timeout", 4)], 1.0), tally("slack", &[("other", 2), ("timeout", 1)], sum)];
    for (second, (tallies, changed)) in [(first, true), (reordered, false), (more, true)].into_iter().enumerate() {
        let report = Report { tallies, entries: 6, ..report(InProgress, [0; 3]) };
        let recorded = world.store.record(slot, Outcome::Ok, Some(report), at(second as u64 * 15));
        assert_eq!(recorded.transition, Transition::Running { changed, entries: 6 }, "report {second}");
    }
    assert_eq!(world.job("ds-1").unwrap().last_change, Some(at(30)));
}

#[test]
fn registrations_that_are_deleted_again_leave_no_deadline_behind() {
    let mut world = World::new();
    for number in 0..10_000 {
        let id = format!("ds-{number}");
        world.store.register(&bot(), target(&id), at(number)).unwrap();
        assert!(world.store.forget(&key(&id), at(number)));
        let removed = world.store.take_changes().iter().find_map(removed_slot).unwrap();
        world.store.release(removed);
    }
    assert!(world.store.deadlines.len() < 100, "{} deadlines of no job", world.store.deadlines.len());
    world.store.register(&bot(), target("ds-last"), at(0)).unwrap();
    world.store.tick(at(0).plus(LIFE.job_deadline));
    assert_eq!(world.job("ds-last").unwrap().state, JobState::Abandoned);
}

fn removed_slot(change: &Change) -> Option<JobSlot> {
    match change {
        Change::Removed(slot) => Some(*slot),
        Change::Added(_) | Change::Changed(_) | Change::Ended(_) => None,
    }
}
