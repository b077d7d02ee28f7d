//! TLS settings of outgoing connections, and the rustls configuration that they give.
//!
//! The one definition of Prometheus' `tls_config`, for calls to the upstream and for HTTP discovery.

mod rustls_config;
mod settings;

pub use rustls_config::{ClientTlsError, without_trust};
pub use settings::{ClientIdentity, ClientTls, MAX_PEM_BYTES};
