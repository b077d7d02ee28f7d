//! The guarantees of the scheduler under random jobs, budgets, latencies, answers, refusals and removals.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "scheduler_properties/siblings.rs"]
mod siblings;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use koreai_exporter::model::{BudgetWindow, JobSlot, LabelValue, Timestamp};
use koreai_exporter::scheduler::{
    HOUR_SPAN, LastPoll, MIN_GAP, MINUTE_SPAN, Next, Observation, Progress, RateLimitDetails, Scheduler, Settings,
    Start,
};
use proptest::prelude::*;

/// The campaigns of the jobs, by slot. The siblings of a job foresee its end and delay its first poll.
const CAMPAIGNS: [Option<&str>; 4] = [None, Some("spring"), Some("spring"), Some("autumn")];

/// One random scenario.
#[derive(Debug, Clone)]
struct World {
    settings: Settings,
    jobs: u32,
    seed: u64,
    /// Share of the answers, in half percent.
    finished: u64,
    unusable: u64,
    unavailable: u64,
    unauthorized: u64,
    rate_limited: u64,
    /// Share of the steps that add or remove a job, in percent.
    churn: u64,
    longest_call_ms: u64,
    minutes: u64,
}

fn settings() -> impl Strategy<Value = Settings> {
    (1..60_u64, 1..10_u64, 1..80_u32, 1..40_u32, 1..12_usize).prop_map(
        |(interval, growth, per_minute, hours_minutes, max_in_flight)| Settings {
            poll_interval: Duration::from_secs(interval),
            max_poll_interval: Duration::from_secs(interval * growth),
            per_minute,
            per_hour: per_minute * hours_minutes,
            max_in_flight,
        },
    )
}

prop_compose! {
    fn worlds()(
        settings in settings(),
        jobs in 1..60_u32,
        seed: u64,
        finished in 0..20_u64,
        unusable in 0..10_u64,
        unavailable in prop_oneof![Just(0), 0..10_u64, Just(60)],
        unauthorized in prop_oneof![Just(0), 0..3_u64],
        rate_limited in prop_oneof![Just(0), 0..3_u64, Just(40)],
        churn in prop_oneof![Just(0), 0..30_u64],
        longest_call_ms in 1..15_000_u64,
        minutes in 10..150_u64,
    ) -> World {
        World { settings, jobs, seed, finished, unusable, unavailable, unauthorized, rate_limited, churn,
            longest_call_ms, minutes }
    }
}

/// A scenario in which only the budget delays polls.
fn worlds_without_failures() -> impl Strategy<Value = World> {
    worlds().prop_map(|world| World {
        settings: Settings { max_in_flight: 1000, ..world.settings },
        unusable: 0,
        unavailable: 0,
        unauthorized: 0,
        rate_limited: 0,
        churn: 0,
        longest_call_ms: world.longest_call_ms % 500 + 1,
        ..world
    })
}

/// A small random number generator (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

/// A scheduler, and everything that was observed about it.
struct Run {
    world: World,
    dice: Dice,
    scheduler: Scheduler,
    now: Timestamp,
    answers: BTreeMap<(Timestamp, JobSlot), Timestamp>,
    in_flight: HashSet<JobSlot>,
    scheduled: HashSet<JobSlot>,
    finished: HashSet<JobSlot>,
    /// The last answer of each job, including before it was removed and added again.
    answered: HashMap<JobSlot, Timestamp>,
    /// Start of the wait of each job; without jobs that back off after a failed call.
    waiting: HashMap<JobSlot, Timestamp>,
    overtaken: HashMap<JobSlot, usize>,
    ever_added: usize,
    /// Jobs that were refused once.
    refused: HashSet<JobSlot>,
    calls: Vec<Timestamp>,
    /// Since when each pause is known, and when it ends.
    pauses: Vec<(Timestamp, Timestamp)>,
    longest_wait: Duration,
    longest_starvation_limit: Duration,
}

impl Run {
    fn of(world: World) -> Self {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut run = Self {
            dice: Dice(world.seed),
            scheduler: Scheduler::new(world.settings),
            now,
            answers: BTreeMap::new(),
            in_flight: HashSet::new(),
            scheduled: HashSet::new(),
            finished: HashSet::new(),
            answered: HashMap::new(),
            waiting: HashMap::new(),
            overtaken: HashMap::new(),
            ever_added: 0,
            refused: HashSet::new(),
            calls: Vec::new(),
            pauses: Vec::new(),
            longest_wait: Duration::ZERO,
            longest_starvation_limit: Duration::ZERO,
            world,
        };
        for index in 0..run.world.jobs {
            run.add(JobSlot::new(index));
        }
        let end = now.plus(Duration::from_secs(60 * run.world.minutes));
        while run.now < end && run.step() {}
        run.check_waits();
        run.check_windows();
        run
    }

