//! How much the store holds.

use super::Store;

impl Store {
    /// How many elements each collection has, by its name: none may grow with time.
    pub fn sizes(&self) -> Vec<(&'static str, usize)> {
        let (retired, retirements) = self.retired.sizes();
        let dirty = self.dirty.as_ref().map_or(0, |dirty| dirty.jobs.len() + dirty.bots.len());
        vec![
            ("store.entries", self.entries.len()),
            ("store.free", self.free.len()),
            ("store.index", self.index.len()),
            ("store.retired", retired),
            ("store.retirements", retirements),
            ("store.waiting", self.sources.waiting.len()),
            ("store.sources", self.sources.len()),
            ("store.campaigns", self.campaigns.len()),
            ("store.expiries", self.expiries.len()),
            ("store.deadlines", self.deadlines.len()),
            ("store.orphaned", self.orphaned.len()),
            ("store.changes", self.changes.len()),
            ("store.dirty", dirty),
        ]
    }
}
