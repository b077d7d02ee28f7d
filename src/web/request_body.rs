//! Reads a request body within limits of size and time.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;

/// Time for a whole body to arrive. A client that sends a byte now and then would hold its connection for ever.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Reads the body. The route's `DefaultBodyLimit` enforces `max_mib`, which is only repeated in the message here.
pub(super) async fn read(request: Request, max_mib: usize) -> Result<Bytes, (StatusCode, String)> {
    match tokio::time::timeout(MAX_TIME, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err((
            error.status(),
            format!("the body is too large: at most {max_mib} MiB are allowed; split it into several requests"),
        )),
        Ok(Err(error)) => Err((error.status(), "the body is incomplete; no jobs were accepted".to_owned())),
        Err(_) => Err((
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} s; no jobs were accepted", MAX_TIME.as_secs()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::Body;
    use http_body::Frame;

    use super::*;

    /// A byte a second, for ever.
    struct Drip(Pin<Box<tokio::time::Sleep>>);

    impl http_body::Body for Drip {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.0.as_mut().poll(cx));
            self.0 = Box::pin(tokio::time::sleep(Duration::from_secs(1)));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"[")))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_times_out() {
        let start = tokio::time::Instant::now();
        let body = Body::new(Drip(Box::pin(tokio::time::sleep(Duration::from_secs(1)))));
        let (status, message) = read(Request::new(body), 8).await.unwrap_err();
        assert_eq!((status, start.elapsed()), (StatusCode::REQUEST_TIMEOUT, MAX_TIME));
        assert_eq!(message, "the body did not arrive within 10 s; no jobs were accepted");
    }
}
