//! `--web.config.file`: TLS, basic authentication, response headers and a rate limit, in the Prometheus
//! exporter-toolkit's own format (its `docs/web-configuration.md`), read strictly: an unknown key is an error.
//!
//! The file and the certificates that it names are read again when they change. If the changed file is invalid, the
//! mistakes are logged and the previous configuration stays in use; the toolkit answers 500 instead. `docs/REFERENCE.md`
//! lists all differences.

mod basic_auth;
mod client_auth;
mod client_cert;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod pem;
mod rate_limit;
mod settings;
mod tls;
mod tls_names;
mod web_config;

pub use web_config::WebConfig;
pub(super) use web_config::respond;
