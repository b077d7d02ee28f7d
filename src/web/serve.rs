//! Accepts connections from listeners, and drains them on shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection;
use super::{WebConfig, WebError};

/// Concurrent connections over all listeners; more wait in the system's queue. A Prometheus pair, a few browsers and
/// kubelets need a dozen. The limit saves file descriptors.
pub const MAX_CONNECTIONS: usize = 512;
/// The first and the longest pause after a failed accept, for example without free file descriptors.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Serves `router` on every listener until `shutdown`. Then it stops accepting, lets current responses finish within
/// `grace`, and closes the remaining connections.
///
/// # Errors
/// [`WebError::ListenerEnded`] if the task of a listener ends before `shutdown`. A failed accept is logged, and retried.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    web_config: Option<WebConfig>,
    shutdown: CancellationToken,
    grace: Duration,
) -> Result<(), WebError> {
    let connections = TaskTracker::new();
    let closing = CancellationToken::new();
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // If this future is dropped or a listener fails, all other tasks end too.
    let stop_accepting = shutdown.child_token();
    let _stop = stop_accepting.clone().drop_guard();
    let close = closing.clone().drop_guard();

    let mut loops = JoinSet::new();
    let mut addresses = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let address = listener.local_addr().map_or_else(|_| "an unknown address".to_owned(), |it| it.to_string());
        let tls = web_config.as_ref().is_some_and(WebConfig::serves_tls);
        tracing::info!(%address, tls, "listening");
        let (router, web_config) = (router.clone(), web_config.clone());
        let (connections, closing, stop) = (connections.clone(), closing.clone(), stop_accepting.clone());
        let start = move |stream: TcpStream, permit: OwnedSemaphorePermit| {
            let served = connection::serve(stream, router.clone(), web_config.clone(), stop.clone());
            let closing = closing.clone();
            connections.spawn(async move {
                tokio::select! {
                    () = served => {}
                    () = closing.cancelled() => {}
                }
                drop(permit);
            });
        };
        let handle = loops.spawn(accept(listener, Arc::clone(&free), stop_accepting.clone(), start));
        addresses.push((handle.id(), address));
    }

    while let Some(ended) = loops.join_next().await {
        if let Err(source) = ended {
            let address = addresses.iter().find(|(id, _)| *id == source.id()).map(|(_, address)| address.clone());
            return Err(WebError::ListenerEnded { address: address.unwrap_or_default(), source });
        }
    }
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "closing connections that did not finish within the grace period"
        );
    }
    drop(close);
    connections.wait().await;
    Ok(())
}

async fn accept(
    listener: TcpListener,
    free: Arc<Semaphore>,
    stop: CancellationToken,
    start: impl Fn(TcpStream, OwnedSemaphorePermit),
) {
    let mut pause = None;
    loop {
        let next = async {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            // The semaphore is never closed.
            let permit = Arc::clone(&free).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, _) = listener.accept().await?;
            Ok::<_, io::Error>((stream, permit))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, permit)) => {
                pause = None;
                // Responses are written as a whole, so Nagle's algorithm only delays them. A socket without the option is
                // about to fail.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                start(stream, permit);
            }
            // Caused by the client.
            Err(error) if is_client_error(&error) => {}
            Err(error) => {
                if pause.is_none() {
                    tracing::error!(%error, "failed to accept a connection; retrying");
                }
                let (first, longest) = ACCEPT_PAUSE;
                pause = Some(pause.map_or(first, |pause: Duration| (pause * 2).min(longest)));
            }
        }
    }
}

fn is_client_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
