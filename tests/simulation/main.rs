//! Two hundred simulated worlds, each with trouble drawn from its seed; and each seed tells one story only.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test says so when it fails")]

mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use world::knobs::Knobs;
use world::plan::{Size, World};
use world::run::{Outcome, run};
use world::shrink::shrink;

/// Worlds, from the first seed on.
const WORLDS: u64 = 200;

/// All sorts of trouble.
const KNOBS: Knobs = Knobs::ALL;

/// How long a failure may be made shorter.
const SHRINK_FOR: Duration = Duration::from_secs(60);

#[test]
fn two_hundred_worlds_keep_their_promises() {
    let (next, outcomes) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= WORLDS {
                        break;
                    }
                    let outcome = run(&World::draw(seed, Size::SMALL, KNOBS));
                    if let Some(broken) = outcome.broken.first() {
                        println!("seed {seed}: {broken}");
                    }
                    outcomes.lock().unwrap().push((seed, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by_key(|(seed, _)| *seed);
    println!("{}", account(&outcomes));
    let failed: Vec<_> = outcomes.iter().filter(|(_, outcome)| !outcome.broken.is_empty()).collect();
    if let Some((seed, _)) = failed.first() {
        let world = World::draw(*seed, Size::SMALL, KNOBS);
        let (smaller, outcome) = shrink(&world, run(&world), SHRINK_FOR);
        println!("seed {seed}, {} of {} events are enough:", smaller.events.len(), world.events.len());
        outcome.story.iter().rev().take(100).rev().for_each(|line| println!("{line}"));
    }
    assert!(
        failed.is_empty(),
        "{} worlds broke a promise; replay one: cargo run --release --example simulate -- --small --story --first SEED",
        failed.len()
    );
}

fn account(outcomes: &[(u64, Outcome)]) -> String {
    let simulated: Duration = outcomes.iter().map(|(_, outcome)| outcome.simulated).sum();
    let calls: u64 = outcomes.iter().map(|(_, outcome)| outcome.calls).sum();
    let lives: u64 = outcomes.iter().map(|(_, outcome)| outcome.lives).sum();
    let jobs: usize = outcomes.iter().map(|(_, outcome)| outcome.jobs).sum();
    let faults: u64 = outcomes.iter().flat_map(|(_, outcome)| outcome.faults.values()).sum();
    let slowest = outcomes.iter().map(|(_, outcome)| outcome.converged).max();
    format!(
        "{} worlds, {simulated:?} simulated, {calls} calls, {jobs} jobs, {lives} lives, {faults} faults, slowest calm {slowest:?}",
        outcomes.len()
    )
}

#[test]
fn a_seed_tells_one_story() {
    for seed in (0..WORLDS).step_by(20) {
        let world = World::draw(seed, Size::SMALL, KNOBS);
        let [first, second] = [run(&world), run(&world)];
        let differs = first.story.iter().zip(&second.story).position(|(one, other)| one != other);
        let line = differs.map(|at| (&first.story[at], &second.story[at]));
        assert_eq!(first.digest, second.digest, "seed {seed} tells two stories; they part here: {line:?}");
    }
}
