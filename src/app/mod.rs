//! Wiring: starts, runs and stops the program. The only module that knows all others.
//!
//! - [`main`]: runs the subcommand, and returns the exit code.
//! - [`serve()`]: the exporter: bind, start, wait, drain.
//! - [`setup()`]: builds the settings of the polling loop and of discovery from the configuration.
//! - `check`: `--config.check`.
//! - `demo`, `doctor`, `fake`, `render`, `token`, `health`, `manual`: the subcommands.
//! - `config_file`: which file is the configuration.

mod check;
mod config_file;
mod demo;
mod doctor;
mod error;
mod fake;
mod health;
mod manual;
mod options;
mod output;
mod render;
mod run;
mod serve;
mod setup;
mod signals;
mod token;

pub use error::AppError;
pub use options::Options;
pub use run::main;
pub use serve::{Server, serve};
pub use setup::setup;
