//! Counts each log entry once: computes what a report adds to the entries that were counted before.

use std::collections::BTreeMap;

use enum_map::EnumMap;

use crate::model::{Channel, ChannelTally, CreationTimes, EntryStatus, Reason, Timestamp};

/// What a report adds to the counters.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Advance {
    /// By channel, the entries that were not counted before.
    pub(super) added: Vec<ChannelTally>,
    /// A count is lower than before: the log list shrank.
    pub(super) decreased: bool,
}

/// Raises `counted`, the highest counts of each channel so far, to the counts of a report.
///
/// The log list grows while a job runs (docs/UPSTREAM.md#status-values: one entry per recipient, with its outcome). Entries have no
/// unique key (a published sample has two entries with the same ID), so an entry is new if the count of its channel and
/// status exceeds the highest count so far. A list that shrinks and grows again adds only what exceeds that mark.
///
/// The mark of the status UNKNOWN is raised only when the job ends ([`super::entry::Entry::count_unknown`]): until then such
/// an entry may become a success or a failure. If a gone job comes back, those that have become one are not counted again.
pub(super) fn advance(counted: &mut Vec<ChannelTally>, seen: &[ChannelTally]) -> Advance {
    let mut result = Advance::default();
    for tally in seen {
        let before = tally_of(counted, &tally.channel);
        let mut added = ChannelTally::new(tally.channel.clone());
        let new_unknown = tally.entries[EntryStatus::Unknown].saturating_sub(before.entries[EntryStatus::Unknown]);
        added.entries[EntryStatus::Unknown] = new_unknown;
        // Entries that were counted as UNKNOWN and have an outcome now.
        let mut resolved = before.entries[EntryStatus::Unknown].saturating_sub(tally.entries[EntryStatus::Unknown]);
        for status in [EntryStatus::Success, EntryStatus::Failure] {
            let (now, mark) = (tally.entries[status], &mut before.entries[status]);
            result.decreased |= now < *mark;
            let raised = now.saturating_sub(*mark);
            *mark = now.max(*mark);
            let counted_before = raised.min(resolved);
            resolved -= counted_before;
            before.entries[EntryStatus::Unknown] -= counted_before;
            added.entries[status] = raised - counted_before;
        }
        added.failures = added_failures(&mut before.failures, tally, added.entries[EntryStatus::Failure]);
        added_delivery(before, tally, &mut added);
        if added.entries.values().any(|count| *count > 0) || added.delivery.iter().any(|count| *count > 0) {
            result.added.push(added);
        }
    }
    let vanished = |mark: &ChannelTally| {
        mark.entries.values().any(|count| *count > 0) && !seen.iter().any(|tally| tally.channel == mark.channel)
    };
    result.decreased |= counted.iter().any(vanished);
    result
}

/// Adds the log entries of a tally to counters, as entries on `channel`.
pub(super) fn count_tally(
    notifications: &mut BTreeMap<Channel, EnumMap<EntryStatus, u64>>,
    failures: &mut BTreeMap<(Channel, Reason), u64>,
    created: &mut CreationTimes,
    channel: &Channel,
    tally: &ChannelTally,
    now: Timestamp,
) {
    let counts = notifications.entry(channel.clone()).or_default();
    for (status, plus) in tally.entries {
        counts[status] = counts[status].saturating_add(plus);
    }
    for (reason, plus) in &tally.failures {
        let key = (channel.clone(), reason.clone());
        match failures.get_mut(&key) {
            Some(sum) => *sum = sum.saturating_add(*plus),
            None => {
                created.failures.insert(key.clone(), now);
                failures.insert(key, *plus);
            }
        }
    }
}

fn tally_of<'a>(counted: &'a mut Vec<ChannelTally>, channel: &Channel) -> &'a mut ChannelTally {
    let position = counted.iter().position(|tally| tally.channel == *channel).unwrap_or_else(|| {
        counted.push(ChannelTally::new(channel.clone()));
        counted.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "the position was found or pushed just above")]
    &mut counted[position]
}

