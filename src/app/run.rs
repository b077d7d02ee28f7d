//! Runs the subcommand.

use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::options::Options;
use super::output::{print, print_error};
use super::{check, config_file, demo, fake, health, manual, render, serve, signals, token};
use crate::cli::{Cli, Command};
use crate::config::Config;

/// Threads that run tasks. The polling loop is one task; two threads keep scrapes going while it renders.
const WORKERS: usize = 2;

/// The maximum number of threads for files, passwords and streamed bodies.
const BLOCKING_THREADS: usize = 64;

/// Runs the subcommand that the command line names.
pub fn main(cli: Cli) -> ExitCode {
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), AppError> {
    if cli.config_check {
        return print(&check::check(&cli)?);
    }
    match &cli.command {
        Some(Command::Render { file, bot, request_id, api }) => print(&render::render(file, bot, request_id, api)?),
        Some(Command::Token { bot }) => {
            let token = token::token(&load(&cli)?, bot)?;
            print(&format!("{}\n", secrecy::ExposeSecret::expose_secret(&token)))
        }
        Some(Command::FakeUpstream { listen_address, per_minute, per_hour }) => {
            in_runtime(|shutdown| fake::run(listen_address, *per_minute, *per_hour, shutdown))
        }
        Some(Command::Health { url }) => in_runtime(|_shutdown| async {
            let healthy = health::health(&cli.web, url.as_deref()).await?;
            print(&healthy)
        }),
        Some(Command::Completions { shell }) => print(&manual::completions(*shell)),
        Some(Command::ManPage) => print(&manual::man_page()?),
        Some(Command::Demo) => in_runtime(|shutdown| demo::run(&cli, shutdown)),
        None => {
            let config = load(&cli)?;
            let options = Options::from_cli(&cli)?;
            in_runtime(|shutdown| async move { serve::serve(options, config, shutdown).await?.wait().await })
        }
    }
}

fn load(cli: &Cli) -> Result<Config, AppError> {
    let file = config_file::locate(cli.config_file.as_deref())?;
    Config::load(&file, &|name| std::env::var(name).ok()).map_err(AppError::Config)
}

/// Runs a task in a runtime, and cancels the task's token on a signal.
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
    // A file access or a name lookup that hangs must not delay the exit.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}
