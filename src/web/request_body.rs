//! The body of a request, within bounds of size and time.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;

/// The longest that a whole body may take to arrive. A sender is near and has its body ready; one that drips a byte now
/// and then would hold a connection for ever.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Reads it, or says why not. The size is bounded by the route's `DefaultBodyLimit`, which is `max_mib`.
pub(super) async fn read(request: Request, max_mib: usize) -> Result<Bytes, (StatusCode, String)> {
    match tokio::time::timeout(MAX_TIME, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err((error.status(), format!("the body is too large, at most {max_mib} MiB are taken; send several")))
        }
        Ok(Err(error)) => Err((error.status(), "the body was cut off; nothing was taken".to_owned())),
        Err(_) => Err((
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} s; nothing was taken", MAX_TIME.as_secs()),
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
    async fn a_body_that_drips_is_given_up() {
        let start = tokio::time::Instant::now();
        let body = Body::new(Drip(Box::pin(tokio::time::sleep(Duration::from_secs(1)))));
        let (status, message) = read(Request::new(body), 8).await.unwrap_err();
        assert_eq!((status, start.elapsed()), (StatusCode::REQUEST_TIMEOUT, MAX_TIME));
        assert_eq!(message, "the body did not arrive within 10 s; nothing was taken");
    }
}
