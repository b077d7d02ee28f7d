//! `GET /metrics`: sends the current page.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};

use super::AppState;
use crate::exposition::{self, Negotiated, negotiate};

pub(super) async fn metrics(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let negotiated = negotiated(&headers);
    let page = state.published.scrape();
    let body = page.response(negotiated.format, negotiated.encoding, &state.process.text());
    respond(&negotiated, Chunks(body))
}

pub(super) fn negotiated(headers: &HeaderMap) -> Negotiated {
    let joined = |name| {
        let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!values.is_empty()).then(|| values.join(","))
    };
    negotiate(joined(header::ACCEPT).as_deref(), joined(header::ACCEPT_ENCODING).as_deref())
}

fn respond(negotiated: &Negotiated, body: Chunks) -> Response {
    let mut response = Body::new(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(negotiated.content_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some(encoding) = negotiated.encoding.as_header() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The page's chunks as an HTTP body of known length.
struct Chunks(exposition::Body);

impl HttpBody for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.next().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        // hyper reads it before the first chunk, and sends it as Content-Length.
        SizeHint::with_exact(self.0.content_length())
    }
}
