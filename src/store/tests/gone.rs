//! Gone jobs: polled rarely, and revived by an answer, a registration or a changed bot.

use super::*;
use JobStatus::{InProgress, Success};

/// The time at which [`gone`] has made `ds-1` gone.
const GONE: u64 = 200;

/// A world whose job `ds-1` has two successes, one failure and three unknown entries, and then is gone.
fn gone() -> World {
    let mut world = World::tracking(&["ds-1"]);
    world.answered("ds-1", InProgress, [2, 1, 3], at(10));
    for second in [100, 150, GONE] {
        world.failed("ds-1", Outcome::NotFound, at(second));
    }
    world.store.tick(at(GONE));
    assert_eq!(world.states(), [0, 0, 1, 0]);
    world
}

fn state(world: &World) -> JobState {
    world.job("ds-1").unwrap().state
}

#[test]
fn a_gone_job_stays_polled_until_its_deadline() {
    let mut world = gone();
    let slot = world.slot("ds-1").unwrap();
    let changes = world.store.take_changes();
    assert!(!changes.contains(&Change::Ended(slot)), "{changes:?}");
    assert_eq!(world.failed("ds-1", Outcome::NotFound, at(500)).transition, Transition::StillGone);
    assert_eq!(world.failed("ds-1", Outcome::ServerError, at(600)).transition, Transition::PollFailed);
    assert_eq!(state(&world), JobState::Gone);

    let life = Settings { job_deadline: HOUR, retention: 2 * HOUR, ..LIFE };
    world.store.configure(life, &[spec("support")], &[source("a")], at(700));
    assert!(world.store.is_polled(slot, at(3599)));
    world.store.take_changes();
    world.store.tick(at(3600));
    assert!(!world.store.is_polled(slot, at(3600)));
    assert_eq!(world.store.take_changes(), [Change::Ended(slot)]);
    assert_eq!(state(&world), JobState::Gone);
    assert_eq!(world.answered("ds-1", Success, [9, 0, 0], at(3601)).transition, Transition::NotTracked);
}

#[test]
fn a_gone_job_stays_until_its_deadline_or_its_retention_is_over_whichever_is_later() {
    for (retention, expiry) in
        [(HOUR, at(0).plus(LIFE.job_deadline)), (2 * LIFE.job_deadline, at(GONE).plus(2 * LIFE.job_deadline))]
    {
        let mut world = gone();
        let life = Settings { retention, ..LIFE };
        world.store.configure(life, &[spec("support")], &[source("a")], at(700));
        world.store.tick(expiry.minus(Duration::from_secs(1)));
        let slot = world.slot("ds-1").unwrap();
        assert_eq!(world.store.is_polled(slot, expiry.minus(Duration::from_secs(1))), retention == HOUR);
        world.store.tick(expiry);
        assert!(world.job("ds-1").is_none());
        world.names("a", &["ds-1"], expiry);
        assert!(world.job("ds-1").is_none(), "it is over");
    }
}

#[test]
fn a_gone_job_that_returns_to_its_source_before_its_deadline_is_polled_again() {
    let mut world = gone();
    world.names("a", &[], at(300));
    world.store.tick(at(400));
    assert!(world.job("ds-1").is_none());
    let later = at(GONE).plus(2 * LIFE.retention);
    world.names("a", &["ds-1"], later);
    assert!(world.store.is_polled(world.slot("ds-1").unwrap(), later));
    assert_eq!(state(&world), JobState::Gone);
    world.answered("ds-1", Success, [5, 1, 0], later);
    assert_eq!(state(&world), JobState::Finished);
}

#[test]
fn an_answer_with_a_report_revives_a_gone_job_and_counts_each_entry_once() {
    let mut world = gone();
    assert_eq!(world.counted(), [2, 1, 3]);
    // Of the three unknown entries one is a success now and one a failure; one success is new.
    let recorded = world.answered("ds-1", InProgress, [4, 2, 1], at(500));
    assert_eq!((recorded.revived, recorded.transition), (true, Transition::Running { changed: true, entries: 7 }));
    world.store.tick(at(500));
    assert_eq!(world.states(), [1, 0, 0, 0]);
    assert_eq!(world.counted(), [2, 2, 3], "seven entries");
    assert!(!world.answered("ds-1", InProgress, [5, 2, 1], at(510)).revived);
    assert_eq!(world.counted(), [3, 2, 3]);
    // It is gone again, and returns finished.
    for second in [600, 650, 700, 750] {
        world.failed("ds-1", Outcome::NotFound, at(second));
    }
    assert_eq!((state(&world), world.counted()), (JobState::Gone, [3, 2, 3]));
    let recorded = world.answered("ds-1", Success, [5, 2, 4], at(1500));
    assert_eq!(recorded.transition, Transition::Finished(TerminalStatus::Success));
    assert_eq!(world.counted(), [3, 2, 6], "eleven entries");
    assert_eq!(world.counters().jobs_finished.into_array(), [1, 0, 0]);
    world.store.tick(at(GONE).plus(LIFE.retention));
    assert!(world.job("ds-1").is_some(), "retention runs from the last end");
    world.store.tick(at(1500).plus(LIFE.retention));
    assert!(world.job("ds-1").is_none());
}

#[test]
fn what_was_counted_of_a_gone_job_is_remembered_over_a_restart() {
    let mut world = gone();
    world.store.record_changes();
    let row = world.store.persisted_job(&key("ds-1")).unwrap();
    let mut after = World::new();
    after.store.restore(vec![], vec![], vec![row], at(300));
    let slot = after.slot("ds-1").unwrap();
    assert!(after.store.is_polled(slot, at(500)));
    after.answered("ds-1", Success, [5, 1, 0], at(500));
    assert_eq!(after.counted(), [0, 0, 0], "the six were counted before");
}

