//! One connection, from the handshake to its end.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::toolkit::{self, WebConfig};
use super::write_timeout::Guarded;

/// Time for a TLS handshake: a few round trips on a bad line.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for the head of a request, counted from the end of the one before, and so also how long a connection without
/// requests lives: a scrape interval of a minute or two keeps its connection.
const REQUEST_HEAD: Duration = Duration::from_secs(130);
/// The largest head of a request, and with HTTP/1 the buffer of a connection.
const HEAD_BYTES: u32 = 64 * 1024;
/// Requests at once on one HTTP/2 connection; a scrape needs one, a browser a few.
const MAX_STREAMS: u32 = 16;

/// Serves until the client leaves, or `shutdown` and the request under way has been answered.
pub(super) async fn serve(stream: TcpStream, router: Router, config: Option<WebConfig>, shutdown: CancellationToken) {
    let stream = Guarded::new(stream);
    let tls = match &config {
        Some(config) => config.tls().await,
        None => None,
    };
    let Some(tls) = tls else {
        return exchange(stream, false, router, config, shutdown).await;
    };
    let handshake = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(tls).accept(stream));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        () = shutdown.cancelled() => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            exchange(stream, http2, router, config, shutdown).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http2: bool,
    router: Router,
    config: Option<WebConfig>,
    shutdown: CancellationToken,
) {
    let service = hyper_util::service::TowerToHyperService::new(tower::service_fn(move |request: Request<_>| {
        let (router, config) = (router.clone(), config.clone());
        async move {
            let request = request.map(Body::new);
            Ok::<_, Infallible>(toolkit::answer(config.as_ref(), router, request).await)
        }
    }));
    // As the toolkit, HTTP/2 is spoken over TLS only; what was agreed there is not guessed at again.
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if http2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(REQUEST_HEAD).max_buf_size(HEAD_BYTES as usize);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).max_header_list_size(HEAD_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
