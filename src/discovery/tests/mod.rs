//! Real files and real sockets; waits are for the next update, with a deadline.

mod files;
mod http;

use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{DiscoveryError, SourceSettings, run};
use crate::model::{BotName, TargetUpdate};
use crate::transport::Network;

/// Long enough for a loaded machine, short enough to notice a hang.
const DEADLINE: Duration = Duration::from_secs(20);

struct Discovery {
    updates: Receiver<TargetUpdate>,
    shutdown: CancellationToken,
    ended: JoinHandle<Result<(), DiscoveryError>>,
}

impl Discovery {
    fn start(settings: Vec<SourceSettings>) -> Self {
        let (sender, updates) = mpsc::channel(8);
        let shutdown = CancellationToken::new();
        let ended = tokio::spawn(run(settings, sender, shutdown.clone(), Network::shared()));
        Self { updates, shutdown, ended }
    }

    async fn next(&mut self) -> TargetUpdate {
        tokio::time::timeout(DEADLINE, self.updates.recv()).await.expect("an update in time").expect("a source")
    }

    /// Waits for an update that is `up` or not, and names these IDs (`None`: the last set stands).
    async fn until(&mut self, up: bool, ids: Option<&[&str]>) -> TargetUpdate {
        let mut last = None;
        let waited = tokio::time::timeout(DEADLINE, async {
            loop {
                let update = self.updates.recv().await.expect("a source");
                if update.up == up && shown(&update).as_deref() == ids.map(|ids| ids.join(" ")).as_deref() {
                    return update;
                }
                last = Some(update);
            }
        });
        let found = waited.await;
        found.unwrap_or_else(|_| panic!("no update with up={up} {ids:?}; the last was {last:?}"))
    }
}

fn shown(update: &TargetUpdate) -> Option<String> {
    let ids = update.targets.as_ref()?.iter().map(|target| target.id.to_string());
    Some(ids.collect::<Vec<_>>().join(" "))
}

fn bot() -> BotName {
    BotName::parse("support").unwrap()
}
