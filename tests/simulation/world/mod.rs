//! Deterministic simulation of the whole program: one seed is one world, and every failure can be replayed from its seed.
//!
//! - [`plan`], `trouble`: what a world is, drawn from its seed. `knobs`: what is left out.
//! - `upstream`, `disk`, `time`: what the program has in place of sockets, files and clocks.
//! - `exporter`: one life of the program. `driver`, `happen`: lets the events happen.
//! - `ledger`, `page`, `promises`: what is true, and what is promised.
//! - [`run`]: a world from its beginning to its end. [`shrink`]: a failure without what it does not need.

mod calm;
mod dice;
mod disk;
mod driver;
mod exporter;
mod happen;
pub(crate) mod knobs;
mod ledger;
mod page;
pub(crate) mod plan;
mod promises;
pub(crate) mod run;
pub(crate) mod shrink;
mod story;
mod time;
mod trouble;
mod upstream;
