//! Compares the scheduler with other policies, in a deterministic simulation without sockets and with simulated time.
//!
//! Four policies poll the jobs of eight populations, each within the same budget: ours (the real
//! [`koreai_exporter::scheduler::Scheduler`]), a fixed interval (round robin, 15 s), exponential growth alone (15 s to
//! 5 min), and an oracle that knows the end of each job and polls it once, right after its end.
//!
//! ```text
//! cargo run --release --example schedule_simulation
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a developer's program, not part of the exporter"
)]

mod dice;
mod measure;
mod policy;
mod population;
mod simulate;

use measure::Figures;
use policy::Kind;
use population::Population;

fn main() {
    println!(
        "| population | policy | delay mean | delay p95 | staleness | calls/job | refused | of minute | of hour |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut goals = Vec::new();
    for population in Population::all() {
        let figures = Kind::ALL.map(|kind| simulate::run(&population, kind));
        for (kind, figures) in Kind::ALL.iter().zip(&figures) {
            println!("| {} | {} | {figures} |", population.name, kind.name());
        }
        goals.push((population.name, figures));
    }
    println!();
    println!(
        "| population | p95, of fixed interval (goal 0.25) | p95, of oracle (goal 1.5) | p95 beyond oracle | calls, of fixed (goal 1) | over budget (goal 0) |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (name, [ours, fixed, _, oracle]) in &goals {
        println!("| {name} | {} |", against(ours, fixed, oracle));
    }
}

fn against(ours: &Figures, fixed: &Figures, oracle: &Figures) -> String {
    format!(
        "{:.2} | {:.2} | {:.1} s | {:.2} | {} |",
        ours.delay_p95 / fixed.delay_p95,
        ours.delay_p95 / oracle.delay_p95,
        ours.delay_p95 - oracle.delay_p95,
        ours.calls_per_job / fixed.calls_per_job,
        if ours.minute_share > 1.0 || ours.hour_share > 1.0 { "yes" } else { "0" },
    )
    .trim_end_matches(" |")
    .to_owned()
}
