//! Routes, authentication, TLS.
//!
//! - [`toolkit`]: `--web.config.file`, TLS and basic authentication in the Prometheus exporter-toolkit's own format.
//! - [`serve()`]: accepts connections from listeners, limits them, and drains them on shutdown.
//! - [`parse_listen_address`] parses `--web.listen-address`.
//!
//! `/-/healthy` and `/-/ready` need no password and are not rate-limited, for kubelets. TLS applies to them as to every
//! path, and so does a required client certificate.

mod campaign_api;
mod campaign_csv;
mod connection;
mod connections;
mod cross_site;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod job_api;
mod job_request;
mod listen;
mod metrics;
mod pages;
mod paths;
mod probe;
mod process;
mod registration_response;
mod reply;
mod request_body;
mod routes;
mod serve;
mod shard_owner;
mod state;
pub mod toolkit;
mod write_timeout;

pub use connections::MAX_CONNECTIONS;
pub use error::WebError;
pub use listen::{ListenAddress, parse_listen_address};
pub use paths::check_paths;
pub use routes::router;
pub use serve::serve;
pub use state::{AppState, ReloadRequest, Reloads, Shown};
pub use toolkit::WebConfig;

#[cfg(test)]
mod tests;
