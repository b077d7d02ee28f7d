//! The state of one bot: its counters and gauges, and the bounded sets of their labels.

use crate::model::{
    ApiVersion, BotCounters, BotMetrics, BotName, Channel, ChannelTally, CreationTimes, DELIVERY_BOUNDS, Histogram,
    Reason, Report, TerminalStatus, Timestamp, Unrecognized, UnrecognizedKind,
};

use super::counting::count_tally;

/// Limit of channels with series per bot, configured and learned together; further ones become `other`.
/// The upstream documents six; a sender's typing errors must not create unlimited series.
pub const MAX_CHANNELS: usize = 40;

/// A configured bot.
#[derive(Debug)]
pub(super) struct BotState {
    pub(super) api: ApiVersion,
    /// The configured channels.
    pub(super) channels: Vec<Channel>,
    pub(super) metrics: BotMetrics,
}

impl BotState {
    pub(super) fn new(bot: BotName, api: ApiVersion, channels: &[Channel], now: Timestamp) -> Self {
        let mut state = Self { api, channels: Vec::new(), metrics: BotMetrics::new(bot, &[]) };
        state.metrics.counters.created = CreationTimes::new(now);
        state.configure(api, channels, now);
        state
    }

    /// Applies a configuration; channels that it does not have stay.
    pub(super) fn configure(&mut self, api: ApiVersion, channels: &[Channel], now: Timestamp) {
        self.api = api;
        self.channels = channels.to_vec();
        self.add_channels(channels, now);
    }

    /// Adds channels, with their series initialised to 0.
    fn add_channels(&mut self, channels: &[Channel], now: Timestamp) {
        let counters = &mut self.metrics.counters;
        for channel in channels {
            if !counters.notifications.contains_key(channel) {
                counters.created.channels.insert(channel.clone(), now);
                counters.created.failures.insert((channel.clone(), Reason::other()), now);
            }
            counters.notifications.entry(channel.clone()).or_default();
            counters.delivery.entry(channel.clone()).or_insert_with(|| Histogram::new(DELIVERY_BOUNDS));
            counters.failures.entry((channel.clone(), Reason::other())).or_default();
        }
    }

    /// Continues from the counters of an earlier run; the known channels stay.
    pub(super) fn restore(&mut self, counters: BotCounters, now: Timestamp) {
        let known: Vec<Channel> = self.metrics.counters.notifications.keys().cloned().collect();
        self.metrics.counters = counters;
        self.add_channels(&known, now);
    }

    /// Limits the channels of a report: a new channel is learned up to [`MAX_CHANNELS`], then it becomes `other`.
    /// Returns the number of log entries that were moved to `other`.
    pub(super) fn limit_channels(&mut self, report: &mut Report, now: Timestamp) -> u64 {
        let mut moved = 0;
        let mut limited: Vec<ChannelTally> = Vec::with_capacity(report.tallies.len());
        for mut tally in std::mem::take(&mut report.tallies) {
            let notifications = &self.metrics.counters.notifications;
            let known = notifications.contains_key(&tally.channel);
            let is_other = tally.channel == Channel::other();
            if !known && !is_other && notifications.len() >= MAX_CHANNELS {
                moved += tally.entries.values().sum::<u64>();
                tally.channel = Channel::other();
            }
            if !known {
                self.add_channels(std::slice::from_ref(&tally.channel), now);
            }
            match limited.iter_mut().find(|earlier| earlier.channel == tally.channel) {
                Some(earlier) => merge(earlier, tally),
                None => limited.push(tally),
            }
        }
        if moved > 0 {
            let kind = UnrecognizedKind::Channel;
            match report.unrecognized.iter_mut().find(|seen| seen.kind == kind) {
                Some(seen) => seen.count = seen.count.saturating_add(moved),
                None => report.unrecognized.push(Unrecognized { kind, sample: None, count: moved }),
            }
        }
        report.tallies = limited;
        moved
    }

    /// Adds log entries that were not counted before.
    pub(super) fn count_entries(&mut self, added: &[ChannelTally], now: Timestamp) {
        let counters = &mut self.metrics.counters;
        for tally in added {
            let (notifications, failures) = (&mut counters.notifications, &mut counters.failures);
            count_tally(notifications, failures, &mut counters.created, &tally.channel, tally, now);
            let histogram =
                counters.delivery.entry(tally.channel.clone()).or_insert_with(|| Histogram::new(DELIVERY_BOUNDS));
            for (bucket, count) in tally.delivery.iter().enumerate() {
                histogram.add(bucket, *count, 0.0);
            }
            histogram.add(0, 0, tally.delivery_sum);
        }
    }

    /// Counts a finished job.
    pub(super) fn count_finished(&mut self, status: TerminalStatus, duration_seconds: Option<f64>) {
        let counters = &mut self.metrics.counters;
        counters.jobs_finished[status] = counters.jobs_finished[status].saturating_add(1);
        if let Some(seconds) = duration_seconds {
            counters.job_duration[status].observe(seconds);
        }
    }
}

fn merge(into: &mut ChannelTally, from: ChannelTally) {
    for (status, plus) in from.entries {
        into.entries[status] = into.entries[status].saturating_add(plus);
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
