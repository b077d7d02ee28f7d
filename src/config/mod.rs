//! Configuration file and environment → validated values.
//!
//! [`Config::load`] reports **all** mistakes of a file at once, each with file, line, column, key path, value and what is
//! expected. Messages, `Debug` and [`Config::redacted`] never contain a secret: secrets come from files, of which only the
//! paths are kept here, or from environment variables.
//!
//! A hostile file is bounded in size ([`MAX_FILE_BYTES`]), in depth and number of nodes with aliases expanded, and in the
//! number of listed mistakes.

mod auth;
mod bot;
mod failure_rule;
mod file;
mod global;
mod redacted;
mod redacted_url;
mod settings;
mod sources;
mod target_groups;
mod tls;

pub use crate::yaml::{ConfigErrors, MAX_LISTED_MISTAKES, Mistake, Position};
pub use auth::{Algorithm, Auth, ClientId, KeySource, MAX_JTI_LIFETIME, SigningAuth};
pub use bot::{BotConfig, BotId, DEFAULT_CHANNELS, MAX_BOT_CHANNELS, RateLimit};
pub use failure_rule::{FailureRule, MAX_EXTRA_REASONS, MAX_FAILURE_RULES, MAX_MATCH_CHARS};
pub use file::{MAX_FILE_BYTES, MAX_SECRET_FILE_BYTES};
pub use global::Global;
pub use redacted_url::RedactedUrl;
pub use settings::{Config, MAX_BOTS, example};
pub use sources::{Authorization, BasicAuth, FileSdConfig, HttpSdConfig, StaticConfig};
