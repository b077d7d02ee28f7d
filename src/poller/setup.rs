//! What a configuration comes to for the loop.

use std::sync::Arc;

use crate::auth::TokenSource;
use crate::model::{Shard, SourceId, TargetUpdate};
use crate::upstream::Client;
use crate::{scheduler, store};

/// All that the loop needs of a configuration.
pub struct Setup {
    /// The life of a job.
    pub life: store::Settings,
    /// The bots.
    pub bots: Vec<BotSetup>,
    /// Every source; readiness waits until each has been read once.
    pub sources: Vec<SourceId>,
    /// What the static sources name.
    pub static_targets: Vec<TargetUpdate>,
    /// Which request IDs are ours; those of other shards are passed over.
    pub shard: Shard,
}

/// One bot.
pub struct BotSetup {
    /// Name, API and channels.
    pub spec: store::BotSpec,
    /// Budget and intervals.
    pub pace: scheduler::Settings,
    /// Makes its calls.
    pub client: Arc<Client>,
    /// Signs its tokens.
    pub tokens: Arc<TokenSource>,
}
