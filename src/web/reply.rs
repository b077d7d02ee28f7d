//! Plain text responses.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A response with a line of text.
pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body.into()).into_response()
}
