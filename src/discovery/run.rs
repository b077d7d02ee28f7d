//! Runs one task per source, and notices when one ends.

use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::error::DiscoveryError;
use super::settings::{SourceSettings, sources};
use super::{file, http};
use crate::model::TargetUpdate;
use crate::transport::SharedTransport;

/// Follows every source until `shutdown`, and sends its updates. HTTP requests go over `transport`.
///
/// # Errors
/// [`DiscoveryError::SourceEnded`] when a source ends before `shutdown`, because it panicked or the receiver is gone.
/// A source that cannot be read is logged and followed further.
pub async fn run(
    settings: Vec<SourceSettings>,
    sender: Sender<TargetUpdate>,
    shutdown: CancellationToken,
    transport: SharedTransport,
) -> Result<(), DiscoveryError> {
    let mut tasks = JoinSet::new();
    for (id, settings) in sources(&settings).into_iter().zip(settings) {
        let sender = sender.clone();
        match settings {
            SourceSettings::File(settings) => tasks.spawn(file::follow(id, settings, sender)),
            SourceSettings::Http(settings) => tasks.spawn(http::follow(id, *settings, sender, transport.clone())),
        };
    }
    drop(sender);
    // Without sources, wait for shutdown only.
    let ended = async {
        match tasks.join_next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // At shutdown, receiver and sources end together: that is not an early end.
        biased;
        () = shutdown.cancelled() => {}
        ended = ended => return Err(DiscoveryError::SourceEnded(ended.err())),
    }
    tasks.shutdown().await;
    Ok(())
}
