//! From listeners to connections, and the end of both.

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

/// Connections at once, over all listeners; more wait in the system's queue. A Prometheus pair, a few browsers and
/// kubelets need a dozen; file descriptors are what it saves.
pub const MAX_CONNECTIONS: usize = 512;
/// The first pause after the system refused a connection (no file descriptors, say), and the longest.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Serves `router` on every listener until `shutdown`, then stops accepting, lets answers under way finish within
/// `grace`, and closes what is left.
///
/// # Errors
/// [`WebError::ListenerEnded`] when a listener's loop ends before `shutdown`. A connection that cannot be accepted is
/// logged and ends nothing.
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
    // When this future is dropped, or a listener fails, the rest goes too.
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
        tracing::warn!(connections = connections.len(), "closing connections that did not finish in time");
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
            // Closed semaphores refuse; this one is never closed.
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
                // Answers are written whole; waiting for more to send only delays them. A socket that refuses is
                // about to fail anyway.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection takes no options");
                }
                start(stream, permit);
            }
            // The client's doing, not ours.
            Err(error) if is_clients(&error) => {}
            Err(error) => {
                if pause.is_none() {
                    tracing::error!(%error, "connections cannot be accepted, trying on");
                }
                let (first, longest) = ACCEPT_PAUSE;
                pause = Some(pause.map_or(first, |pause: Duration| (pause * 2).min(longest)));
            }
        }
    }
}

fn is_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
