//! Accepts connections from listeners, and drains them on shutdown.

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, BoundTo};
use super::connections::{Connections, Slot};
use super::{WebConfig, WebError};

/// The first and the longest pause after a failed accept, for example without free file descriptors.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Serves `router` on every listener until `shutdown`, with at most [`super::MAX_CONNECTIONS`] open connections, and at
/// most `per_client` of one client address (`None` for no bound). Then it stops accepting, lets current responses finish within
/// `grace`, and closes the remaining connections.
///
/// # Errors
/// [`WebError::ListenerEnded`] if the task of a listener ends before `shutdown`. A failed accept is logged, and retried.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    web_config: Option<WebConfig>,
    per_client: Option<usize>,
    shutdown: CancellationToken,
    grace: Duration,
) -> Result<(), WebError> {
    let tasks = TaskTracker::new();
    let closing = CancellationToken::new();
    let connections = Connections::new(per_client);
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
        let (tasks, closing, stop) = (tasks.clone(), closing.clone(), stop_accepting.clone());
        let bound_to = match listener.local_addr() {
            Ok(address) if address.ip().to_canonical().is_loopback() => BoundTo::Loopback,
            _ => BoundTo::Network,
        };
        let start = move |stream: TcpStream, slot: Slot| {
            let (config, activity) = (web_config.clone(), slot.activity());
            let served = connection::serve(stream, router.clone(), config, stop.clone(), activity, bound_to);
            let closing = closing.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = served => {}
                    () = slot.closed() => {}
                    () = closing.cancelled() => {}
                }
                drop(slot);
            });
        };
        let handle = loops.spawn(accept(listener, connections.clone(), stop_accepting.clone(), start));
        addresses.push((handle.id(), address));
    }

    while let Some(ended) = loops.join_next().await {
        if let Err(source) = ended {
            let address = addresses.iter().find(|(id, _)| *id == source.id()).map(|(_, address)| address.clone());
            return Err(WebError::ListenerEnded { address: address.unwrap_or_default(), source });
        }
    }
    tasks.close();
    if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "closing connections that did not finish within the grace period");
    }
    drop(close);
    tasks.wait().await;
    Ok(())
}

async fn accept(
    listener: TcpListener,
    connections: Connections,
    stop: CancellationToken,
    start: impl Fn(TcpStream, Slot),
) {
    let mut pause = None;
    loop {
        let next = async {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            let (stream, peer) = listener.accept().await?;
            let slot = connections.admit(peer.ip()).await;
            Ok::<_, io::Error>((stream, slot))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, slot)) => {
                pause = None;
                // Responses are written as a whole, so Nagle's algorithm only delays them. A socket without the option is
                // about to fail.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                start(stream, slot);
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
