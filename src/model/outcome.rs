//! The outcome of a request to the upstream.

use super::closed_set::closed_set;

closed_set! {
    /// The outcome of one request; the label `outcome`.
    pub enum Outcome {
        /// A body that was read as a report.
        Ok = "ok",
        /// 401 or 403: invalid token, missing scope or wrong bot ID; the upstream does not distinguish them.
        Unauthorized = "unauthorized",
        /// 429, or any status code with a text about the rate limit.
        RateLimited = "rate_limited",
        /// "Invalid request ID", or 404 or 410 with another error message of the upstream: the ID is unknown.
        NotFound = "not_found",
        /// 404 or 410 without an error message of the upstream: a proxy or gateway in between, or a wrong `base_url`.
        UnexpectedNotFound = "unexpected_not_found",
        /// Another 4xx, or a redirect (never followed, because the token would be sent along).
        ClientError = "client_error",
        /// 5xx.
        ServerError = "server_error",
        /// No complete response within `poll_timeout`.
        Timeout = "timeout",
        /// No connection, TLS failure, or a broken connection.
        Network = "network",
        /// 200 with a body that is not a status report: HTML, empty, truncated, not JSON.
        Malformed = "malformed",
        /// A body above the limit.
        TooLarge = "too_large",
    }
}
