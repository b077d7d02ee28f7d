//! Looks for growth: runs the release binary under a constant load, and compares its memory at the end with that after the
//! first part of the load. Each load is bounded in count and in time. Run by `scripts/soak`.
//!
//! ```console
//! $ scripts/soak                    # all loads
//! $ scripts/soak jobs               # one
//! $ scripts/soak jobs --count 20000 # less of it
//! ```
//!
//! The fake upstream runs in this process; everything listens on the loopback interface.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement may panic")]

mod exporter;
mod loads;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use exporter::Exporter;

/// How much more memory the exporter may have at the end.
const MAX_GROWTH_MIB: f64 = 10.0;

/// Lines of memory per load.
const SAMPLES: u64 = 20;

/// Loads the exporter until a count is reached, and checks that its memory does not grow.
#[derive(Parser)]
struct Arguments {
    /// The loads; all by default.
    loads: Vec<Load>,
    /// How many jobs, requests, reloads, changes or probes; a number for each load by default.
    #[arg(long)]
    count: Option<u64>,
    /// The time limit of each load, in seconds.
    #[arg(long, default_value_t = 1_800)]
    seconds: u64,
}

/// A load.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Load {
    /// Jobs of a target file that are polled to their end and replaced by others.
    Jobs,
    /// Jobs that are registered and deleted through the job API.
    Api,
    /// Reloads of the configuration, while jobs are tracked.
    Reloads,
    /// A target file that is broken, empty and whole in turn.
    Flapping,
    /// Probes of jobs that no source names.
    Probes,
}

impl Load {
    /// How much of it there is, and after how much memory is compared.
    fn counts(self) -> (u64, u64) {
        match self {
            Self::Jobs => (100_000, 5_000),
            Self::Api => (50_000, 5_000),
            Self::Reloads => (2_000, 200),
            Self::Flapping => (2_000, 200),
            Self::Probes => (20_000, 2_000),
        }
    }
}

/// Prints memory over the course of a load.
pub(crate) struct Course {
    load: Load,
    began: Instant,
    deadline: Instant,
    count: u64,
    compared_from: u64,
    next_sample: u64,
    after_first_part: Option<f64>,
}

impl Course {
    /// How much of the load there is.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// To be called as the load proceeds. `false`: the time is over.
    pub(crate) fn proceed(&mut self, done: u64, exporter: &Exporter) -> bool {
        if done >= self.next_sample || done >= self.count {
            let memory = exporter.resident_mib();
            self.next_sample = done + self.count / SAMPLES;
            let seconds = self.began.elapsed().as_secs();
            println!("{:?}: {done:>7} of {}, {seconds:>4} s, RSS {memory:.1} MiB", self.load, self.count);
        }
        if done >= self.compared_from && self.after_first_part.is_none() {
            self.after_first_part = Some(exporter.resident_mib());
        }
        Instant::now() < self.deadline
    }

    /// Whether the memory has stayed.
    fn end(self, done: u64, exporter: &Exporter) -> bool {
        let (end, start) = (exporter.resident_mib(), self.after_first_part.unwrap_or_default());
        let complete = done >= self.count;
        let ok = complete && end - start <= MAX_GROWTH_MIB;
        println!(
            "{:?}: {}: RSS {start:.1} MiB after {}, {end:.1} MiB after {done} ({:+.1}, at most +{MAX_GROWTH_MIB}){}",
            self.load,
            if ok { "ok" } else { "NOT OK" },
            self.compared_from,
            end - start,
            if complete { "" } else { "; the time was over before the end" },
        );
        ok
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let all = Load::value_variants().to_vec();
    let mut ok = true;
    for load in if arguments.loads.is_empty() { all } else { arguments.loads } {
        let (count, compared_from) = load.counts();
        let count = arguments.count.unwrap_or(count);
        let began = Instant::now();
        let mut course = Course {
            load,
            began,
            deadline: began + Duration::from_secs(arguments.seconds),
            count,
            compared_from: compared_from.min(count / 4),
            next_sample: 0,
            after_first_part: None,
        };
        let (exporter, done) = loads::run(load, &mut course).await;
        ok &= course.end(done, &exporter);
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
