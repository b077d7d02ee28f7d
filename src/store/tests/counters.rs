//! Each thing is counted once.

use super::*;
use JobStatus::{InProgress, PartialSuccess, Success};

#[test]
fn entries_are_counted_once_over_growing_and_shrinking_lists() {
    let mut world = World::tracking(&["ds-1"]);
    for (second, (entries, counted)) in [
        ([2, 0, 0], [2, 0, 0]),
        ([5, 1, 0], [5, 1, 0]),
        ([5, 1, 0], [5, 1, 0]),
        ([1, 0, 0], [5, 1, 0]),
        ([0, 0, 0], [5, 1, 0]),
        ([6, 1, 0], [6, 1, 0]),
    ]
    .into_iter()
    .enumerate()
    {
        world.answered("ds-1", InProgress, entries, at(second as u64));
        assert_eq!(world.counted(), counted, "after {entries:?}");
    }
    world.answered("ds-1", PartialSuccess, [6, 2, 0], at(10));
    assert_eq!(world.counted(), [6, 2, 0]);
    assert_eq!(world.counters().failures[&(channel("msteams"), Reason::parse("timeout").unwrap())], 2);
    assert_eq!(world.counters().jobs_finished.into_array(), [0, 1, 0], "SUCCESS, PARTIAL_SUCCESS, FAILURE");
}

#[test]
fn a_shrinking_list_is_an_inconsistency_once_a_job() {
    let mut world = World::tracking(&["ds-1"]);
    world.answered("ds-1", InProgress, [5, 0, 0], at(0));
    let recorded = world.answered("ds-1", InProgress, [1, 0, 0], at(2));
    assert_eq!(recorded.inconsistencies, [Inconsistency::EntriesDecreased]);
    assert_eq!(world.answered("ds-1", InProgress, [0, 0, 0], at(4)).inconsistencies, []);
    assert_eq!(world.counters().inconsistencies.values().sum::<u64>(), 1);
}

#[test]
fn entries_of_unknown_status_are_counted_when_the_job_has_ended() {
    let mut world = World::tracking(&["ds-1"]);
    world.answered("ds-1", InProgress, [1, 0, 3], at(0));
    assert_eq!(world.counted(), [1, 0, 0], "they may yet become something");
    assert_eq!(world.job("ds-1").unwrap().tallies[0].entries[EntryStatus::Unknown], 3, "the job itself shows them");
    world.answered("ds-1", Success, [1, 0, 3], at(2));
    assert_eq!(world.counted(), [1, 0, 3]);
}

#[test]
fn an_entry_whose_unknown_status_becomes_known_is_counted_once() {
    let mut world = World::tracking(&["ds-1"]);
    world.answered("ds-1", InProgress, [0, 0, 3], at(0));
    let recorded = world.answered("ds-1", Success, [3, 0, 0], at(2));
    assert_eq!(world.counted(), [3, 0, 0]);
    assert_eq!(recorded.inconsistencies, [], "the list did not shrink");
}

#[test]
fn a_job_that_is_removed_and_comes_back_is_not_counted_twice() {
    let mut world = World::tracking(&["ds-1"]);
    world.answered("ds-1", InProgress, [5, 1, 0], at(0));
    world.names("a", &[], at(10));
    world.store.tick(at(10).plus(REMOVAL_GRACE));
    assert_eq!(world.tracked(), [""; 0]);
    world.names("a", &["ds-1"], at(100));
    assert_eq!(world.job("ds-1").unwrap().status, InProgress, "its values are back at once");
    world.answered("ds-1", InProgress, [6, 1, 0], at(101));
    assert_eq!(world.counted(), [6, 1, 0]);
}

#[test]
fn unknown_words_are_counted_once_a_job() {
    let mut world = World::tracking(&["ds-1"]);
    let slot = world.slot("ds-1").unwrap();
    let word = |count| crate::model::Unrecognized { kind: UnrecognizedKind::EntryStatus, sample: None, count };
    for (count, new) in [(2, true), (2, false), (1, false), (3, true)] {
        let report = Report { unrecognized: vec![word(count)], ..report(InProgress, [0, 0, count]) };
        let recorded = world.store.record(slot, Outcome::Ok, Some(report), at(count));
        assert_eq!(!recorded.unrecognized.is_empty(), new, "{count}");
    }
    assert_eq!(world.counters().unrecognized.values().sum::<u64>(), 3);
}

#[test]
fn channels_beyond_the_bound_are_other() {
    let mut world = World::tracking(&["ds-1"]);
    let tallies = (0..MAX_CHANNELS + 5)
        .map(|number| ChannelTally {
            entries: EnumMap::from_array([1, 0, 0]),
            ..ChannelTally::new(channel(&format!("c{number}")))
        })
        .collect();
    let slot = world.slot("ds-1").unwrap();
    world.store.record(slot, Outcome::Ok, Some(Report { tallies, ..report(InProgress, [0; 3]) }), at(0));
    // The configuration's own channel is one of the bound; `other` itself comes on top.
    let known = &world.counters().notifications;
    assert_eq!(known.len(), MAX_CHANNELS + 1);
    assert_eq!(known[&Channel::other()].into_array(), [6, 0, 0]);
    assert_eq!(world.dropped(DropReason::MaxChannels), 6);
    assert_eq!(world.job("ds-1").unwrap().tallies.len(), MAX_CHANNELS, "39 of its own and other");
}

#[test]
fn a_job_s_duration_is_from_request_to_last_entry() {
    let mut world = World::tracking(&["ds-1", "ds-2"]);
    let ended = Report { requested: Some(at(0)), last_notification: Some(at(20)), ..report(Success, [1, 0, 0]) };
    let slot = world.slot("ds-1").unwrap();
    world.store.record(slot, Outcome::Ok, Some(ended), at(500));
    world.answered("ds-2", Success, [1, 0, 0], at(500));
    let success = &world.counters().job_duration[TerminalStatus::Success];
    assert_eq!(
        (success.counts().iter().sum::<u64>(), success.sum()),
        (1, 20.0),
        "a job without times is not guessed at"
    );
}
