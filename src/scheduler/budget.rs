//! The call budget of one bot: two exact windows, and a pacer for each that spreads calls over the window.

use std::time::Duration;

use enum_map::{EnumMap, enum_map};

use super::pacer::Pacer;
use super::settings::{HOUR_SPAN, MINUTE_SPAN, Settings};
use super::window::RollingWindow;
use crate::model::{BudgetWindow, Timestamp};

/// The burst of the minute's pacer, as a divisor of the limit: few jobs are polled at once, many at a steady rate.
const MINUTE_BURST_DIVISOR: u32 = 20;

/// The burst of the hour's pacer, in percent of the hour's limit, where the minute's limit is far above the hour's rate.
/// With 600 calls a minute and 18,000 an hour the burst is 6,300 calls (half of them for routine polls). That is enough
/// for a campaign of 1,000 jobs at the minute's full rate; then 3.25 calls a second remain, instead of half an hour at the
/// full rate and half an hour without calls. A smaller burst detects the ends of a campaign later; a larger one slows down
/// a permanent overload.
const HOUR_BURST_PERCENT: u64 = 70;

/// While the reserve is refilled, routine calls get one call in this many: the reserve grows again, and no bot is silent.
const REFILL_DIVISOR: u32 = 2;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// A poll at the job's interval: leaves half of the hour's burst to the others, and refills it at half of the steady rate
    /// when they have used it.
    Routine,
    /// The first poll of a job: may use the whole burst of the hour.
    Prompt,
    /// An expected end, a job that has waited too long, or a probe: exempt from the minute's pacer, which would only delay
    /// it. Both windows and the hour's pacer still apply.
    Urgent,
}

/// The budget. Its windows are never exceeded; its pacers only decide how calls are spread within the windows.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    minute: RollingWindow,
    hour: RollingWindow,
    minute_pacer: Pacer,
    hour_pacer: Pacer,
    /// Calls of the hour's burst that are reserved for prompt and urgent ones.
    reserved: u32,
}

impl Budget {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { per_minute, per_hour, .. } = *settings;
        let minute_burst = (per_minute / MINUTE_BURST_DIVISOR).max(1);
        let hour_burst = hour_burst(per_minute, per_hour).max(minute_burst);
        Self {
            minute: RollingWindow::new(MINUTE_SPAN, per_minute),
            hour: RollingWindow::new(HOUR_SPAN, per_hour),
            minute_pacer: Pacer::new(MINUTE_SPAN, per_minute, minute_burst),
            hour_pacer: Pacer::new(HOUR_SPAN, per_hour, hour_burst),
            reserved: hour_burst / 2,
        }
    }

    /// Changes the limits; the calls made so far still count.
    pub(super) fn set_limits(&mut self, settings: &Settings) {
        let other = Self::new(settings);
        self.minute.set_limit(settings.per_minute);
        self.hour.set_limit(settings.per_hour);
        self.minute_pacer = self.minute_pacer.with_limits_of(other.minute_pacer);
        self.hour_pacer = self.hour_pacer.with_limits_of(other.hour_pacer);
        self.reserved = other.reserved;
    }

    /// The first time from `now` at which a call of this urgency may start; `None` if a limit is 0.
    pub(super) fn free_at(&mut self, now: Timestamp, urgency: Urgency) -> Option<Timestamp> {
        let windows = self.minute.free_at(now)?.max(self.hour.free_at(now)?);
        let mut free = windows.max(self.hour_pacer.free_at(0));
        if urgency == Urgency::Routine {
            let refill_step = self.hour_pacer.step().saturating_mul(REFILL_DIVISOR);
            let refilling = self.hour.last().map_or(now, |last| last.plus(refill_step));
            free = free.max(self.hour_pacer.free_at(self.reserved).min(refilling));
        }
        Some(if urgency == Urgency::Urgent { free } else { free.max(self.minute_pacer.free_at(0)) })
    }

    /// Counts a call that starts now.
    pub(super) fn record(&mut self, now: Timestamp) {
        self.minute.record(now);
        self.hour.record(now);
        self.minute_pacer.record(now);
        self.hour_pacer.record(now);
    }

    /// Resumes at the steady rate, without a burst: after a pause all jobs are due at once.
    pub(super) fn resume_steadily(&mut self, now: Timestamp) {
        self.minute_pacer.spend_burst(now);
    }

    /// The time between two calls at the rate that the budget sustains indefinitely.
    pub(super) fn step(&self) -> Duration {
        self.minute_pacer.step().max(self.hour_pacer.step())
    }

    /// Calls in the windows that end now.
    pub(super) fn used(&self, now: Timestamp) -> EnumMap<BudgetWindow, u64> {
        let calls = |window: &RollingWindow| window.calls(now).map(|(_, count)| u64::from(count)).sum();
        enum_map! { BudgetWindow::Minute => calls(&self.minute), BudgetWindow::Hour => calls(&self.hour) }
    }

    /// The calls of the hour, summed by the second in which they started.
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

    /// The number of entries in both windows.
    pub(super) fn len(&self) -> usize {
        self.minute.len() + self.hour.len()
    }

    /// Counts calls of an earlier run. The calls of a second count as started at the end of it, so that none leaves a
    /// window too early.
    pub(super) fn restore(&mut self, by_second: &[(Timestamp, u32)], now: Timestamp) {
        let calls = || by_second.iter().map(|&(at, count)| (second(at).plus(Duration::from_millis(999)), count));
        self.minute.restore(calls(), now);
        self.hour.restore(calls(), now);
        self.minute_pacer.restore(self.minute.calls(now), now);
        self.hour_pacer.restore(self.hour.calls(now), now);
    }
}

