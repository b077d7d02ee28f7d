//! Which source wants what. A job is followed while at least one source wants it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{SourceId, Target};

/// How long a job outlives the last source that named it: a file that is written in two steps must not lose its jobs.
pub const REMOVAL_GRACE: Duration = Duration::from_secs(5);

/// The most targets that wait for room under `max_jobs`; beyond it they are dropped until their source names them anew.
pub(super) const MAX_WAITING: usize = 100_000;

/// A source's place in the table of sources; it never changes while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SourceIndex(u16);

/// One source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: SourceId,
    /// Whether it could be read the last time.
    pub(super) up: bool,
    /// How many targets it names.
    pub(super) targets: u64,
    /// How many of them could not be taken.
    pub(super) invalid: u64,
    /// Whether the configuration still has it.
    pub(super) configured: bool,
}

/// The table of sources and the targets that wait for room.
#[derive(Debug, Default)]
pub(super) struct Sources {
    table: Vec<Source>,
    /// Targets beyond `max_jobs`, in the order in which they came.
    pub(super) waiting: VecDeque<(SourceIndex, Target)>,
}

impl Sources {
    /// The place of a source, which is made where there is none; `None` beyond 65,536 of them.
    pub(super) fn place(&mut self, id: &SourceId) -> Option<SourceIndex> {
        if let Some(known) = self.table.iter().position(|source| source.id == *id) {
            if let Some(source) = self.table.get_mut(known) {
                source.configured = true;
            }
            return u16::try_from(known).ok().map(SourceIndex);
        }
        let index = u16::try_from(self.table.len()).ok()?;
        self.table.push(Source { id: id.clone(), up: true, targets: 0, invalid: 0, configured: true });
        Some(SourceIndex(index))
    }

    /// The place of a source that the configuration has.
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

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The sources that the configuration has.
    pub(super) fn configured(&self) -> impl Iterator<Item = &Source> {
        self.table.iter().filter(|source| source.configured)
    }

    /// Forgets those that `keep` does not want; returns their places.
    pub(super) fn retain(&mut self, keep: impl Fn(&SourceId) -> bool) -> Vec<SourceIndex> {
        let mut gone = Vec::new();
        for (index, source) in self.table.iter_mut().enumerate() {
            if source.configured && !keep(&source.id) {
                source.configured = false;
                source.targets = 0;
                gone.extend(u16::try_from(index).ok().map(SourceIndex));
            }
        }
        self.waiting.retain(|(index, _)| !gone.contains(index));
        gone
    }
}
