//! Serves one connection, from the TLS handshake to its end.

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
use super::write_timeout::IdleTimeout;

/// Timeout of a TLS handshake: a few round trips on a slow network.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a request's headers, measured from the end of the previous request. It is also the idle timeout: longer than
/// scrape intervals of a minute or two, so that Prometheus keeps its connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(130);
/// The size limit of a request's headers, and of a connection's buffer with HTTP/1.
const MAX_HEADER_BYTES: u32 = 64 * 1024;
/// Concurrent requests on one HTTP/2 connection; a scrape needs one, a browser a few.
const MAX_STREAMS: u32 = 16;

/// Serves until the client disconnects, or until `shutdown` and the end of the current request.
pub(super) async fn serve(stream: TcpStream, router: Router, config: Option<WebConfig>, shutdown: CancellationToken) {
    let stream = IdleTimeout::new(stream);
    let tls = match &config {
        Some(config) => config.tls().await,
        None => None,
    };
    let Some(tls) = tls else {
        return serve_http(stream, false, router, config, shutdown).await;
    };
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls).accept(stream));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        () = shutdown.cancelled() => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            serve_http(stream, http2, router, config, shutdown).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake timed out"),
    }
}

async fn serve_http(
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
            Ok::<_, Infallible>(toolkit::respond(config.as_ref(), router, request).await)
        }
    }));
    // As in the toolkit, HTTP/2 is supported only over TLS, where ALPN has selected the protocol.
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if http2 { builder.http2_only() } else { builder.http1_only() };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES as usize);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEADER_BYTES);
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
        tracing::debug!(%error, "connection error");
    }
}
