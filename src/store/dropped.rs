//! Counts what was rejected.

use enum_map::EnumMap;

use crate::model::DropReason;

/// Dropped targets, campaigns and log entries, by reason.
#[derive(Debug, Default)]
pub(super) struct Dropped(EnumMap<DropReason, u64>);

impl Dropped {
    pub(super) fn add(&mut self, reason: DropReason, count: u64) {
        self.0[reason] = self.0[reason].saturating_add(count);
    }

    pub(super) fn counts(&self) -> EnumMap<DropReason, u64> {
        self.0
    }
}
