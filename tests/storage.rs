//! The program and its database, from outside: killed, restarted, on a full disk.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

#[path = "storage/full_disk.rs"]
mod full_disk;
#[path = "storage/kill.rs"]
mod kill;
#[path = "storage/restart.rs"]
mod restart;
#[path = "storage/upgrade.rs"]
mod upgrade;
#[path = "storage/world.rs"]
mod world;
