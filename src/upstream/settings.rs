//! The settings of a bot's client.

use std::time::Duration;

use url::Url;

use crate::client_tls::ClientTls;
use crate::model::ApiVersion;

/// The settings of a bot's client. Not `Debug`: `proxy_url` may carry a password.
#[derive(Clone)]
pub struct ClientSettings {
    /// Scheme, host, and an optional path before the path of every request.
    pub base_url: Url,
    /// The bot's ID at the upstream, `st-…`.
    pub bot_id: String,
    /// The status API to poll.
    pub api: ApiVersion,
    /// Timeout of a whole poll, from the connection to the last byte of the body.
    pub timeout: Duration,
    /// Size limit of a body in bytes.
    pub max_body_bytes: u64,
    /// TLS. Its files are read again when they change.
    pub tls: ClientTls,
    /// The proxy for all requests. Proxies in environment variables are ignored.
    pub proxy_url: Option<Url>,
}
