//! Times of log entries, collected until the request time of the job is known.

use crate::model::{ChannelTally, DELIVERY_BOUNDS, Histogram, Timestamp};

/// Time slots of 16 bytes: 256 KiB. A job of up to 1,000 recipients, upstream's limit (docs/UPSTREAM.md#send-apis), stays
/// far below it and is exact.
pub(super) const MAX_SLOTS: usize = 16_384;

/// The times of a body's log entries by channel.
///
/// `requestedTime` and `createdOn` come after `statusLogs` in every published body, so delivery times cannot be computed
/// while the entries are read. Up to [`MAX_SLOTS`] entries the times are exact. Beyond that, neighbours of a channel are
/// merged into their mean: first equal times, then slots of 2 ms, 4 ms and so on, as wide as needed. No entry is lost. The
/// error is at most the width of a slot: about half a second for a million entries spread over an hour.
#[derive(Debug, Default)]
pub(super) struct DeliveryTimes {
    slots: Vec<TimeSlot>,
    /// The width of a slot in milliseconds is 2 to this power.
    width_log2: u32,
}

#[derive(Debug, Clone, Copy)]
struct TimeSlot {
    millis: i64,
    entries: u32,
    channel: u8,
}

impl DeliveryTimes {
    /// Adds one entry of the channel with this index.
    pub(super) fn push(&mut self, channel: u8, time: Timestamp) {
        if self.slots.len() >= MAX_SLOTS {
            self.merge();
        }
        self.slots.push(TimeSlot { millis: time.as_millis(), entries: 1, channel });
    }

    /// Adds the entries to the buckets of the tallies. An entry from before the request has a delivery time of 0.
    pub(super) fn fill(&self, requested: Timestamp, tallies: &mut [ChannelTally]) {
        for slot in &self.slots {
            let Some(tally) = tallies.get_mut(usize::from(slot.channel)) else { continue };
            let seconds = Timestamp::from_millis(slot.millis).since(requested).as_secs_f64();
            if let Some(bucket) = tally.delivery.get_mut(Histogram::bucket(DELIVERY_BOUNDS, seconds)) {
                *bucket += u64::from(slot.entries);
            }
            tally.delivery_sum += seconds * f64::from(slot.entries);
        }
    }

    /// Merges until at most half of the slots are left, so that sorting stays cheap per entry. It terminates: at a width
    /// beyond all times, each channel has at most two slots, before and after the epoch.
    fn merge(&mut self) {
        self.slots.sort_unstable_by_key(|slot| (slot.channel, slot.millis));
        while self.slots.len() > MAX_SLOTS / 2 {
            let width_log2 = self.width_log2;
            self.slots.dedup_by(|later, kept| {
                let same = later.channel == kept.channel
                    && later.millis >> width_log2 == kept.millis >> width_log2
                    && kept.entries.checked_add(later.entries).is_some();
                if same {
                    let entries = kept.entries + later.entries;
                    let apart = i128::from(later.millis) - i128::from(kept.millis);
                    let step = apart * i128::from(later.entries) / i128::from(entries);
                    kept.millis = kept.millis.saturating_add(i64::try_from(step).unwrap_or(0));
                    kept.entries = entries;
                }
                same
            });
            if self.width_log2 == i64::BITS - 1 {
                break;
            }
            if self.slots.len() > MAX_SLOTS / 2 {
                self.width_log2 += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Channel;

    fn tallies_of(entries: impl Iterator<Item = (u8, i64)>) -> (Vec<ChannelTally>, DeliveryTimes) {
        let mut times = DeliveryTimes::default();
        for (channel, millis) in entries {
            times.push(channel, Timestamp::from_millis(millis));
            assert!(times.slots.len() <= MAX_SLOTS);
        }
        let mut tallies = vec![ChannelTally::new(Channel::other()), ChannelTally::new(Channel::other())];
        times.fill(Timestamp::from_millis(10_000), &mut tallies);
        (tallies, times)
    }

    #[test]
    fn an_entry_from_before_the_request_took_no_time() {
        let (tallies, _) = tallies_of([(0, 9_000), (0, 12_000), (1, 10_000)].into_iter());
        assert_eq!(tallies[0].delivery[..2], [1, 1]);
        assert_eq!(tallies[0].delivery_sum, 2.0);
        assert_eq!(tallies[1].delivery[0], 1);
    }

    #[test]
    fn a_million_entries_keep_their_number_and_nearly_their_times() {
        let hour = 3_600_000;
        let (tallies, times) = tallies_of((0..1_000_000_i64).map(|i| ((i % 2) as u8, 10_000 + (i * 7_919) % hour)));
        for tally in &tallies {
            assert_eq!(tally.delivery.iter().sum::<u64>(), 500_000);
            let mean = tally.delivery_sum / 500_000.0;
            assert!((mean - 1_800.0).abs() < 2.0, "{mean}");
        }
        assert!(times.width_log2 <= 10, "slots of {} ms", 1_u64 << times.width_log2);
    }

    #[test]
    fn equal_times_merge_without_loss_of_precision() {
        let (tallies, times) = tallies_of((0..100_000).map(|i| (0, 10_000 + (i % 1_000) * 10)));
        assert_eq!(times.width_log2, 0);
        assert_eq!(tallies[0].delivery.iter().sum::<u64>(), 100_000);
        assert!((tallies[0].delivery_sum - 499_500.0).abs() < 1e-3);
    }

    #[test]
    fn the_ends_of_time_are_merged_too() {
        let (tallies, _) = tallies_of((0..70_000).map(|i| (0, if i % 2 == 0 { i64::MAX - i } else { i64::MIN + i })));
        assert_eq!(tallies[0].delivery.iter().sum::<u64>(), 70_000);
    }
}
