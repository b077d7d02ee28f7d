//! The simulated jobs: when they start, how they progress, when they end. Times are in seconds.

use koreai_exporter::scheduler::Progress;

use crate::dice::Dice;

/// In addition to the variance of each delivery, the speed of a job drifts: standard deviation of its logarithm, and the
/// time constant of the drift.
const SPEED_DEVIATION: f64 = 0.1;
const SPEED_MEMORY: f64 = 60.0;

/// What a report contains about progress (docs/UPSTREAM.md#field-meaning).
#[derive(Clone, Copy)]
pub(crate) enum Dialect {
    /// Whole percentages, log entries and `store.identitiesCount`.
    V1WithRecipients,
    /// Whole percentages and log entries.
    V1,
    /// Log entries only.
    V2,
}

/// One job.
pub(crate) struct Truth {
    pub(crate) bot: usize,
    pub(crate) starts: f64,
    /// When the job ends; `None` if it never does.
    pub(crate) ends: Option<f64>,
    pub(crate) campaign: Option<&'static str>,
    pub(crate) recipients: u64,
    dialect: Dialect,
    /// The completed fraction, for each second since the start.
    curve: Vec<f32>,
}

impl Truth {
    /// A job with deliveries of random (exponential) durations that takes `lasts` seconds in total and may stall once.
    fn new(dice: &mut Dice, starts: f64, lasts: f64, recipients: u64, dialect: Dialect, stall: Option<Stall>) -> Self {
        let decay = (-lasts / recipients as f64 / SPEED_MEMORY).exp();
        let mut drift = dice.normal();
        let mut delivered = vec![0.0_f64];
        for _ in 0..recipients {
            drift = drift * decay + dice.normal() * (1.0 - decay * decay).sqrt();
            delivered.push(delivered.last().unwrap() + dice.exponential() * (drift * SPEED_DEVIATION).exp());
        }
        let scale = lasts / delivered.last().unwrap();
        let mut curve: Vec<f32> = Vec::new();
        let mut count = 0;
        for second in 0..=lasts.ceil() as usize {
            while delivered.get(count + 1).is_some_and(|at| at * scale <= second as f64) {
                count += 1;
            }
            curve.push((count as f64 / recipients as f64) as f32);
        }
        let mut ends = Some(starts + lasts);
        match stall {
            Some(Stall::For { at, seconds }) => {
                let index = (at * lasts) as usize;
                let still = std::iter::repeat_n(curve[index], seconds as usize);
                curve.splice(index..index, still);
                ends = Some(starts + lasts + seconds.floor());
            }
            Some(Stall::ForEver { at }) => {
                curve.truncate((at * lasts) as usize + 1);
                ends = None;
            }
            None => {}
        }
        Self { bot: 0, campaign: None, starts, ends, recipients, dialect, curve }
    }

    /// The progress that a report has at this time; `None` if the job has ended.
    pub(crate) fn report(&self, at: f64) -> Option<Progress> {
        if self.ends.is_some_and(|ends| at >= ends) {
            return None;
        }
        let age = (at - self.starts).max(0.0);
        let index = age as usize;
        let last = f64::from(*self.curve.last().unwrap());
        let here = self.curve.get(index).map_or(last, |&part| f64::from(part));
        let there = self.curve.get(index + 1).map_or(here, |&part| f64::from(part));
        let done = here + (there - here) * age.fract();
        let entries = ((done * self.recipients as f64) as u64).min(self.recipients - 1);
        let completion = Some((done * 100.0).floor().min(99.0) / 100.0);
        Some(match self.dialect {
            Dialect::V1WithRecipients => Progress { completion, entries, recipients: Some(self.recipients) },
            Dialect::V1 => Progress { completion, entries, recipients: None },
            Dialect::V2 => Progress { completion: None, entries, recipients: None },
        })
    }
}

enum Stall {
    /// At this fraction, for this many seconds.
    For {
        at: f64,
        seconds: f64,
    },
    ForEver {
        at: f64,
    },
}

/// Jobs, and the time in which the upstream refuses all calls.
pub(crate) struct Population {
    pub(crate) name: &'static str,
    pub(crate) jobs: Vec<Truth>,
    pub(crate) bots: usize,
    pub(crate) refuses: Option<(f64, f64)>,
}

impl Population {
    pub(crate) fn all() -> Vec<Self> {
        vec![
            campaign(),
            slow_campaign(),
            campaign_ending_together(),
            trickle(),
            trickle_v2(),
            campaigns_v2(),
            many_bots(),
            stalling(),
            refused(),
        ]
    }

    /// The end of the last job that ends.
    pub(crate) fn last_end(&self) -> f64 {
        self.jobs.iter().filter_map(|job| job.ends).fold(0.0, f64::max)
    }
}

/// A million recipients: 1,000 jobs sent within two minutes, each runs for about 12 minutes.
fn campaign() -> Population {
    Population { name: "campaign", jobs: campaign_of(&mut Dice::new(1), 720.0), bots: 1, refuses: None }
}

/// A slower campaign: about 40 minutes.
fn slow_campaign() -> Population {
    Population { name: "slow campaign", jobs: campaign_of(&mut Dice::new(8), 2400.0), bots: 1, refuses: None }
}

