//! `--web.config.file`: TLS, basic authentication, response headers and a rate limit, in the Prometheus
//! exporter-toolkit's own format (its `docs/web-configuration.md`), read strictly: an unknown key is an error.
//!
//! The file and the certificates that it names are read again when they change. Where the toolkit answers 500 while the
//! changed file is broken, here what was read before stays in force and the mistakes are logged. Further differences,
//! each an error that says so: TLS below 1.2, cipher suites with CBC and the curve P-521 are not spoken; clients cannot
//! be verified without a `client_ca_file`; switching TLS on or off needs a restart.

mod basic_auth;
mod client_cert;
mod decode;
mod file;
mod rate_limit;
mod settings;
mod tls;
mod web_config;

pub use decode::Mistakes;
pub use web_config::WebConfig;
pub(super) use web_config::answer;
