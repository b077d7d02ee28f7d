//! Serves one connection, from the TLS handshake to its end.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::connections::{Activity, TrackedBody};
use super::toolkit::{self, WebConfig};
use super::write_timeout::IdleTimeout;

/// Timeout of a TLS handshake: a few round trips on a slow network.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of the headers of the first request, measured from the start of the connection or the end of its TLS handshake:
/// clients connect because they have a request.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of the headers of a later request, measured from the end of the previous one. It is also the idle timeout: longer
/// than scrape intervals of a minute or two, so that Prometheus keeps its connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(130);
/// The size limit of a request's headers, and of a connection's buffer with HTTP/1.
const MAX_HEADER_BYTES: u32 = 64 * 1024;
/// Concurrent requests on one HTTP/2 connection; a scrape needs one, a browser a few.
const MAX_STREAMS: u32 = 16;

/// What the listener of a connection is bound to; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoundTo {
    /// A loopback address: every client is on this machine, or a browser that resolves a foreign name to it.
    Loopback,
    /// Any other address.
    Network,
}

/// Serves until the client disconnects, or until `shutdown` and the end of the current request.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    config: Option<WebConfig>,
    shutdown: CancellationToken,
    activity: Activity,
    bound_to: BoundTo,
) {
    let tls = match &config {
        Some(config) => config.tls().await,
        None => None,
    };
    let Some(tls) = tls else {
        let stream = IdleTimeout::new(stream);
        return serve_http(stream, false, Routes { router, config, activity, bound_to }, shutdown).await;
    };
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, accept_tls(stream, TlsAcceptor::from(tls)));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        () = shutdown.cancelled() => return,
    };
    match accepted {
        Ok(Ok(Accepted::Tls(stream))) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            serve_http(stream, http2, Routes { router, config, activity, bound_to }, shutdown).await;
        }
        Ok(Ok(Accepted::PlainHttp(stream))) => {
            tracing::debug!("received plain HTTP on an HTTPS port");
            let router = Router::new().fallback(https_required);
            serve_http(stream, false, Routes { router, config: None, activity, bound_to }, shutdown).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake timed out"),
    }
}

enum Accepted {
    Tls(Box<TlsStream<IdleTimeout<TcpStream>>>),
    PlainHttp(IdleTimeout<TcpStream>),
}

/// A TLS record starts with a byte below 32 or above 127, an HTTP request with a letter.
async fn accept_tls(stream: TcpStream, acceptor: TlsAcceptor) -> io::Result<Accepted> {
    let mut first = [0_u8; 1];
    let length = stream.peek(&mut first).await?;
    let stream = IdleTimeout::new(stream);
    if length == 1 && first.iter().all(u8::is_ascii_alphabetic) {
        return Ok(Accepted::PlainHttp(stream));
    }
    Ok(Accepted::Tls(Box::new(acceptor.accept(stream).await?)))
}

async fn https_required() -> impl IntoResponse {
    let headers = [(header::CONNECTION, "close"), (header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::BAD_REQUEST, headers, "this port speaks HTTPS, not HTTP; use a URL that starts with https://\n")
}

/// What requests are answered with, and where their progress is recorded.
#[derive(Clone)]
struct Routes {
    router: Router,
    config: Option<WebConfig>,
    activity: Activity,
    bound_to: BoundTo,
}

impl Routes {
    async fn respond(self, mut request: Request<hyper::body::Incoming>) -> Response<TrackedBody> {
        self.activity.headers_received();
        request.extensions_mut().insert(self.bound_to);
        // A request with a body is complete when it has been read, at the latest when it has been answered.
        let in_flight = request.body().is_end_stream().then(|| self.activity.request_received());
        let response = toolkit::respond(self.config.as_ref(), self.router, request.map(Body::new)).await;
        let in_flight = in_flight.unwrap_or_else(|| self.activity.request_received());
        response.map(|body| TrackedBody { body, _in_flight: in_flight })
    }
}

async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http2: bool,
    routes: Routes,
    shutdown: CancellationToken,
) {
    let activity = routes.activity.clone();
    let service = hyper_util::service::TowerToHyperService::new(tower::service_fn(move |request| {
        let routes = routes.clone();
        async move { Ok::<_, Infallible>(routes.respond(request).await) }
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
    let first_request_late = async {
        if tokio::time::timeout(FIRST_REQUEST_TIMEOUT, activity.first_request()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = first_request_late => return tracing::debug!("the first request did not arrive in time"),
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection error");
    }
}
