//! What a bot's client is made of.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::model::ApiVersion;

/// What a bot's client is made of. Not `Debug`: `proxy_url` may carry a password.
#[derive(Clone)]
pub struct ClientSettings {
    /// Scheme, host, and maybe a path that every call keeps.
    pub base_url: Url,
    /// The bot's ID at the upstream, `st-…`.
    pub bot_id: String,
    /// Which status API is asked.
    pub api: ApiVersion,
    /// For the whole call, from the connection to the last byte of the body.
    pub timeout: Duration,
    /// The largest body that is read.
    pub max_body_bytes: u64,
    /// How the upstream is trusted.
    pub tls: TlsSettings,
    /// The proxy that calls go through; without one none is used, whatever the environment says.
    pub proxy_url: Option<Url>,
}

/// How the upstream is trusted, in the words of Prometheus' `tls_config`. Files are read once, when the client is made.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// A PEM file with certificates that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with our certificate and its chain; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// A PEM file with its private key.
    pub key_file: Option<PathBuf>,
    /// The name that the upstream's certificate must bear, where it is not the host of `base_url`. The connection still
    /// asks for that host.
    pub server_name: Option<String>,
    /// Takes any certificate.
    pub insecure_skip_verify: bool,
}
