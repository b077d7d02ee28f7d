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
        /// The upstream's own envelope for an unknown request ID: 400 with "Invalid request ID", or 404 or 410.
        NotFound = "not_found",
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
        /// A 404 or 410 that is not an upstream answer about a request ID: a gateway's page, or a wrong `base_url`.
        WrongEndpoint = "wrong_endpoint",
    }
}
