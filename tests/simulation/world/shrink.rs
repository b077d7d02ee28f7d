//! A failure without what it does not need: events and jobs are taken away while the world still fails the same way.

use std::time::{Duration, Instant};

use super::plan::World;
use super::run::{Outcome, run};

/// The smallest world that was found within `at_most`, and its result.
pub(crate) fn shrink(world: &World, outcome: Outcome, at_most: Duration) -> (World, Outcome) {
    let promise = |outcome: &Outcome| outcome.broken.first().and_then(|what| what.split(':').next()).map(str::to_owned);
    let broken = promise(&outcome);
    let (mut world, mut outcome) = (world.clone(), outcome);
    let until = Instant::now() + at_most;
    let mut piece = world.events.len().div_ceil(2);
    while piece > 0 && Instant::now() < until {
        let mut from = 0;
        while from < world.events.len() && Instant::now() < until {
            let mut smaller = world.clone();
            smaller.events.drain(from..(from + piece).min(world.events.len()));
            let smaller_outcome = run(&smaller);
            if promise(&smaller_outcome) == broken {
                (world, outcome) = (smaller, smaller_outcome);
            } else {
                from += piece;
            }
        }
        piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
    }
    (world, outcome)
}