    /// One step: answers, changes of jobs, then all polls that are due. `false` when nothing is left to do.
    fn step(&mut self) -> bool {
        while let Some((&(at, slot), &started)) = self.answers.first_key_value()
            && at <= self.now
        {
            self.answers.remove(&(at, slot));
            self.answer(slot, started);
        }
        if self.dice.roll(100) < self.world.churn {
            let slot = JobSlot::new(u32::try_from(self.dice.roll(u64::from(self.world.jobs) * 2)).unwrap());
            if self.scheduled.contains(&slot) { self.remove(slot) } else { self.add(slot) }
        }
        self.check_waits();
        let wake = loop {
            let starvation_limit = self.scheduler.starvation_limit();
            self.longest_starvation_limit = self.longest_starvation_limit.max(starvation_limit);
            match self.scheduler.next(self.now) {
                Next::Poll { slot, .. } => self.poll(slot, starvation_limit),
                Next::WaitUntil(at) => {
                    assert!(at > self.now, "has to wait until a time that is not in the future");
                    break Some(at);
                }
                Next::Idle => break None,
            }
        };
        let answer = self.answers.first_key_value().map(|(&(at, _), _)| at);
        if answer.is_none() && wake.is_none() {
            assert!(self.scheduled.is_empty(), "jobs are left, and no call is ever made again");
            return false;
        }
        // Sometimes the polling loop wakes early, for a command.
        let early = (self.dice.roll(4) == 0).then(|| self.now.plus(Duration::from_millis(self.dice.roll(3000) + 1)));
        self.now = wake.into_iter().chain(answer).chain(early).min().unwrap_or(self.now).max(self.now);
        true
    }

    fn poll(&mut self, slot: JobSlot, starvation_limit: Duration) {
        assert!(self.scheduled.contains(&slot), "polled a job that is not scheduled");
        assert!(!self.finished.contains(&slot), "polled a finished job");
        assert!(self.in_flight.insert(slot), "polled a job with a call in flight");
        assert!(self.in_flight.len() <= self.world.settings.max_in_flight, "too many calls in flight");
        assert_eq!(self.in_flight.len(), self.scheduler.in_flight());
        if let Some(&answered) = self.answered.get(&slot) {
            assert!(
                self.now.since(answered) >= MIN_GAP,
                "polled again {:?} after its answer",
                self.now.since(answered)
            );
        }
        for &(known, until) in &self.pauses {
            assert!(self.now <= known || self.now >= until, "polled during a pause");
        }
        self.waiting.remove(&slot);
        self.overtaken.remove(&slot);
        for (&other, &since) in &self.waiting {
            if self.now.since(since) >= starvation_limit {
                let times = self.overtaken.entry(other).or_default();
                *times += 1;
                assert!(*times < self.ever_added, "{other:?} starves");
            }
        }
        self.calls.push(self.now);
        let end = self.now.plus(Duration::from_millis(self.dice.roll(self.world.longest_call_ms) + 1));
        self.answers.insert((end, slot), self.now);
    }

    fn answer(&mut self, slot: JobSlot, started: Timestamp) {
        assert!(self.in_flight.remove(&slot));
        let observation = self.observation(started);
        self.answered.insert(slot, self.now);
        self.scheduler.observe(slot, self.now, observation);
        if let (Observation::Progress { .. }, Some(end)) = (observation, self.scheduler.expected_end(slot)) {
            assert!(end >= self.now, "foresees an end in the past: {end:?} at {:?}", self.now);
        }
        match observation {
            Observation::Finished { .. } => {
                self.scheduled.remove(&slot);
                self.finished.insert(slot);
            }
            // A back-off is not part of the wait.
            Observation::Unusable | Observation::Unavailable | Observation::RateLimited(_) => {}
            _ if self.scheduled.contains(&slot) => {
                self.waiting.insert(slot, self.now);
            }
            _ => {}
        }
        let paused = match observation {
            Observation::RateLimited(details) => {
                let named = details
                    .retry_after
                    .map(|requested| requested.clamp(Duration::from_secs(1), Duration::from_secs(3600)));
                Some(named.unwrap_or(Duration::from_secs(if details.hourly { 300 } else { 60 })))
            }
            Observation::Unauthorized => Some(Duration::from_secs(30)),
            _ => None,
        };
        if let Some(paused) = paused {
            let until = self.now.plus(paused);
            let pauses = self.scheduler.paused_until(self.now).is_some_and(|known| known >= until);
            // Only the job backs off if it was refused before and other jobs were not.
            let refused = matches!(observation, Observation::RateLimited(_));
            assert!(pauses || refused && self.refused.contains(&slot), "no pause after {observation:?}");
            if refused {
                self.refused.insert(slot);
            }
            if !pauses {
                return;
            }
            self.pauses.push((started.max(self.now.minus(Duration::from_millis(1))), until));
        }
    }

