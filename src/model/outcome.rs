//! What one call to the upstream came to.

/// The outcome of one call: a closed set, the label `outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// A body that was read as a report.
    Ok,
    /// 401 or 403: bad token, missing scope or wrong bot ID; upstream does not tell them apart.
    Unauthorized,
    /// 429, or a text that speaks of the rate limit on any code.
    RateLimited,
    /// 404, 410, or 400 with upstream's "Invalid request ID".
    NotFound,
    /// Another 4xx, or a redirect (never followed, for the token would travel along).
    ClientError,
    /// 5xx.
    ServerError,
    /// No complete answer within `poll_timeout`.
    Timeout,
    /// No connection, TLS failure, or a connection that broke.
    Network,
    /// 200 with a body that is no status report: HTML, empty, cut off, not JSON.
    Malformed,
    /// A body above the cap.
    TooLarge,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Unauthorized,
        Self::RateLimited,
        Self::NotFound,
        Self::ClientError,
        Self::ServerError,
        Self::Timeout,
        Self::Network,
        Self::Malformed,
        Self::TooLarge,
    ];

    /// The value of the label `outcome`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unauthorized => "unauthorized",
            Self::RateLimited => "rate_limited",
            Self::NotFound => "not_found",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
        }
    }
}
