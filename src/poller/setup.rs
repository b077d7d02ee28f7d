//! What a configuration means for the polling loop.

use std::sync::Arc;

use crate::auth::TokenSource;
use crate::model::{JobSeries, Shard, SourceId, TargetUpdate};
use crate::upstream::Client;
use crate::{scheduler, store};

/// The part of a configuration that the polling loop needs.
pub struct Setup {
    /// Deadline, retention and limit of jobs.
    pub life: store::Settings,
    /// Which jobs have series of their own.
    pub job_series: JobSeries,
    /// The bots.
    pub bots: Vec<BotSetup>,
    /// Every source; the exporter is ready once each has been read.
    pub sources: Vec<SourceId>,
    /// The targets of the static sources.
    pub static_targets: Vec<TargetUpdate>,
    /// The shard of this instance; request IDs of other shards are ignored.
    pub shard: Shard,
}

/// The part of a bot's configuration that the polling loop needs.
pub struct BotSetup {
    /// Name, API and channels.
    pub spec: store::BotSpec,
    /// Budget and intervals.
    pub schedule: scheduler::Settings,
    /// A hash of what decides whether calls succeed: address, bot ID, API, credential, TLS and proxy settings.
    pub definition: u64,
    /// A hash of what decides which jobs the upstream knows: address, bot ID and API. It is the same in every process and version.
    pub fingerprint: u64,
    /// The HTTP client.
    pub client: Arc<Client>,
    /// The source of tokens.
    pub tokens: Arc<TokenSource>,
}
