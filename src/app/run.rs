//! Runs the subcommand.

use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::options::Options;
use super::output::{print, print_error};
use super::{check, config_file, demo, doctor, fake, health, manual, render, serve, signals, token};
use crate::cli::{Cli, Command, ConfigFlags};
use crate::config::Config;

/// Threads that run tasks. The polling loop is one task; two threads keep scrapes going while it renders.
const WORKERS: usize = 2;

/// The maximum number of threads for files, passwords and streamed bodies.
const BLOCKING_THREADS: usize = 64;

/// Runs the subcommand that the command line names.
pub fn main(cli: Cli) -> ExitCode {
    let format = cli.log.format;
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            print_error(&error, format);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, AppError> {
    let done = |()| ExitCode::SUCCESS;
    if cli.config_check {
        return print(&check::check(&cli)?).map(done);
    }
    match &cli.command {
        Some(Command::Render { file, bot, request_id, api }) => print(&render::render(file, bot, request_id, api)?),
        Some(Command::Token { bot, config }) => token::run(&load(config)?, bot),
        Some(Command::Doctor { bot, request_id, format, config }) => {
            let diagnosis = in_runtime(|_shutdown| doctor::run(config, bot.as_deref(), request_id.as_deref()))?;
            print(&doctor::render(&diagnosis, *format))?;
            return Ok(ExitCode::from(diagnosis.exit_code()));
        }
        Some(Command::FakeUpstream { listen_address, per_minute, per_hour }) => {
            in_runtime(|shutdown| fake::run(listen_address, *per_minute, *per_hour, shutdown))
        }
        Some(Command::Health { url, web }) => in_runtime(|_shutdown| async {
            let healthy = health::health(web, url.as_deref()).await?;
            print(&healthy)
        }),
        Some(Command::Completions { shell }) => print(&manual::completions(*shell)),
        Some(Command::ManPage) => print(&manual::man_page()?),
        Some(Command::Demo { web }) => in_runtime(|shutdown| demo::run(web, shutdown)),
        None => {
            let config = load(&cli.config)?;
            let options = Options::from_cli(&cli)?;
            in_runtime(|shutdown| async move { serve::serve(options, config, shutdown).await?.wait().await })
        }
    }
    .map(done)
}

fn load(flags: &ConfigFlags) -> Result<Config, AppError> {
    let file = config_file::locate(flags.file.as_deref())?;
    Config::load(&file, &|name| std::env::var(name).ok()).map_err(AppError::Config)
}

/// Runs a task in a runtime, and cancels the task's token on a signal.
fn in_runtime<T, F: Future<Output = Result<T, AppError>>>(
    task: impl FnOnce(CancellationToken) -> F,
) -> Result<T, AppError> {
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
