//! The counters of one bot, and the bounded sets that its labels come from.

use crate::model::{
    Channel, ChannelTally, Histogram, JobStatus, Reason, Report, UnrecognizedKind,
    {BotName, BotTotals, DELIVERY_BOUNDS},
};

/// The most channels that one bot's series may have, configured and learnt together; the rest is `other`.
/// Upstream documents six; a sender's typing errors must not become series without end.
pub const MAX_CHANNELS: usize = 40;

/// The most campaigns over all bots; jobs of any further one carry the campaign `other`.
pub const MAX_CAMPAIGNS: usize = 10_000;

/// The counters of one bot.
#[derive(Debug)]
pub(super) struct BotState {
    pub(super) totals: BotTotals,
}

impl BotState {
    pub(super) fn new(bot: BotName, channels: &[Channel]) -> Self {
        let mut book = Self { totals: BotTotals::new(bot, &[]) };
        book.add_channels(channels);
        book
    }

    /// Makes channels known, so that their series stand at 0.
    pub(super) fn add_channels(&mut self, channels: &[Channel]) {
        for channel in channels {
            self.totals.notifications.entry(channel.clone()).or_default();
            self.totals.delivery.entry(channel.clone()).or_insert_with(|| Histogram::new(DELIVERY_BOUNDS));
            self.totals.failures.entry((channel.clone(), Reason::other())).or_default();
        }
    }

    /// Goes on from counters of an earlier run; the channels known so far stay known.
    pub(super) fn restore(&mut self, totals: BotTotals) {
        let known: Vec<Channel> = self.totals.notifications.keys().cloned().collect();
        self.totals = totals;
        self.add_channels(&known);
    }

    /// Bounds the channels of a report: a new one is learnt while there is room, then it is `other`.
    /// Returns how many entries were moved to `other`.
    pub(super) fn bound_channels(&mut self, report: &mut Report) -> u64 {
        let mut moved = 0;
        let mut bounded: Vec<ChannelTally> = Vec::with_capacity(report.tallies.len());
        for mut tally in std::mem::take(&mut report.tallies) {
            let known = self.totals.notifications.contains_key(&tally.channel);
            let is_other = tally.channel == Channel::other();
            if !known && !is_other && self.totals.notifications.len() >= MAX_CHANNELS {
                moved += tally.entries.iter().sum::<u64>();
                tally.channel = Channel::other();
            }
            if !known {
                self.add_channels(std::slice::from_ref(&tally.channel));
            }
            match bounded.iter_mut().find(|earlier| earlier.channel == tally.channel) {
                Some(earlier) => merge(earlier, tally),
                None => bounded.push(tally),
            }
        }
        if moved > 0 {
            let kind = UnrecognizedKind::Channel;
            match report.unrecognized.iter_mut().find(|seen| seen.kind == kind) {
                Some(seen) => seen.count = seen.count.saturating_add(moved),
                None => report.unrecognized.push(crate::model::Unrecognized { kind, sample: None, count: moved }),
            }
        }
        report.tallies = bounded;
        moved
    }

    /// Adds log entries that were not counted before.
    pub(super) fn count_entries(&mut self, added: &[ChannelTally]) {
        for tally in added {
            let counts = self.totals.notifications.entry(tally.channel.clone()).or_default();
            for (sum, plus) in counts.iter_mut().zip(tally.entries) {
                *sum = sum.saturating_add(plus);
            }
            for (reason, plus) in &tally.failures {
                let sum = self.totals.failures.entry((tally.channel.clone(), reason.clone())).or_default();
                *sum = sum.saturating_add(*plus);
            }
            let histogram =
                self.totals.delivery.entry(tally.channel.clone()).or_insert_with(|| Histogram::new(DELIVERY_BOUNDS));
            for (bucket, count) in tally.delivery.iter().enumerate() {
                histogram.add(bucket, *count, 0.0);
            }
            histogram.add(0, 0, tally.delivery_sum);
        }
    }

    /// Counts a job that was seen finished.
    pub(super) fn count_finished(&mut self, status: JobStatus, duration_seconds: Option<f64>) {
        let Some(index) = JobStatus::TERMINAL.iter().position(|terminal| *terminal == status) else { return };
        if let Some(count) = self.totals.jobs_finished.get_mut(index) {
            *count = count.saturating_add(1);
        }
        if let (Some(histogram), Some(seconds)) = (self.totals.job_duration.get_mut(index), duration_seconds) {
            histogram.observe(seconds);
        }
    }
}

fn merge(into: &mut ChannelTally, from: ChannelTally) {
    for (sum, plus) in into.entries.iter_mut().zip(from.entries) {
        *sum = sum.saturating_add(plus);
    }
    for (sum, plus) in into.delivery.iter_mut().zip(from.delivery) {
        *sum = sum.saturating_add(plus);
    }
    into.delivery_sum += from.delivery_sum;
    for (reason, plus) in from.failures {
        match into.failures.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum = sum.saturating_add(plus),
            None => into.failures.push((reason, plus)),
        }
    }
}
