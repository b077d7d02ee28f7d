//! Errors of creating a client and of polling.

use std::time::Duration;

use super::refusal::Phrase;
use crate::client_tls::ClientTlsError;
use crate::model::Outcome;

/// Why a client cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// `base_url` is invalid.
    #[error("base_url {0}")]
    BaseUrl(&'static str),
    /// `bot_id` cannot be a path segment.
    #[error("invalid bot_id: empty, or only dots")]
    BotId,
    /// `tls_config` cannot be used.
    #[error(transparent)]
    Tls(#[from] ClientTlsError),
    /// The HTTP library rejected `proxy_url`.
    #[error("cannot use proxy_url")]
    Proxy(#[source] reqwest::Error),
    /// The HTTP library rejected the settings.
    #[error("cannot create the HTTP client")]
    Http(#[source] reqwest::Error),
}

/// Why a poll has no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PollError {
    /// For metrics.
    pub outcome: Outcome,
    /// For users: what happened and what to check. Contains no part of the body and no secret.
    pub detail: String,
    /// `Retry-After`, at most a day.
    pub retry_after: Option<Duration>,
    /// Whether the hourly rate limit is exceeded: pause for minutes.
    pub hourly: bool,
    /// The known phrase of a refusal.
    pub phrase: Option<Phrase>,
}

impl PollError {
    pub(super) fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into(), retry_after: None, hourly: false, phrase: None }
    }
}
