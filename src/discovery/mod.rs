//! Files and HTTP become whole sets of targets, a [`TargetUpdate`](crate::model::TargetUpdate) a source.
//!
//! A source is one entry of `file_sd_configs` or `http_sd_configs`. Each reports once at start, whatever it finds, so
//! that readiness can wait for all of [`sources`]; then whenever it has something to say. Both formats are Prometheus'
//! own (its `docs/configuration/configuration.md`, `docs/http_sd.md`): a list of `{targets: […], labels: {…}}`.
//!
//! What cannot be read leaves the last set in force. Labels that begin with `__` are left out, as Prometheus leaves them
//! out once it has relabelled.

mod error;
mod file;
mod groups;
mod http;
mod http_client;
mod run;
mod settings;
mod watch;

pub use error::DiscoveryError;
pub use run::run;
pub use settings::{FileSdSettings, HttpSdAuth, HttpSdSettings, HttpSdTls, Secret, SourceSettings, sources};

#[cfg(test)]
mod tests;