/// New failures by reason, at most as many as there are new failures: when the classification rules change, old entries
/// move from one reason to another and must not be counted again.
fn added_failures(marks: &mut Vec<(Reason, u64)>, tally: &ChannelTally, mut left: u64) -> Vec<(Reason, u64)> {
    let mut added = Vec::new();
    for (reason, now) in &tally.failures {
        let mark = marks.iter_mut().find(|(known, _)| known == reason);
        let new = now.saturating_sub(mark.as_ref().map_or(0, |(_, count)| *count)).min(left);
        if new > 0 {
            left -= new;
            added.push((reason.clone(), new));
        }
        match mark {
            Some((_, count)) => *count = (*now).max(*count),
            None => marks.push((reason.clone(), *now)),
        }
    }
    added
}

/// New deliveries by bucket, in total at most as many as there are entries: a request time that changes between two
/// reports moves old entries to other buckets.
fn added_delivery(before: &mut ChannelTally, tally: &ChannelTally, added: &mut ChannelTally) {
    let unknown = before.entries[EntryStatus::Unknown].max(tally.entries[EntryStatus::Unknown]);
    let entries = before.entries[EntryStatus::Success] + before.entries[EntryStatus::Failure] + unknown;
    let mut left = entries.saturating_sub(before.delivery.iter().sum());
    for ((mark, now), plus) in before.delivery.iter_mut().zip(tally.delivery).zip(added.delivery.iter_mut()) {
        *plus = now.saturating_sub(*mark).min(left);
        left -= *plus;
        *mark += *plus;
    }
    if added.delivery.iter().any(|count| *count > 0) {
        added.delivery_sum = (tally.delivery_sum - before.delivery_sum).max(0.0);
        before.delivery_sum += added.delivery_sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(entries: [u64; 3], failures: &[(&str, u64)]) -> ChannelTally {
        let mut tally = ChannelTally::new(Channel::clean("msteams").unwrap());
        tally.entries = EnumMap::from_array(entries);
        tally.failures = failures.iter().map(|(r, n)| (Reason::parse(r).unwrap(), *n)).collect();
        tally
    }

    #[test]
    fn what_was_counted_is_not_counted_again_even_after_the_list_shrank() {
        let mut counted = Vec::new();
        let mut total = [0; 3];
        for (seen, decreased) in
            [([5, 1, 0], false), ([5, 1, 0], false), ([3, 0, 0], true), ([6, 2, 0], false), ([6, 2, 0], false)]
        {
            let advance = advance(&mut counted, &[tally(seen, &[("other", seen[1])])]);
            assert_eq!(advance.decreased, decreased, "{seen:?}");
            for added in &advance.added {
                for (sum, plus) in total.iter_mut().zip(added.entries.into_array()) {
                    *sum += plus;
                }
            }
        }
        assert_eq!(total, [6, 2, 0]);
    }

    #[test]
    fn entries_that_change_their_reason_are_not_counted_again() {
        let mut counted = Vec::new();
        advance(&mut counted, &[tally([0, 4, 0], &[("other", 4)])]);
        let moved = advance(&mut counted, &[tally([0, 5, 0], &[("timeout", 4), ("other", 1)])]);
        let reasons: Vec<_> = moved.added[0].failures.iter().map(|(r, n)| (r.as_str(), *n)).collect();
        assert_eq!(reasons, [("timeout", 1)], "one new failure, whatever the reasons say");
    }

    #[test]
    fn a_channel_that_vanishes_is_a_decrease() {
        let mut counted = Vec::new();
        advance(&mut counted, &[tally([1, 0, 0], &[])]);
        assert!(advance(&mut counted, &[]).decreased);
    }

    #[test]
    fn deliveries_are_counted_once_though_the_request_time_moves() {
        let mut counted = Vec::new();
        let mut first = tally([2, 0, 0], &[]);
        first.delivery[0] = 2;
        first.delivery_sum = 1.0;
        let mut second = first.clone();
        second.delivery = [0; 12];
        second.delivery[4] = 2;
        second.delivery_sum = 30.0;
        assert_eq!(advance(&mut counted, &[first]).added[0].delivery.iter().sum::<u64>(), 2);
        assert_eq!(advance(&mut counted, &[second]).added, []);
    }
}
