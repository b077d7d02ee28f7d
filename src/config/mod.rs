//! File and environment become values that cannot be wrong.
//!
//! [`Config::load`] names **all** mistakes of a file at once, each with file, line, column, key path, value and what would
//! be right. A value that may be a secret is never part of a message, of `Debug`, or of [`Config::redacted`]; secrets come
//! from files (only their paths are kept here) or from environment variables.
//!
//! What bounds a hostile file: its size ([`MAX_FILE_BYTES`]), the depth and the number of its nodes with aliases
//! expanded, and the number of mistakes that are listed. The YAML is decoded from the parser's events by a small decoder
//! of our own, because an accumulated list of mistakes with positions is what the usual derive cannot give.

mod auth;
mod bot;
mod decoder;
mod did_you_mean;
mod error;
mod failure_rule;
mod file;
mod global;
mod redacted;
mod redacted_url;
mod settings;
mod sources;
mod target_groups;
mod tls;
mod tree;
mod units;
mod yaml;

pub use auth::{Algorithm, Auth, ClientId, KeySource, MAX_SECRET_FILE_BYTES, SigningAuth};
pub use bot::{BotConfig, BotId, DEFAULT_CHANNELS, MAX_BOT_CHANNELS, RateLimit};
pub use error::{ConfigErrors, MAX_LISTED_MISTAKES, Mistake, Position};
pub use failure_rule::{FailureRule, MAX_EXTRA_REASONS, MAX_FAILURE_RULES, MAX_MATCH_CHARS};
pub use file::MAX_FILE_BYTES;
pub use global::Global;
pub use redacted_url::RedactedUrl;
pub use settings::{Config, MAX_BOTS, example};
pub use sources::{Authorization, BasicAuth, FileSdConfig, HttpSdConfig, StaticConfig};
pub use target_groups::MAX_TARGET_LABELS;
pub use tls::TlsConfig;
