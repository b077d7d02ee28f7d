//! Wiring, life and death: the only room that knows all others.
//!
//! - [`main`]: which subcommand, and the exit code.
//! - [`serve()`]: the exporter: bind, start, wait, drain.
//! - [`setup()`]: a configuration becomes what the loop and discovery need.
//! - `demo`, `fake`, `render`, `token`: the subcommands.

mod demo;
mod error;
mod fake;
mod render;
mod serve;
mod setup;
mod signals;
mod token;

use std::io::Write;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command};
use crate::config::Config;

pub use error::AppError;
pub use serve::{Options, Server, serve};
pub use setup::setup;

/// Runs what the command line asks for.
pub fn main(cli: Cli) -> ExitCode {
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), AppError> {
    if cli.config_check {
        let config = load(&cli)?;
        return say(&format!("{} is good: {} bot(s)\n", cli.config_file.display(), config.bots.len()));
    }
    match &cli.command {
        Some(Command::Render { file, bot, request_id, api }) => say(&render::render(file, bot, request_id, api)?),
        Some(Command::Token { bot }) => {
            let token = token::token(&load(&cli)?, bot)?;
            say(&format!("{}\n", secrecy::ExposeSecret::expose_secret(&token)))
        }
        Some(Command::FakeUpstream { listen_address, per_minute, per_hour }) => {
            in_runtime(|shutdown| fake::run(listen_address, *per_minute, *per_hour, shutdown))
        }
        Some(Command::Demo) => in_runtime(|shutdown| demo::run(&cli, shutdown)),
        None => {
            let config = load(&cli)?;
            let options = Options::from_cli(&cli)?;
            in_runtime(|shutdown| async move { serve(options, config, shutdown).await?.wait().await })
        }
    }
}

fn load(cli: &Cli) -> Result<Config, AppError> {
    Config::load(&cli.config_file, &|name| std::env::var(name).ok()).map_err(AppError::Config)
}

/// Runs a task until it ends by itself, which after a signal it does.
fn in_runtime<F: Future<Output = Result<(), AppError>>>(
    task: impl FnOnce(CancellationToken) -> F,
) -> Result<(), AppError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(AppError::Runtime)?;
    let shutdown = CancellationToken::new();
    let result = runtime.block_on(async {
        let _watch = tokio::spawn(signals::cancel_on_signal(shutdown.clone()));
        task(shutdown).await
    });
    // A file or name lookup that hangs must not hold the process up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

/// Threads that run tasks. The loop is one task; two threads keep scrapes going while it renders.
const WORKERS: usize = 2;

/// Threads for files, passwords and streamed bodies.
const BLOCKING_THREADS: usize = 64;

/// Writes what was asked for to standard output.
fn say(text: &str) -> Result<(), AppError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has enough (`… | head`).
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(AppError::Print),
    }
}

/// Writes an error with its causes to standard error, where it is read even if the log is parsed by machines.
fn complain(error: &AppError) {
    let text = format!("koreai_exporter: {}\n", crate::model::error_chain(error));
    // Nowhere left to complain to.
    let _lost = std::io::stderr().write_all(text.as_bytes());
}
