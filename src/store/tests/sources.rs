//! References of jobs by sources, and what is rejected.

use super::*;
use JobStatus::{InProgress, Success};

#[test]
fn a_job_is_tracked_while_one_of_its_sources_wants_it() {
    let mut world = World::new();
    world.names("a", &["ds-1", "ds-2"], at(0));
    world.names("b", &["ds-2"], at(0));
    world.names("a", &[], at(10));
    world.store.tick(at(10).plus(REMOVAL_GRACE));
    assert_eq!(world.tracked(), ["ds-2"]);
    world.names("b", &[], at(30));
    world.store.tick(at(30).plus(REMOVAL_GRACE));
    assert_eq!(world.tracked(), [""; 0]);
}

#[test]
fn a_job_that_is_named_again_within_the_grace_never_went() {
    let mut world = World::tracking(&["ds-1"]);
    let slot = world.slot("ds-1");
    world.names("a", &[], at(10));
    assert_eq!(world.store.next_tick(), Some(at(10).plus(REMOVAL_GRACE)));
    world.store.tick(at(14));
    world.names("a", &["ds-1"], at(14));
    world.store.tick(at(60));
    assert_eq!(world.slot("ds-1"), slot);
    assert_eq!(world.store.take_changes(), []);
}

#[test]
fn a_source_that_cannot_be_read_keeps_its_last_set() {
    let mut world = World::tracking(&["ds-1"]);
    world.store.apply(TargetUpdate { source: source("a"), targets: None, up: false, invalid: 0 }, at(10));
    world.store.tick(at(100));
    assert_eq!(world.tracked(), ["ds-1"]);
    let gauges = &world.metrics().gauges;
    assert_eq!((gauges.source_up[SourceKind::File], gauges.targets[SourceKind::File]), (Some(false), Some(1)));
}

#[test]
fn invalid_targets_are_counted_when_they_come_and_not_at_every_refresh() {
    let mut world = World::new();
    for (invalid, dropped) in [(2, 2), (2, 2), (3, 3), (0, 3), (1, 4)] {
        world.store.apply(TargetUpdate { source: source("a"), targets: Some(vec![]), up: true, invalid }, at(0));
        assert_eq!(world.dropped(DropReason::InvalidTarget), dropped);
    }
}

#[test]
fn jobs_beyond_max_jobs_wait_and_come_in_when_others_expire() {
    let mut world = World::tracking(&["ds-1", "ds-2", "ds-3", "ds-4", "ds-5"]);
    assert_eq!(world.tracked(), ["ds-1", "ds-2", "ds-3"]);
    assert_eq!(world.dropped(DropReason::MaxJobs), 2);
    world.names("a", &["ds-1", "ds-2", "ds-3", "ds-4", "ds-5"], at(5));
    assert_eq!(world.dropped(DropReason::MaxJobs), 2, "each is counted once");
    world.answered("ds-2", Success, [1, 0, 0], at(10));
    world.store.tick(at(10).plus(LIFE.retention));
    assert_eq!(world.tracked(), ["ds-1", "ds-3", "ds-4"]);
    world.names("a", &["ds-1", "ds-3", "ds-4"], at(4000));
    world.store.tick(at(4000));
    world.names("a", &["ds-1"], at(5000));
    world.store.tick(at(5010));
    assert_eq!(world.tracked(), ["ds-1"], "what is not named any more does not wait any more");
}

#[test]
fn a_registered_job_beyond_max_jobs_is_refused_and_does_not_wait() {
    let mut world = World::tracking(&["ds-1", "ds-2"]);
    assert_eq!(world.store.register(&bot(), target("ds-3"), at(0)), Ok(Registered::New));
    assert_eq!(world.store.register(&bot(), target("ds-3"), at(0)), Ok(Registered::Known));
    assert_eq!(world.store.register(&bot(), target("ds-4"), at(0)), Err(RegisterError::Full));
    let nobody = BotName::parse("nobody").unwrap();
    assert_eq!(world.store.register(&nobody, target("ds-5"), at(0)), Err(RegisterError::UnknownBot));
    assert!(world.store.forget(&key("ds-3"), at(1)));
    assert!(!world.store.forget(&key("ds-3"), at(1)));
    assert!(!world.store.forget(&key("ds-1"), at(1)), "a file wants it");
    world.store.tick(at(1));
    assert_eq!(world.tracked(), ["ds-1", "ds-2"]);
}