    fn observation(&mut self, started: Timestamp) -> Observation {
        let World { finished, unusable, unavailable, unauthorized, rate_limited, .. } = self.world;
        let mut roll = self.dice.roll(200);
        for (share, observation) in [
            (finished, Observation::Finished { entries: Some(self.dice.roll(1200)).filter(|entries| entries % 3 > 0) }),
            (unusable, Observation::Unusable),
            (unavailable, Observation::Unavailable),
            (unauthorized, Observation::Unauthorized),
            (rate_limited, Observation::RateLimited(self.rate_limit_details())),
        ] {
            if roll < share {
                return observation;
            }
            roll -= share;
        }
        // Upstream's numbers are not reliable.
        let completion = match self.dice.roll(6) {
            0 => None,
            1 => Some(1.0),
            2 => Some(f64::NAN),
            3 => Some(self.dice.roll(100) as f64 / 100.0),
            _ => Some((started.as_millis() % 600_000) as f64 / 600_000.0),
        };
        let recipients = (self.dice.roll(2) == 0).then(|| self.dice.roll(2000));
        let progress = Progress { completion, entries: self.dice.roll(1200), recipients };
        Observation::Progress { progress, changed: self.dice.roll(3) > 0 }
    }

    fn rate_limit_details(&mut self) -> RateLimitDetails {
        let retry_after = match self.dice.roll(4) {
            0 => Some(Duration::from_secs(self.dice.roll(120))),
            1 => Some(Duration::MAX),
            _ => None,
        };
        RateLimitDetails { retry_after, hourly: self.dice.roll(4) == 0 }
    }

    fn add(&mut self, slot: JobSlot) {
        if self.finished.contains(&slot) {
            return;
        }
        let last = self.answered.get(&slot).filter(|_| self.dice.0.is_multiple_of(2));
        let last = last.map(|&answered| LastPoll { answered, progress: None });
        let jitter = self.dice.roll(1001) as f64 / 1000.0;
        let campaign = CAMPAIGNS[slot.index() as usize % CAMPAIGNS.len()];
        let campaign = campaign.map(|name| LabelValue::parse(name).unwrap());
        self.scheduler.add(slot, self.now, Start { jitter, last, campaign, ..Start::default() });
        self.scheduled.insert(slot);
        self.ever_added += 1;
        if !self.in_flight.contains(&slot) {
            self.waiting.insert(slot, self.now);
        }
    }

    fn remove(&mut self, slot: JobSlot) {
        self.scheduler.remove(slot, self.now);
        self.scheduled.remove(&slot);
        self.waiting.remove(&slot);
        self.overtaken.remove(&slot);
    }

    fn check_waits(&mut self) {
        let longest = self.waiting.values().map(|&since| self.now.since(since)).max().unwrap_or_default();
        self.longest_wait = self.longest_wait.max(longest);
    }

    fn check_windows(&self) {
        for (span, limit) in [(MINUTE_SPAN, self.world.settings.per_minute), (HOUR_SPAN, self.world.settings.per_hour)]
        {
            let limit = usize::try_from(limit).unwrap();
            for pair in self.calls.windows(limit + 1) {
                assert!(pair[limit].since(pair[0]) >= span, "over budget: {} calls in {:?}", limit + 1, span);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_guarantee_holds(world in worlds()) {
        Run::of(world);
    }

    #[test]
    fn no_job_waits_beyond_the_bound(world in worlds_without_failures()) {
        let run = Run::of(world);
        let bound = run.longest_starvation_limit * 2 + MINUTE_SPAN;
        prop_assert!(run.longest_wait <= bound, "waited {:?}, the bound is {:?}", run.longest_wait, bound);
    }

    #[test]
    fn a_restart_never_doubles_the_budget(world in worlds(), down_ms in 0..120_000_u64) {
        let first = Run::of(World { minutes: 20, ..world.clone() });
        let saved: Vec<_> = first.scheduler.calls_by_second(first.now).collect();
        let mut second = Scheduler::new(world.settings);
        let mut now = first.now.plus(Duration::from_millis(down_ms));
        second.restore_calls(&saved, now);
        prop_assert!(second.budget_used(now)[BudgetWindow::Hour] >= first.scheduler.budget_used(now)[BudgetWindow::Hour]);
        for index in 0..200 {
            second.add(JobSlot::new(index), now, Start::default());
        }
        let end = now.plus(Duration::from_secs(3600));
        let mut calls = first.calls.clone();
        while now < end {
            match second.next(now) {
                Next::Poll { slot, .. } => {
                    calls.push(now);
                    second.observe(slot, now, Observation::Progress { progress: Progress::default(), changed: true });
                }
                Next::WaitUntil(at) => now = at,
                Next::Idle => break,
            }
        }
        Run { calls, ..first }.check_windows();
    }
}
