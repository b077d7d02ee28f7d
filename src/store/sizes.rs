//! The sizes of the collections of the store.

use super::dirty::Dirty;
use super::store::Store;

impl Store {
    /// The number of elements of each collection, by its name: none may grow without limit.
    pub fn sizes(&self) -> Vec<(&'static str, usize)> {
        let (retired, retirements) = self.retired.sizes();
        let (campaigns, changed_campaigns) = self.campaigns.sizes();
        let unwritten = |dirty: &Dirty| dirty.jobs.len() + dirty.bots.len() + dirty.campaigns.len();
        let dirty = self.dirty.as_ref().map_or(0, unwritten);
        vec![
            ("store.entries", self.entries.len()),
            ("store.free", self.free.len()),
            ("store.index", self.index.len()),
            ("store.retired", retired),
            ("store.retirements", retirements),
            ("store.remembered", self.remembered.len()),
            ("store.recalls", self.recalls.len()),
            ("store.waiting", self.sources.waiting.len()),
            ("store.sources", self.sources.len()),
            ("store.campaigns", campaigns),
            ("store.changed_campaigns", changed_campaigns),
            ("store.expiries", self.expiries.len()),
            ("store.deadlines", self.deadlines.len()),
            ("store.orphaned", self.orphaned.len()),
            ("store.changes", self.changes.len()),
            ("store.dirty", dirty),
        ]
    }
}
