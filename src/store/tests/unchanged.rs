//! Polls that find nothing new.

use super::*;
use crate::model::EntityTag;

fn tag() -> Option<EntityTag> {
    EntityTag::parse(b"\"1\"")
}

#[test]
fn an_unchanged_poll_is_a_success_that_changes_no_value() {
    let mut world = World::tracking(&["ds-1"]);
    let slot = world.store.find(&key("ds-1")).unwrap();
    // Without a report there is nothing that could be unchanged.
    assert_eq!(world.store.record_unchanged(slot, at(1)).transition, Transition::NotTracked);

    world.store.record(slot, Outcome::Ok, Some(report(JobStatus::InProgress, [3, 1, 0])), at(2));
    world.store.set_entity_tag(slot, tag());
    world.store.record(slot, Outcome::Timeout, None, at(3));
    assert_eq!(world.store.entity_tag(slot), tag().as_ref(), "a failed poll says nothing about the report");
    let before = world.store.job(slot).unwrap().clone();
    let recorded = world.store.record_unchanged(slot, at(4));
    assert_eq!(recorded.transition, Transition::Running { changed: false, entries: 4 });
    let expected = Job { poll_up: Some(true), last_poll_success: Some(at(4)), ..before };
    assert_eq!(world.store.job(slot), Some(&expected));
    let entry = world.store.entry(slot).unwrap();
    assert_eq!((entry.failing(), entry.last_poll(), entry.history().points().len()), (None, Some(at(4)), 2));
    assert_eq!(world.store.entity_tag(slot), tag().as_ref());
}

#[test]
fn a_validator_lasts_until_the_next_report_the_end_of_the_job_or_a_reload() {
    let mut world = World::tracking(&["ds-1"]);
    let slot = world.store.find(&key("ds-1")).unwrap();
    let running = || Some(report(JobStatus::InProgress, [1, 0, 0]));
    world.store.record(slot, Outcome::Ok, running(), at(1));
    world.store.set_entity_tag(slot, tag());
    world.store.record(slot, Outcome::Ok, running(), at(2));
    assert_eq!(world.store.entity_tag(slot), None);

    world.store.set_entity_tag(slot, tag());
    world.store.clear_entity_tags();
    assert_eq!(world.store.entity_tag(slot), None);

    world.store.set_entity_tag(slot, tag());
    world.store.record(slot, Outcome::Ok, Some(report(JobStatus::Success, [1, 0, 0])), at(3));
    assert_eq!(world.store.entity_tag(slot), None);
    world.store.set_entity_tag(slot, tag());
    assert_eq!(world.store.entity_tag(slot), None, "a finished job is not polled again");
    assert_eq!(world.store.record_unchanged(slot, at(4)).transition, Transition::NotTracked);
}