fn campaign_of(dice: &mut Dice, seconds: f64) -> Vec<Truth> {
    (0..1000)
        .map(|index| {
            let lasts = seconds * (0.15 * dice.normal()).exp();
            let truth = Truth::new(dice, f64::from(index) * 0.12, lasts, 1000, Dialect::V1WithRecipients, None);
            Truth { campaign: Some("campaign"), ..truth }
        })
        .collect()
}

/// 1,000 jobs on a platform that distributes its capacity evenly: all jobs end within two minutes.
fn campaign_ending_together() -> Population {
    let mut dice = Dice::new(2);
    let jobs = (0..1000)
        .map(|index| {
            let starts = f64::from(index) * 0.03;
            let lasts = 900.0 + 20.0 * dice.normal() - starts;
            Truth { campaign: Some("campaign"), ..Truth::new(&mut dice, starts, lasts, 1000, Dialect::V1, None) }
        })
        .collect();
    Population { name: "campaign, ends together", jobs, bots: 1, refuses: None }
}

/// A job every 20 s for three hours; sizes, speeds and V1 dialects differ.
fn trickle() -> Population {
    let mut dice = Dice::new(3);
    let mut starts = 0.0;
    let jobs = (0..540)
        .map(|_| {
            starts += 20.0 * dice.exponential();
            let recipients = dice.between(50.0, 1000.0) as u64;
            let lasts = dice.between(60.0, 1800.0);
            let dialect = [Dialect::V1WithRecipients, Dialect::V1][(dice.fraction() * 2.0) as usize];
            Truth::new(&mut dice, starts, lasts, recipients, dialect, None)
        })
        .collect();
    Population { name: "trickle", jobs, bots: 1, refuses: None }
}

/// The same in V2, without recipient counts: only the ends of full jobs can be predicted.
fn trickle_v2() -> Population {
    let mut dice = Dice::new(7);
    let mut starts = 0.0;
    let jobs = (0..540)
        .map(|_| {
            starts += 20.0 * dice.exponential();
            let recipients = if dice.fraction() < 0.5 { 1000 } else { dice.between(50.0, 1000.0) as u64 };
            let lasts = dice.between(60.0, 1800.0);
            Truth::new(&mut dice, starts, lasts, recipients, Dialect::V2, None)
        })
        .collect();
    Population { name: "trickle, V2", jobs, bots: 1, refuses: None }
}

/// The same with campaigns: six senders, each with its own size of a job. One job in twenty is the smaller rest of a list.
fn campaigns_v2() -> Population {
    let mut dice = Dice::new(9);
    let names = ["one", "two", "three", "four", "five", "six"];
    let sizes = names.map(|_| dice.between(50.0, 1000.0));
    let mut starts = 0.0;
    let jobs = (0..540)
        .map(|index| {
            starts += 20.0 * dice.exponential();
            let sender = index % names.len();
            let full = sizes[sender] as u64;
            let recipients = if dice.fraction() < 0.05 { dice.between(25.0, sizes[sender]) as u64 } else { full };
            let lasts = dice.between(60.0, 1800.0);
            let truth = Truth::new(&mut dice, starts, lasts, recipients, Dialect::V2, None);
            Truth { campaign: Some(names[sender]), ..truth }
        })
        .collect();
    Population { name: "campaigns, V2", jobs, bots: 1, refuses: None }
}

/// Twenty bots, each with 150 jobs within half an hour.
fn many_bots() -> Population {
    let mut dice = Dice::new(4);
    let jobs = (0..3000)
        .map(|index| {
            let starts = dice.between(0.0, 1800.0);
            let lasts = dice.between(300.0, 1500.0);
            let truth = Truth::new(&mut dice, starts, lasts, 1000, Dialect::V1WithRecipients, None);
            Truth { bot: index % 20, ..truth }
        })
        .collect();
    Population { name: "many bots", jobs, bots: 20, refuses: None }
}

/// 600 jobs; a third stalls for 10 to 40 minutes, one in twenty forever.
fn stalling() -> Population {
    let mut dice = Dice::new(5);
    let jobs = (0..600)
        .map(|index| {
            let lasts = dice.between(600.0, 1500.0);
            let at = dice.between(0.1, 0.95);
            let stall = match index % 20 {
                0 => Some(Stall::ForEver { at }),
                1..=7 => Some(Stall::For { at, seconds: dice.between(600.0, 2400.0) }),
                _ => None,
            };
            let starts = dice.between(0.0, 300.0);
            Truth::new(&mut dice, starts, lasts, 1000, Dialect::V1WithRecipients, stall)
        })
        .collect();
    Population { name: "stalls", jobs, bots: 1, refuses: None }
}

/// 400 jobs; the upstream refuses every call from the tenth minute to the twentieth.
fn refused() -> Population {
    let mut dice = Dice::new(6);
    let jobs = (0..400)
        .map(|_| {
            let starts = dice.between(0.0, 300.0);
            let lasts = dice.between(300.0, 2400.0);
            Truth::new(&mut dice, starts, lasts, 1000, Dialect::V1WithRecipients, None)
        })
        .collect();
    Population { name: "refusals", jobs, bots: 1, refuses: Some((600.0, 1200.0)) }
}
