//! One population under one policy.

use std::collections::BTreeSet;

use koreai_exporter::model::{JobSlot, Timestamp};
use koreai_exporter::scheduler::{Next, Observation, Progress, RateLimitDetails};

use crate::dice::Dice;
use crate::measure::{Figures, Seen};
use crate::policy::Kind;
use crate::population::{Population, Truth};

/// How much longer than the last job's end is looked on.
const AFTERWARDS: f64 = 1800.0;

pub(crate) fn run(population: &Population, kind: Kind) -> Figures {
    let horizon = population.last_end() + AFTERWARDS;
    let mut seen = Seen::new(population);
    for bot in 0..population.bots {
        run_bot(population, bot, kind, horizon, &mut seen);
    }
    seen.figures(population, horizon)
}

fn run_bot(population: &Population, bot: usize, kind: Kind, horizon: f64, seen: &mut Seen) {
    let mut policy = kind.policy(population.refuses);
    let mut dice = Dice::new(99 + bot as u64);
    let mut coming: Vec<usize> =
        (0..population.jobs.len()).filter(|&index| population.jobs[index].bot == bot).collect();
    coming.sort_by(|&a, &b| population.jobs[b].comes.total_cmp(&population.jobs[a].comes));
    let mut under_way: BTreeSet<(Timestamp, usize, Timestamp)> = BTreeSet::new();
    let mut last: Vec<Option<Progress>> = vec![None; population.jobs.len()];
    let mut arrivals = Vec::new();
    let mut now = Timestamp::from_millis(0);
    while now.as_seconds() < horizon {
        while let Some(&(at, index, looked)) = under_way.first()
            && at <= now
        {
            under_way.pop_first();
            let refused = population.refuses.is_some_and(|(from, to)| (from..to).contains(&looked.as_seconds()));
            let observation = if refused {
                seen.refused += 1;
                Observation::Refused(RateLimitDetails::default())
            } else {
                seen.report(population, index, looked.as_seconds(), now.as_seconds());
                observe(&population.jobs[index], looked, &mut last[index])
            };
            policy.observe(slot(index), now, observation);
        }
        while let Some(&index) = coming.last()
            && population.jobs[index].comes <= now.as_seconds()
        {
            coming.pop();
            policy.add(slot(index), now, &population.jobs[index], dice.part());
        }
        let wake = loop {
            match policy.next(now) {
                Next::Poll { slot, .. } => {
                    // A call takes 0.3 s in the median, and up to some seconds. It travels for 20 to 120 ms; upstream
                    // looks half-way through the answer.
                    let takes = (300.0 * (0.5 * dice.normal()).exp()).clamp(250.0, 5000.0) as i64;
                    let looks = Timestamp::from_millis(now.as_millis() + takes / 2);
                    arrivals.push(Timestamp::from_millis(now.as_millis() + dice.between(20.0, 120.0) as i64));
                    under_way.insert((Timestamp::from_millis(now.as_millis() + takes), slot.index() as usize, looks));
                }
                Next::WaitUntil(at) => break Some(at),
                Next::Idle => break None,
            }
        };
        let answer = under_way.first().map(|&(at, ..)| at);
        let comes =
            coming.last().map(|&index| Timestamp::from_millis((population.jobs[index].comes * 1000.0).ceil() as i64));
        let Some(at) = [wake, answer, comes].into_iter().flatten().min() else { break };
        now = at.max(now);
    }
    seen.count(arrivals);
}

fn observe(truth: &Truth, at: Timestamp, last: &mut Option<Progress>) -> Observation {
    let Some(progress) = truth.report(at.as_seconds()) else { return Observation::Finished };
    let changed = last.replace(progress) != Some(progress);
    Observation::Progress { progress, changed }
}

fn slot(index: usize) -> JobSlot {
    JobSlot::new(u32::try_from(index).unwrap())
}