/// How many calls an hour may be ahead of its steady rate; 0 if the minute's limit alone guarantees the hour's.
fn hour_burst(per_minute: u32, per_hour: u32) -> u32 {
    let full_rate = 60 * u64::from(per_minute.max(1));
    let spare = full_rate.saturating_sub(u64::from(per_hour));
    let burst =
        u128::from(per_hour) * u128::from(spare) * u128::from(HOUR_BURST_PERCENT) / (u128::from(full_rate) * 100);
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
    fn an_hour_at_full_demand_has_calls_in_every_minute() {
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
    fn routine_calls_go_on_while_the_reserve_is_refilled() {
        for (per_minute, per_hour) in [(600, 18_000), (60, 600), (20, 100)] {
            let mut budget = Budget::new(&settings(per_minute, per_hour));
            let from = Timestamp::from_millis(1_700_000_000_000);
            let urgent = spend(&mut budget, from, Duration::from_secs(3600), Urgency::Urgent);
            let from = urgent.last().unwrap().plus(Duration::from_secs(1));
            let routine = spend(&mut budget, from, Duration::from_secs(7200), Urgency::Routine);
            let longest = [from].iter().chain(&routine).zip(&routine).map(|(a, b)| b.since(*a)).max().unwrap();
            let bound = budget.hour_pacer.step() * 2 + Duration::from_secs(1);
            assert!(longest <= bound, "{per_minute} a minute, {per_hour} an hour: silent for {longest:?}");
            // Meanwhile the reserve grows.
            let again = spend(&mut budget, *routine.last().unwrap(), Duration::from_secs(60), Urgency::Urgent);
            assert!(again.len() * 4 > per_minute as usize, "{per_minute} a minute: {} urgent calls", again.len());
        }
    }

    #[test]
    fn a_restart_loses_no_call() {
        let mut budget = Budget::new(&settings(600, 18_000));
        let from = Timestamp::from_millis(1_700_000_000_500);
        spend(&mut budget, from, Duration::from_secs(300), Urgency::Urgent);
        let now = from.plus(Duration::from_secs(300));
        let saved: Vec<_> = budget.calls_by_second(now).collect();
        let mut after = Budget::new(&settings(600, 18_000));
        after.restore(&saved, now);
        assert_eq!(after.used(now)[BudgetWindow::Hour], budget.used(now)[BudgetWindow::Hour]);
        assert!(after.used(now)[BudgetWindow::Minute] >= budget.used(now)[BudgetWindow::Minute]);
        let (lived, restored) = (budget.free_at(now, Urgency::Urgent), after.free_at(now, Urgency::Urgent));
        assert!(restored >= lived && restored <= lived.map(|at| at.plus(Duration::from_secs(1))), "{restored:?}");
    }
}
