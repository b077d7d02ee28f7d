//! What goes wrong: when a client is made, and when it asks.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::Outcome;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// `base_url` is no place to send a token to.
    #[error("base_url {0}")]
    BaseUrl(&'static str),
    /// `bot_id` cannot be a path segment.
    #[error("bot_id is empty or dots only")]
    BotId,
    /// A PEM file could not be read.
    #[error("read {} from {}", what, path.display())]
    Pem {
        /// What was looked for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate without its key, or the other way round.
    #[error("cert_file and key_file need each other")]
    HalfAPair,
    /// Certificate and key do not go together.
    #[error("use cert_file with key_file")]
    ClientCertificate(#[source] rustls::Error),
    /// There are no trusted certificates, or those of `ca_file` are none.
    #[error("load the trusted certificates of the system and ca_file")]
    TrustStore(#[source] rustls::Error),
    /// `server_name` is no host name.
    #[error("server_name {0:?} is no host name or address")]
    ServerName(String),
    /// The TLS library refused our settings.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP library refused `proxy_url`.
    #[error("use proxy_url")]
    Proxy(#[source] reqwest::Error),
    /// The HTTP library refused our settings.
    #[error("set up the HTTP client")]
    Http(#[source] reqwest::Error),
}

/// Why a call gave no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PollError {
    /// For metrics.
    pub outcome: Outcome,
    /// For people: what happened and what to look at. Nothing of the body, no secret.
    pub detail: String,
    /// How long upstream wants to be left alone; bounded to a day.
    pub retry_after: Option<Duration>,
    /// Whether the hourly limit is used up: wait for minutes.
    pub hourly: bool,
}

impl PollError {
    pub(super) fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into(), retry_after: None, hourly: false }
    }
}
