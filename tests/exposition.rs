//! From jobs and totals to the text of `/metrics`.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "exposition/catalogue.rs"]
mod catalogue;
#[path = "exposition/differential.rs"]
mod differential;
#[path = "exposition/golden.rs"]
mod golden;
#[path = "exposition/inflaters.rs"]
mod inflaters;
#[path = "exposition/world.rs"]
mod world;
