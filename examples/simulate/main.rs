//! Simulates the whole program in worlds full of trouble, as many as are asked for, and tells the story of any that breaks
//! a promise.
//!
//! ```text
//! cargo run --release --example simulate -- --seeds 1000 [--first 0] [--small] [--without restarts,disk] [--story]
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program for people at a terminal"
)]

#[path = "../../tests/simulation/world/mod.rs"]
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use world::knobs::Knobs;
use world::plan::{Size, World};
use world::run::{Outcome, run};
use world::shrink::shrink;

/// How long a failure may be made shorter.
const SHRINK_FOR: Duration = Duration::from_secs(120);

/// Most of a day.
const LARGE: Size = Size { minutes: 20 * 60, jobs: 1_000, crowds: 5 };

/// Simulates worlds.
#[derive(Parser)]
struct Options {
    /// How many worlds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Worlds as small as the test's, instead of most of a day.
    #[arg(long)]
    small: bool,
    /// Sorts of trouble that are left out, with commas between them.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Tells the story of each world.
    #[arg(long)]
    story: bool,
    /// Ends with the first failure.
    #[arg(long)]
    stop: bool,
    /// Leaves failures as long as they are.
    #[arg(long)]
    no_shrink: bool,
    /// Runs each world twice and compares the stories.
    #[arg(long)]
    twice: bool,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: u64,
}

#[derive(Default)]
struct Account {
    worlds: u64,
    simulated: Duration,
    calls: u64,
    jobs: usize,
    lives: u64,
    slowest: (Duration, u64),
    faults: BTreeMap<&'static str, u64>,
    failures: Vec<(u64, World, Outcome)>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut knobs = Knobs::ALL;
    for name in &options.without {
        if !leave_out(&mut knobs, name) {
            println!("unknown kind of trouble: {name}");
            return ExitCode::FAILURE;
        }
    }
    let size = if options.small { Size::SMALL } else { LARGE };
    let (next, account, began) = (AtomicU64::new(options.first), Mutex::new(Account::default()), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= options.first + options.seeds
                        || (options.stop && !account.lock().unwrap().failures.is_empty())
                    {
                        break;
                    }
                    one(seed, size, knobs, &options, &account);
                }
            });
        }
    });
    tell(&account.into_inner().unwrap(), began.elapsed(), &options)
}

fn one(seed: u64, size: Size, knobs: Knobs, options: &Options, account: &Mutex<Account>) {
    let world = World::draw(seed, size, knobs);
    let outcome = run(&world);
    if options.twice && run(&world).digest != outcome.digest {
        println!("seed {seed} tells two stories");
    }
    if options.story {
        outcome.story.iter().for_each(|line| println!("{line}"));
    }
    let mut account = account.lock().unwrap();
    account.worlds += 1;
    account.simulated += outcome.simulated;
    account.calls += outcome.calls;
    account.jobs += outcome.jobs;
    account.lives += outcome.lives;
    account.slowest = account.slowest.max((outcome.converged, seed));
    for (kind, count) in &outcome.faults {
        *account.faults.entry(kind).or_default() += count;
    }
    if let Some(broken) = outcome.broken.first() {
        println!("seed {seed}: {broken}");
        account.failures.push((seed, world, outcome));
    }
}

fn tell(account: &Account, took: Duration, options: &Options) -> ExitCode {
    let days = account.simulated.as_secs_f64() / 86_400.0;
    println!("worlds            {}", account.worlds);
    println!("simulated days    {days:.2}, {:.2} s each", took.as_secs_f64() * options.threads as f64 / days);
    println!("calls             {}", account.calls);
    println!("jobs              {}", account.jobs);
    println!("lives             {}", account.lives);
    println!("slowest calm      {:?}, seed {}", account.slowest.0, account.slowest.1);
    for (kind, count) in &account.faults {
        println!("  {kind:<22}{count:>8}");
    }
    println!("failures          {}", account.failures.len());
    let Some((seed, world, _)) = account.failures.first() else { return ExitCode::SUCCESS };
    if !options.no_shrink {
        let (smaller, outcome) = shrink(world, run(world), SHRINK_FOR);
        println!("\nseed {seed}, {} of {} events are enough:", smaller.events.len(), world.events.len());
        smaller.events.iter().for_each(|event| println!("{:>10.3}  {:?}", event.at.as_secs_f64(), event.what));
        println!("\nthe end of its story:");
        let from = outcome.story.len().saturating_sub(60);
        outcome.story.iter().skip(from).for_each(|line| println!("{line}"));
    }
    ExitCode::FAILURE
}

/// Leaves one sort of trouble out; false where there is none of that name.
fn leave_out(knobs: &mut Knobs, name: &str) -> bool {
    let knob = match name {
        "gateway-404" => &mut knobs.gateway_404,
        "reorder" => &mut knobs.reorder,
        "etags" => &mut knobs.etags,
        "per-id" => &mut knobs.per_id,
        "probes" => &mut knobs.probes,
        "late" => &mut knobs.late,
        "churn" => &mut knobs.churn,
        "restarts" => &mut knobs.restarts,
        "disk" => &mut knobs.disk,
        "clock" => &mut knobs.clock,
        "upstream" => &mut knobs.upstream,
        "reloads" => &mut knobs.reloads,
        _ => return false,
    };
    *knob = false;
    true
}
