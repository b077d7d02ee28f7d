//! The table of sources. A job is tracked while at least one source names it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{SourceId, Target, Timestamp};

/// How long a job stays after the last source dropped it: a file that is written in two steps must not lose its jobs.
pub const REMOVAL_GRACE: Duration = Duration::from_secs(5);

/// Limit of targets that wait because of `max_jobs`; further ones are dropped until the next update of their source.
pub(super) const MAX_WAITING: usize = 100_000;

/// An index into the table of sources; it never changes while the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SourceIndex(u16);

/// One source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: SourceId,
    /// Whether the last read succeeded.
    pub(super) up: bool,
    /// Since when reads fail.
    pub(super) down_since: Option<Timestamp>,
    /// Targets in its current set.
    pub(super) targets: u64,
    /// Targets of the current set that were rejected.
    pub(super) invalid: u64,
    /// Whether it is in the current configuration.
    pub(super) configured: bool,
}

/// The state of a source, for the status page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// The source.
    pub id: SourceId,
    /// Since when reads fail; `None` if the last one succeeded.
    pub down_since: Option<Timestamp>,
    /// Targets in its current set.
    pub targets: u64,
    /// Targets of the current set that were rejected.
    pub invalid: u64,
}

/// The table of sources, and the targets that wait because of `max_jobs`.
#[derive(Debug, Default)]
pub(super) struct Sources {
    table: Vec<Source>,
    /// Targets beyond `max_jobs`, oldest first.
    pub(super) waiting: VecDeque<(SourceIndex, Target)>,
}

impl Sources {
    /// The index of a source, which is added if it is new; `None` beyond 65,536 sources.
    pub(super) fn find_or_insert(&mut self, id: &SourceId) -> Option<SourceIndex> {
        if let Some(known) = self.table.iter().position(|source| source.id == *id) {
            if let Some(source) = self.table.get_mut(known) {
                source.configured = true;
            }
            return u16::try_from(known).ok().map(SourceIndex);
        }
        let index = u16::try_from(self.table.len()).ok()?;
        self.table.push(Source {
            id: id.clone(),
            up: true,
            down_since: None,
            targets: 0,
            invalid: 0,
            configured: true,
        });
        Some(SourceIndex(index))
    }

    /// The index of a configured source.
    pub(super) fn find(&self, id: &SourceId) -> Option<SourceIndex> {
        let position = self.table.iter().position(|source| source.configured && source.id == *id)?;
        u16::try_from(position).ok().map(SourceIndex)
    }

    pub(super) fn get(&self, index: SourceIndex) -> Option<&Source> {
        self.table.get(usize::from(index.0))
    }

    pub(super) fn get_mut(&mut self, index: SourceIndex) -> Option<&mut Source> {
        self.table.get_mut(usize::from(index.0))
    }

    /// The length of the table.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The configured sources.
    pub(super) fn configured(&self) -> impl Iterator<Item = &Source> {
        self.table.iter().filter(|source| source.configured)
    }

    /// Removes the sources for which `keep` is false; returns their indices.
    pub(super) fn retain(&mut self, keep: impl Fn(&SourceId) -> bool) -> Vec<SourceIndex> {
        let mut removed = Vec::new();
        for (index, source) in self.table.iter_mut().enumerate() {
            if source.configured && !keep(&source.id) {
                source.configured = false;
                source.targets = 0;
                removed.extend(u16::try_from(index).ok().map(SourceIndex));
            }
        }
        self.waiting.retain(|(index, _)| !removed.contains(index));
        removed
    }
}
