//! The main job from outside: request IDs go in, a stand-in upstream answers, and what stands on the pages is judged.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says so when it fails")]

#[path = "exporter/check.rs"]
mod check;
#[path = "exporter/following.rs"]
mod following;
#[path = "exporter/life.rs"]
mod life;
#[path = "exporter/personal.rs"]
mod personal;
#[path = "exporter/refusals.rs"]
mod refusals;
#[path = "exporter/reloads.rs"]
mod reloads;
#[path = "exporter/serving.rs"]
mod serving;
mod support;
#[path = "exporter/tokens.rs"]
mod tokens;
