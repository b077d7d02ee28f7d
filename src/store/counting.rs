//! Once-only counting: log entries that a report adds to what was counted before.

use crate::model::{Channel, ChannelTally, EntryStatus};

/// What a report adds to the counters.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Advance {
    /// By channel, what was not counted before.
    pub(super) added: Vec<ChannelTally>,
    /// Some count is lower than it was: the log list shrank.
    pub(super) decreased: bool,
}

/// Moves `counted`, the most that was ever seen of each channel, on to what `seen` says.
///
/// The log list grows while a job runs (UPSTREAM: one entry a recipient, at its outcome) and entries carry no name that
/// could be trusted to be unique (a published sample has two entries with one ID), so the most ever seen by channel and
/// status is what tells new from old. A list that shrinks and grows again adds only what exceeds the earlier mark.
///
/// Entries of unknown status are no mark: they may become a success or a failure, and the list has not shrunk then.
pub(super) fn advance(counted: &mut Vec<ChannelTally>, seen: &[ChannelTally]) -> Advance {
    let mut result = Advance::default();
    for tally in seen {
        let before = slot(counted, &tally.channel);
        let mut added = ChannelTally::new(tally.channel.clone());
        for (status, (mark, plus)) in
            EntryStatus::ALL.into_iter().zip(before.entries.iter_mut().zip(added.entries.iter_mut()))
        {
            let now = tally.count(status);
            *plus = now.saturating_sub(*mark);
            if status == EntryStatus::Unknown {
                *mark = now;
                continue;
            }
            result.decreased |= now < *mark;
            *mark = now.max(*mark);
        }
        let [_, new_failures, _] = added.entries;
        added.failures = added_failures(&mut before.failures, tally, new_failures);
        added_delivery(before, tally, &mut added);
        if added.entries.iter().any(|count| *count > 0) || added.delivery.iter().any(|count| *count > 0) {
            result.added.push(added);
        }
    }
    let vanished = |mark: &ChannelTally| {
        mark.entries.iter().any(|count| *count > 0) && !seen.iter().any(|tally| tally.channel == mark.channel)
    };
    result.decreased |= counted.iter().any(vanished);
    result
}

fn slot<'a>(counted: &'a mut Vec<ChannelTally>, channel: &Channel) -> &'a mut ChannelTally {
    let position = counted.iter().position(|tally| tally.channel == *channel).unwrap_or_else(|| {
        counted.push(ChannelTally::new(channel.clone()));
        counted.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "the position was found or pushed just above")]
    &mut counted[position]
}

/// New failures by reason. Never more than there are new failures: when the rules of classification change, old entries
/// wander from one reason to another and must not be counted again.
fn added_failures(
    marks: &mut Vec<(crate::model::Reason, u64)>,
    tally: &ChannelTally,
    mut left: u64,
) -> Vec<(crate::model::Reason, u64)> {
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

/// New deliveries by bucket, never more of them in all than there are entries: a request time that changes between two
/// reports moves old entries to other buckets.
fn added_delivery(before: &mut ChannelTally, tally: &ChannelTally, added: &mut ChannelTally) {
    let entries: u64 = before.entries.iter().sum();
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
    use crate::model::Reason;

    fn tally(entries: [u64; 3], failures: &[(&str, u64)]) -> ChannelTally {
        let mut tally = ChannelTally::new(Channel::clean("msteams").unwrap());
        tally.entries = entries;
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
                for (sum, plus) in total.iter_mut().zip(added.entries) {
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
