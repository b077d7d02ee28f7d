//! Parses the arguments, runs the program, and returns the exit code.

use std::process::ExitCode;

use clap::Parser;
use koreai_exporter::{app, cli::Cli, telemetry};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start(cli.log.level, cli.log.format);
    app::main(cli)
}
