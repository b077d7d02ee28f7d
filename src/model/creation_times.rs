//! When counter series began to count: `_created` of OpenMetrics.

use std::collections::BTreeMap;

use super::{Channel, Reason, Timestamp};

/// When the counters of a bot or a campaign began; a series without a time is older than this record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreationTimes {
    /// Of the counters that exist from the beginning.
    pub all: Option<Timestamp>,
    /// Of the counters of a channel.
    pub channels: BTreeMap<Channel, Timestamp>,
    /// Of the counters of a reason on a channel.
    pub failures: BTreeMap<(Channel, Reason), Timestamp>,
}

impl CreationTimes {
    /// Counters that begin now.
    pub fn new(now: Timestamp) -> Self {
        Self { all: Some(now), ..Self::default() }
    }
}
