//! The bot's budget of calls: two exact windows, and a pace in each that keeps something for later.

use std::time::Duration;

use super::pacer::Pacer;
use super::settings::{HOUR_SPAN, MINUTE_SPAN, Settings};
use super::window::RollingWindow;
use crate::model::Timestamp;

/// The part of a minute's calls that may be made at once: few jobs are asked at once, many steadily.
const MINUTE_BURST_PARTS: u32 = 20;

/// The part, in percent, of an hour's calls that may be made faster than the hour can sustain, where the minute's limit
/// is far above that. At 600 a minute and 18,000 an hour it comes to 6,300 calls (half of them for routine): enough for
/// a campaign of 1,000 jobs at the minute's full pace, and then 3.25 calls a second for ever, instead of half an hour
/// of full pace and half an hour of blindness. Less makes a campaign's ends late; more makes endless overloads slow.
const HOUR_BURST_PERCENT: u64 = 70;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// A look at a job of which nothing special is expected: leaves half of the hour's burst to the others.
    Routine,
    /// A new job: may be made faster than the hour can sustain.
    Prompt,
    /// A foreseen end, or a job that has waited too long: spreading it over the minute could only make it later.
    Urgent,
}

/// The budget. Its windows hold under every use; its paces only decide how calls are spread within them.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    minute: RollingWindow,
    hour: RollingWindow,
    minute_pace: Pacer,
    hour_pace: Pacer,
    /// Calls of the hour's burst that are left to urgent ones.
    kept_back: u32,
}

impl Budget {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { per_minute, per_hour, .. } = *settings;
        let minute_burst = (per_minute / MINUTE_BURST_PARTS).max(1);
        let hour_burst = hour_burst(per_minute, per_hour).max(minute_burst);
        Self {
            minute: RollingWindow::new(MINUTE_SPAN, per_minute),
            hour: RollingWindow::new(HOUR_SPAN, per_hour),
            minute_pace: Pacer::new(MINUTE_SPAN, per_minute, minute_burst),
            hour_pace: Pacer::new(HOUR_SPAN, per_hour, hour_burst),
            kept_back: hour_burst / 2,
        }
    }

    /// Other limits; the calls made so far count on.
    pub(super) fn set_limits(&mut self, settings: &Settings) {
        let other = Self::new(settings);
        self.minute.set_limit(settings.per_minute);
        self.hour.set_limit(settings.per_hour);
        self.minute_pace = self.minute_pace.replaced_by(other.minute_pace);
        self.hour_pace = self.hour_pace.replaced_by(other.hour_pace);
        self.kept_back = other.kept_back;
    }

    /// The first time from `now` at which such a call may start; never, where a limit is 0.
    pub(super) fn free_at(&mut self, now: Timestamp, urgency: Urgency) -> Option<Timestamp> {
        let windows = self.minute.free_at(now)?.max(self.hour.free_at(now)?);
        let kept_back = if urgency == Urgency::Routine { self.kept_back } else { 0 };
        let free = windows.max(self.hour_pace.free_at(kept_back));
        Some(if urgency == Urgency::Urgent { free } else { free.max(self.minute_pace.free_at(0)) })
    }

    /// Counts a call that starts now.
    pub(super) fn record(&mut self, now: Timestamp) {
        self.minute.record(now);
        self.hour.record(now);
        self.minute_pace.record(now);
        self.hour_pace.record(now);
    }

    /// After a pause all jobs are due at once: resumes at the steady pace, without a burst.
    pub(super) fn resume_steadily(&mut self, now: Timestamp) {
        self.minute_pace.spend_burst(now);
    }

    /// The time in which the budget allows one call, for ever.
    pub(super) fn step(&self) -> Duration {
        self.minute_pace.step().max(self.hour_pace.step())
    }

    /// Calls in the windows that end now, in the order of [`crate::model::BudgetWindow::ALL`].
    pub(super) fn used(&self, now: Timestamp) -> [u64; 2] {
        [&self.minute, &self.hour].map(|window| window.calls(now).map(|(_, count)| u64::from(count)).sum())
    }

    /// Times that the windows hold.
    pub(super) fn len(&self) -> usize {
        self.minute.len() + self.hour.len()
    }

    /// The hour's calls, added up by the second in which they started.
    pub(super) fn calls_by_second(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, u32)> {
        let mut calls = self.hour.calls(now).map(|(at, count)| (second(at), count)).peekable();
        std::iter::from_fn(move || {
            let (at, mut sum) = calls.next()?;
            while let Some((_, count)) = calls.next_if(|&(next, _)| next == at) {
                sum = sum.saturating_add(count);
            }
            Some((at, sum))
        })
    }

    /// Counts calls of an earlier run. A second's calls are taken to have started at its end: never too early.
    pub(super) fn restore(&mut self, by_second: &[(Timestamp, u32)], now: Timestamp) {
        let calls = || by_second.iter().map(|&(at, count)| (second(at).plus(Duration::from_millis(999)), count));
        self.minute.restore(calls(), now);
        self.hour.restore(calls(), now);
        self.minute_pace.relive(self.minute.calls(now), now);
        self.hour_pace.relive(self.hour.calls(now), now);
    }
}

