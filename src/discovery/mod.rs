//! Target files and HTTP responses → whole sets of targets, one [`TargetUpdate`](crate::model::TargetUpdate) per source.
//!
//! A source is one entry of `file_sd_configs` or `http_sd_configs`. Each sends one update at start, even if it fails, so
//! that readiness can wait for all [`sources`]; later updates follow changes. The formats are those of Prometheus (its
//! `docs/configuration/configuration.md` and `docs/http_sd.md`): a list of `{targets: […], labels: {…}}`.
//!
//! A source that cannot be read keeps its previous targets. Labels that begin with `__` are dropped, as Prometheus drops
//! them after relabelling.

mod error;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod groups;
mod http;
mod http_client;
mod run;
mod settings;
mod watch;

pub use error::DiscoveryError;
pub use http_client::check;
pub use run::run;
pub use settings::{FileSdSettings, HttpSdAuth, HttpSdSettings, Secret, SourceSettings, sources};

#[cfg(test)]
mod tests;
