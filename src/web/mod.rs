//! Routes, authentication, TLS.
//!
//! - [`toolkit`]: `--web.config.file`, TLS and basic authentication in the Prometheus exporter-toolkit's own format.
//! - [`serve()`]: takes connections from listeners, bounds them, and drains them at the end.
//! - [`parse_listen_address`] reads `--web.listen-address`.
//!
//! `/-/healthy` and `/-/ready` need no password and are not rate-limited, so that a kubelet can ask for them; TLS, and
//! with it a client certificate where one is required, stands before them as before every path.

mod connection;
mod error;
mod job_api;
mod job_request;
mod listen;
mod metrics;
mod pages;
mod paths;
mod probe;
mod process;
mod reply;
mod request_body;
mod routes;
mod serve;
mod state;
pub mod toolkit;
mod write_timeout;

pub use error::WebError;
pub use listen::{ListenAddress, parse_listen_address};
pub use paths::check_paths;
pub use routes::router;
pub use serve::{MAX_CONNECTIONS, serve};
pub use state::{ReloadRequest, Reloads, Shown, State};
pub use toolkit::WebConfig;

#[cfg(test)]
mod tests;