#[test]
fn campaigns_beyond_the_bound_are_other_and_counted_once() {
    let many = Settings { max_jobs: MAX_CAMPAIGNS + 10, ..LIFE };
    let mut world = World::new();
    world.store.configure(many, &[spec("support")], &[source("a")], at(0));
    let targets = |count: usize| (0..count).map(|n| in_campaign(&format!("ds-{n}"), &format!("c{n}"))).collect();
    world.names_targets("a", targets(MAX_CAMPAIGNS + 2), at(0));
    let campaign = |world: &World, n: usize| world.job(&format!("ds-{n}")).unwrap().campaign.clone().unwrap();
    assert_eq!(campaign(&world, 0).as_str(), "c0");
    assert_eq!(campaign(&world, MAX_CAMPAIGNS + 1).as_str(), "other");
    assert_eq!(world.dropped(DropReason::MaxCampaigns), 2);
    world.store.take_changes();
    world.names_targets("a", targets(MAX_CAMPAIGNS + 2), at(60));
    assert_eq!(world.dropped(DropReason::MaxCampaigns), 2, "a refresh drops nothing new");
    assert_eq!(world.store.take_changes(), []);
}

#[test]
fn labels_are_those_of_the_source_that_has_wanted_a_job_longest() {
    let mut world = World::new();
    world.names_targets("a", vec![in_campaign("ds-1", "spring")], at(0));
    world.names_targets("b", vec![in_campaign("ds-1", "summer")], at(1));
    let campaign = |world: &World| world.job("ds-1").unwrap().campaign.clone().unwrap().to_string();
    assert_eq!(campaign(&world), "spring");
    world.names_targets("a", vec![in_campaign("ds-1", "autumn")], at(2));
    assert_eq!(campaign(&world), "autumn");
}

#[test]
fn a_job_that_moves_to_another_source_at_a_reload_never_went() {
    let mut world = World::tracking(&["ds-1"]);
    world.store.configure(LIFE, &[spec("support")], &[source("b")], at(100));
    world.store.tick(at(100));
    world.names("b", &["ds-1"], at(103));
    world.store.tick(at(200));
    assert_eq!(world.tracked(), ["ds-1"]);
    assert_eq!(world.store.take_changes(), []);
}

#[test]
fn a_reload_keeps_jobs_and_counters_of_what_it_still_has() {
    let mut world = World::tracking(&["ds-1"]);
    world.names("b", &["ds-2"], at(0));
    world.answered("ds-1", InProgress, [4, 1, 0], at(1));
    world.store.take_changes();
    let sales = spec("sales");
    world.store.configure(LIFE, &[spec("support"), sales], &[source("a")], at(1));
    assert_eq!(world.tracked(), ["ds-1", "ds-2"], "another source may name ds-2 now");
    world.store.tick(at(1).plus(REMOVAL_GRACE));
    assert_eq!(world.tracked(), ["ds-1"], "the source of ds-2 has gone");
    assert_eq!(world.job("ds-1").unwrap().tallies[0].entries.into_array(), [4, 1, 0]);
    assert_eq!(world.store.bots().count(), 2);
    let support = world.store.counters_mut(&bot()).unwrap();
    assert_eq!(support.notifications[&channel("msteams")].into_array(), [4, 1, 0]);

    world.names("b", &["ds-9"], at(2));
    assert_eq!(world.tracked(), ["ds-1"], "the last words of a source that has gone are passed over");
    world.store.configure(LIFE, &[spec("sales")], &[], at(2));
    assert_eq!((world.tracked().len(), world.store.bots().count()), (0, 1));
}
