//! What goes wrong: when a client is made, and when it asks.

use std::time::Duration;

use crate::client_tls::ClientTlsError;
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
    /// `tls_config` cannot be used.
    #[error(transparent)]
    Tls(#[from] ClientTlsError),
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