/// How many calls an hour may be ahead of its steady pace. Nothing where the minute's limit alone keeps the hour's.
fn hour_burst(per_minute: u32, per_hour: u32) -> u32 {
    let full_pace = 60 * u64::from(per_minute.max(1));
    let spare = full_pace.saturating_sub(u64::from(per_hour));
    let burst =
        u128::from(per_hour) * u128::from(spare) * u128::from(HOUR_BURST_PERCENT) / (u128::from(full_pace) * 100);
    u32::try_from(burst).unwrap_or(u32::MAX)
}

fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis().div_euclid(1000).saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(per_minute: u32, per_hour: u32) -> Settings {
        Settings {
            poll_interval: Duration::from_secs(15),
            max_poll_interval: Duration::from_secs(300),
            per_minute,
            per_hour,
            max_in_flight: 32,
        }
    }

    /// Starts calls as soon as they are allowed, for `span`; returns when.
    fn spend(budget: &mut Budget, from: Timestamp, span: Duration, urgency: Urgency) -> Vec<Timestamp> {
        let mut starts = Vec::new();
        let mut now = from;
        while let Some(at) = budget.free_at(now, urgency)
            && at < from.plus(span)
        {
            now = at.max(now);
            budget.record(now);
            starts.push(now);
        }
        starts
    }

    #[test]
    fn an_hour_at_full_demand_has_no_blind_minute() {
        let mut budget = Budget::new(&settings(600, 18_000));
        let from = Timestamp::from_millis(1_700_000_000_000);
        let starts = spend(&mut budget, from, Duration::from_secs(7200), Urgency::Urgent);
        for minute in 0..120 {
            let (begin, end) =
                (from.plus(Duration::from_secs(60 * minute)), from.plus(Duration::from_secs(60 * minute + 60)));
            let calls = starts.iter().filter(|&&at| begin <= at && at < end).count();
            assert!((180..=600).contains(&calls), "minute {minute} has {calls} calls");
        }
        assert!(starts.len() > 25_000, "{}", starts.len());
    }

    #[test]
    fn routine_leaves_half_of_the_burst_to_urgent_calls() {
        let mut budget = Budget::new(&settings(600, 18_000));
        let from = Timestamp::from_millis(0);
        let routine = spend(&mut budget, from, Duration::from_secs(1800), Urgency::Routine);
        let last = routine.last().unwrap().plus(Duration::from_secs(1));
        let urgent = spend(&mut budget, last, Duration::from_secs(60), Urgency::Urgent);
        assert!(urgent.len() > 550, "{}", urgent.len());
    }

    #[test]
    fn a_restart_forgets_no_call() {
        let mut budget = Budget::new(&settings(600, 18_000));
        let from = Timestamp::from_millis(1_700_000_000_500);
        spend(&mut budget, from, Duration::from_secs(300), Urgency::Urgent);
        let now = from.plus(Duration::from_secs(300));
        let saved: Vec<_> = budget.calls_by_second(now).collect();
        let mut after = Budget::new(&settings(600, 18_000));
        after.restore(&saved, now);
        assert_eq!(after.used(now)[1], budget.used(now)[1]);
        assert!(after.used(now)[0] >= budget.used(now)[0]);
        let (lived, restored) = (budget.free_at(now, Urgency::Urgent), after.free_at(now, Urgency::Urgent));
        assert!(restored >= lived && restored <= lived.map(|at| at.plus(Duration::from_secs(1))), "{restored:?}");
    }
}