#[test]
fn a_registration_revives_a_gone_job_and_starts_its_deadline_again() {
    for deleted in [false, true] {
        let mut world = gone();
        let slot = world.slot("ds-1").unwrap();
        if deleted {
            world.names("a", &[], at(300));
            world.store.tick(at(400));
            assert!(world.job("ds-1").is_none());
        }
        world.store.take_changes();
        let expected = if deleted { Registered::New } else { Registered::Known };
        let registered_at = at(0).plus(LIFE.job_deadline).minus(HOUR);
        assert_eq!(world.store.register(&bot(), target("ds-1"), registered_at), Ok(expected));
        assert_eq!(state(&world), JobState::Polling);
        let slot = if deleted { world.slot("ds-1").unwrap() } else { slot };
        assert!(world.store.take_changes().contains(&Change::Added(slot)));
        world.store.tick(at(0).plus(LIFE.job_deadline).plus(HOUR));
        assert_eq!(state(&world), JobState::Polling);
        world.store.tick(registered_at.plus(LIFE.job_deadline));
        assert_eq!(state(&world), JobState::Abandoned);
    }
}

#[test]
fn a_registration_revives_a_gone_job_whose_series_have_expired() {
    let mut world = gone();
    let expiry = at(0).plus(LIFE.job_deadline);
    world.store.tick(expiry);
    world.names("a", &["ds-1"], expiry);
    assert!(world.job("ds-1").is_none());
    assert_eq!(world.store.register(&bot(), target("ds-1"), expiry), Ok(Registered::New));
    world.answered("ds-1", Success, [5, 1, 0], expiry);
    assert_eq!(world.counted(), [2, 1, 3], "each entry once");
}

#[test]
fn a_changed_bot_revives_its_gone_jobs_before_their_deadline() {
    let mut world = gone();
    let slot = world.slot("ds-1").unwrap();
    world.store.take_changes();
    world.store.revive_gone(&BotName::parse("other").unwrap(), at(300));
    assert_eq!(state(&world), JobState::Gone);
    world.store.revive_gone(&bot(), at(300));
    assert_eq!(state(&world), JobState::Polling);
    assert_eq!(world.store.take_changes(), [Change::Added(slot)]);
    // It takes as many answers as before until it is gone again.
    assert_eq!(world.failed("ds-1", Outcome::NotFound, at(310)).transition, Transition::PollFailed);

    let mut world = gone();
    world.store.revive_gone(&bot(), at(0).plus(LIFE.job_deadline));
    assert_eq!(state(&world), JobState::Gone);
}

#[test]
fn jobs_that_are_gone_and_return_again_and_again_leave_no_timers_behind() {
    let mut world = gone();
    for _ in 0..1_000 {
        world.store.revive_gone(&bot(), at(GONE));
        for second in [300, 350, 400] {
            world.failed("ds-1", Outcome::NotFound, at(second));
        }
        world.store.take_changes();
    }
    assert!(world.store.deadlines.len() < 100 && world.store.expiries.len() < 100);
}

/// A gone job without series, of which the store has only the mark; with its row.
fn gone_in_database() -> (World, PersistedJob) {
    let mut world = World::new();
    world.store.record_changes();
    world.names("a", &["ds-1"], at(0));
    for second in [100, 150, GONE] {
        world.failed("ds-1", Outcome::NotFound, at(second));
    }
    world.names("a", &[], at(300));
    world.store.tick(at(400));
    let row = world.store.persisted_job(&key("ds-1")).unwrap();
    let written = world.store.take_dirty();
    world.store.changes_written(&written);
    assert!(world.store.is_over_in_database(&key("ds-1")));
    (world, row)
}

#[test]
fn a_registration_revives_a_gone_job_that_only_the_database_has() {
    let (mut world, row) = gone_in_database();
    let expiry = at(0).plus(LIFE.job_deadline);
    world.names("a", &["ds-1"], expiry);
    assert!(!world.store.awaits_recalls(), "a source alone does not revive it");
    assert_eq!(world.store.register(&bot(), target("ds-1"), expiry), Ok(Registered::New));
    world.store.recall(&key("ds-1"), Some(row), expiry);
    assert_eq!(state(&world), JobState::Polling);
    world.store.tick(expiry.plus(LIFE.job_deadline).minus(HOUR));
    assert_eq!(state(&world), JobState::Polling, "its deadline starts again");
}

#[test]
fn a_changed_bot_revives_gone_jobs_that_only_the_database_has() {
    let (mut world, row) = gone_in_database();
    let expiry = at(GONE).plus(LIFE.retention);
    world.store.revive_gone(&bot(), expiry);
    assert!(world.store.take_dirty().revived_bots.contains(&bot()));
    world.names("a", &["ds-1"], expiry);
    world.store.recall(&key("ds-1"), Some(row.clone()), expiry);
    assert_eq!(state(&world), JobState::Polling);

    // After its deadline it stays gone.
    let (mut world, _) = gone_in_database();
    let deadline = at(0).plus(LIFE.job_deadline);
    world.store.revive_gone(&bot(), expiry);
    world.names("a", &["ds-1"], deadline);
    world.store.recall(&key("ds-1"), Some(row), deadline);
    assert!(world.job("ds-1").is_none());
    world.names("a", &["ds-1"], deadline);
    assert!(!world.store.awaits_recalls(), "it is remembered as gone again");
}
