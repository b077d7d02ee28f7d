//! What goes wrong in a world, and when. Each sort of trouble is there or is not, and if it is, rarely or often: a world with
//! all of it at once would hide what only one of them does alone.

use std::time::Duration;

use koreai_exporter::fake_upstream::{Fault, FaultRule};

use super::dice::Dice;
use super::knobs::Knobs;
use super::plan::{Event, Via, What, World, fault, refusal};
use super::upstream::SourceFault;

/// Draws the events of a world.
pub(crate) fn draw(world: &mut World, dice: &mut Dice, minutes: u64, knobs: Knobs) {
    let mut events = Vec::new();
    name_jobs(world, dice, knobs, &mut events);
    let length = world.length;
    let mut sort =
        |allowed: bool, per_hour: u64, dice: &mut Dice, make: &mut dyn FnMut(&mut Dice, Duration, &mut Vec<Event>)| {
            if !allowed || dice.percent(40) {
                return;
            }
            let most = (per_hour * minutes / 60).max(1);
            for _ in 0..dice.scaled(1, most) {
                let at = dice.seconds(1, length.as_secs());
                make(dice, at, &mut events);
            }
        };
    let bots = world.bots.clone();
    let place = |dice: &mut Dice| dice.within(0..bots.len() as u64) as usize;
    let job_of = |dice: &mut Dice, bot: usize| dice.within(0..bots[bot].jobs.len() as u64) as usize;
    let mut fresh = 0;
    sort(knobs.upstream, 20, dice, &mut |dice, at, events| {
        let (_, what) = fault(dice, knobs);
        let most = 1 + dice_length(dice);
        let mut rule = FaultRule::always(what).between(at, at + dice.seconds(1, most));
        let bot = place(dice);
        if dice.percent(60) {
            rule = rule.for_bot(&bots[bot].bot_id);
        }
        events.push(Event { at, what: What::Upstream(rule) });
    });
    sort(knobs.upstream && knobs.per_id, 6, dice, &mut |dice, at, events| {
        let bot = place(dice);
        let id = bots[bot].jobs[job_of(dice, bot)].script.id.clone();
        let rule = FaultRule::always(Fault::RateLimited(refusal(dice))).for_id(&id);
        let rule = rule.between(at, at + dice.seconds(30, 600));
        events.push(Event { at, what: What::Upstream(rule) });
    });
    sort(knobs.upstream, 4, dice, &mut |dice, at, events| {
        events.push(Event { at, what: What::Latency(dice.scaled(20, 30_000)) });
        events.push(Event { at: at + dice.seconds(5, 120), what: What::Latency(dice.scaled(20, 1_000)) });
    });
    sort(true, 20, dice, &mut |dice, at, events| {
        let bot = place(dice);
        if bots[bot].sources == 0 {
            return;
        }
        let source = dice.within(0..bots[bot].sources as u64) as usize;
        let how = *dice.pick(&[
            SourceFault::Refuses,
            SourceFault::Status,
            SourceFault::Garbage,
            SourceFault::Hangs,
            SourceFault::CutOff,
            SourceFault::Invalid,
        ]);
        events.push(Event { at, what: What::SourceFails { bot, source, how: Some(how) } });
        events.push(Event { at: at + dice.seconds(5, 300), what: What::SourceFails { bot, source, how: None } });
    });
    sort(true, 20, dice, &mut |dice, at, events| {
        let bot = place(dice);
        let job = job_of(dice, bot);
        // An ID that is named before upstream knows it is trouble of its own.
        let at = if knobs.late { at } else { at.max(bots[bot].jobs[job].script.created_at + Duration::from_secs(1)) };
        events.push(Event { at, what: What::Unname { bot, job } });
        events.push(Event { at: at + dice.seconds(0, 120), what: What::Name { bot, job } });
    });
    sort(knobs.probes, 60, dice, &mut |dice, at, events| {
        let bot = place(dice);
        let job = dice.percent(50).then(|| job_of(dice, bot));
        fresh += 1;
        events.push(Event { at, what: What::Probe { bot, job, fresh } });
    });
    sort(knobs.probes, 3, dice, &mut |dice, at, events| {
        fresh += 1000;
        events.push(Event { at, what: What::ProbeMany { bot: place(dice), count: dice.within(5..80), fresh } });
    });
    sort(knobs.probes, 6, dice, &mut |dice, at, events| {
        let bot = place(dice);
        events.push(Event { at, what: What::DeleteAndProbe { bot, job: job_of(dice, bot) } });
    });
    sort(knobs.churn, 2, dice, &mut |dice, at, events| {
        let (rounds, count) = (dice.within(5..25), dice.within(20..120));
        events.push(Event { at, what: What::Churn { bot: place(dice), rounds, count } });
    });
    sort(knobs.reloads, 10, dice, &mut |_, at, events| events.push(Event { at, what: What::Reload }));
    sort(knobs.reloads, 3, dice, &mut |_, at, events| events.push(Event { at, what: What::BadReload }));
    sort(knobs.reloads, 3, dice, &mut |dice, at, events| {
        let bot = place(dice);
        let (per_minute, per_hour) = (dice.scaled(10, u64::from(bots[bot].per_minute)) as u32, bots[bot].per_hour);
        events.push(Event { at, what: What::Budget { bot, per_minute, per_hour } });
    });
    sort(knobs.reloads && knobs.gateway_404, 2, dice, &mut |dice, at, events| {
        let bot = place(dice);
        events.push(Event { at, what: What::WrongUrl { bot, wrong: true } });
        events.push(Event { at: at + dice.seconds(5, 300), what: What::WrongUrl { bot, wrong: false } });
    });
    sort(knobs.reloads, 4, dice, &mut |dice, at, events| {
        let (bot, generation) = (place(dice), dice.within(1..1_000_000));
        events.push(Event { at, what: What::RotateUpstream { bot, generation } });
        events.push(Event { at: at + dice.seconds(0, 120), what: What::WriteSecret { bot, generation } });
    });
    sort(knobs.reloads, 3, dice, &mut |dice, at, events| {
        let bot = place(dice);
        events.push(Event { at, what: What::LoseSecret { bot } });
        events.push(Event { at: at + dice.seconds(5, 120), what: What::WriteSecret { bot, generation: u64::MAX } });
    });
    sort(knobs.restarts, 8, dice, &mut |_, at, events| events.push(Event { at, what: What::Restart }));
    sort(knobs.restarts, 8, dice, &mut |dice, at, events| {
        events.push(Event { at, what: What::Kill { power: dice.percent(50) } });
    });
    sort(knobs.restarts, 8, dice, &mut |dice, at, events| {
        let (power, operations) = (dice.percent(50), dice.scaled(1, 60));
        events.push(Event { at, what: What::KillInCommit { power, operations } });
    });
    sort(knobs.disk, 3, dice, &mut |dice, at, events| {
        let (on, off): (fn(u64) -> What, What) = match dice.within(0..3) {
            0 => (|_| What::DiskFails(true), What::DiskFails(false)),
            1 => (|_| What::DiskFull(true), What::DiskFull(false)),
            _ => (What::DiskSlow, What::DiskSlow(0)),
        };
        events.push(Event { at, what: on(dice.scaled(100, 4_000)) });
        events.push(Event { at: at + dice.seconds(2, 90), what: off });
    });
    sort(knobs.clock, 2, dice, &mut |dice, at, events| {
        let what = match dice.percent(50) {
            true => What::Sleep { seconds: dice.scaled(3, 600) },
            false => What::SetBack { seconds: dice.scaled(1, 60) },
        };
        events.push(Event { at, what });
    });
    // Restarts in the minutes in which the calls from before a long sleep leave the hour.
    sort(knobs.clock && knobs.restarts, 1, dice, &mut |dice, at, events| {
        let early = dice.within(10..110);
        events.push(Event { at, what: What::Sleep { seconds: 3_600 - early } });
        for round in 0..10 {
            let what = if dice.percent(80) { What::Restart } else { What::Kill { power: false } };
            events.push(Event { at: at + dice.seconds(12 * round, 12 * round + 12), what });
        }
    });
    events.retain(|event| event.at < length);
    world.events = events;
}

/// Each job that a source or the job API names is named at some time, most of them soon after its birth, some before.
fn name_jobs(world: &World, dice: &mut Dice, knobs: Knobs, events: &mut Vec<Event>) {
    for (bot, plan) in world.bots.iter().enumerate() {
        let early = knobs.late && dice.percent(30);
        for (job, plan) in plan.jobs.iter().enumerate() {
            let born = plan.script.created_at;
            let at = match early && dice.percent(20) {
                true => born.saturating_sub(dice.seconds(1, 60)),
                false => born + Duration::from_millis(dice.scaled(1, 30_000)),
            };
            if plan.via != Via::Static {
                events.push(Event { at: at.min(world.length - Duration::from_secs(1)), what: What::Name { bot, job } });
            }
        }
    }
}

/// Most troubles are short.
fn dice_length(dice: &mut Dice) -> u64 {
    dice.scaled(2, 300)
}
