//! One population under one policy.

use std::collections::BTreeSet;

use koreai_exporter::model::{JobSlot, Timestamp};
use koreai_exporter::scheduler::{Next, Observation, Progress, RateLimitDetails};

use crate::dice::Dice;
use crate::measure::{Figures, Observed};
use crate::policy::Kind;
use crate::population::{Population, Truth};

/// How long the simulation continues after the end of the last job.
const AFTERMATH: f64 = 1800.0;

pub(crate) fn run(population: &Population, kind: Kind) -> Figures {
    let horizon = population.last_end() + AFTERMATH;
    let mut observed = Observed::new(population);
    for bot in 0..population.bots {
        run_bot(population, bot, kind, horizon, &mut observed);
    }
    observed.figures(population, horizon)
}

fn run_bot(population: &Population, bot: usize, kind: Kind, horizon: f64, observed: &mut Observed) {
    let mut policy = kind.policy(population.refuses);
    let mut dice = Dice::new(99 + bot as u64);
    let mut pending: Vec<usize> =
        (0..population.jobs.len()).filter(|&index| population.jobs[index].bot == bot).collect();
    pending.sort_by(|&a, &b| population.jobs[b].starts.total_cmp(&population.jobs[a].starts));
    let mut in_flight: BTreeSet<(Timestamp, usize, Timestamp)> = BTreeSet::new();
    let mut last: Vec<Option<Progress>> = vec![None; population.jobs.len()];
    let mut arrivals = Vec::new();
    let mut now = Timestamp::from_millis(0);
    while now.as_seconds() < horizon {
        while let Some(&(at, index, state_at)) = in_flight.first()
            && at <= now
        {
            in_flight.pop_first();
            let refused = population.refuses.is_some_and(|(from, to)| (from..to).contains(&state_at.as_seconds()));
            let observation = if refused {
                observed.refused += 1;
                Observation::RateLimited(RateLimitDetails::default())
            } else {
                observed.report(population, index, state_at.as_seconds(), now.as_seconds());
                observe(&population.jobs[index], state_at, &mut last[index])
            };
            policy.observe(slot(index), now, observation);
        }
        while let Some(&index) = pending.last()
            && population.jobs[index].starts <= now.as_seconds()
        {
            pending.pop();
            policy.add(slot(index), now, &population.jobs[index], dice.fraction());
        }
        let wake = loop {
            match policy.next(now) {
                Next::Poll { slot, .. } => {
                    // A call takes 0.3 s in the median, and up to a few seconds. It travels for 20 to 120 ms; upstream
                    // reads the state half-way through the call.
                    let takes = (300.0 * (0.5 * dice.normal()).exp()).clamp(250.0, 5000.0) as i64;
                    let state_at = Timestamp::from_millis(now.as_millis() + takes / 2);
                    arrivals.push(Timestamp::from_millis(now.as_millis() + dice.between(20.0, 120.0) as i64));
                    in_flight.insert((
                        Timestamp::from_millis(now.as_millis() + takes),
                        slot.index() as usize,
                        state_at,
                    ));
                }
                Next::WaitUntil(at) => break Some(at),
                Next::Idle => break None,
            }
        };
        let answer = in_flight.first().map(|&(at, ..)| at);
        let starts =
            pending.last().map(|&index| Timestamp::from_millis((population.jobs[index].starts * 1000.0).ceil() as i64));
        let Some(at) = [wake, answer, starts].into_iter().flatten().min() else { break };
        now = at.max(now);
    }
    observed.count(arrivals);
}

fn observe(truth: &Truth, at: Timestamp, last: &mut Option<Progress>) -> Observation {
    let Some(progress) = truth.report(at.as_seconds()) else {
        return Observation::Finished { entries: Some(truth.recipients) };
    };
    let changed = last.replace(progress) != Some(progress);
    Observation::Progress { progress, changed }
}

fn slot(index: usize) -> JobSlot {
    JobSlot::new(u32::try_from(index).unwrap())
}
