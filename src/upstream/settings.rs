//! What a bot's client is made of.

use std::time::Duration;

use url::Url;

use crate::client_tls::ClientTls;
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
    /// TLS. Its files are read again when they change.
    pub tls: ClientTls,
    /// The proxy that calls go through; without one none is used, whatever the environment says.
    pub proxy_url: Option<Url>,
}
