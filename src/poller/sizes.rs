//! How much the loop holds.

use std::collections::BTreeMap;

use super::run::Poller;

impl Poller {
    /// How many elements each collection has, by its name; those of several bots are added up.
    pub(super) fn sizes(&self) -> BTreeMap<&'static str, usize> {
        let mut sizes = BTreeMap::from([
            ("poller.owners", self.owners.len()),
            ("poller.in_flight", self.in_flight.len()),
            ("poller.awaited", self.awaited.len()),
        ]);
        let schedulers = self.bots.values().flat_map(|bot| bot.scheduler.sizes());
        let others = self.store.sizes().into_iter().chain(self.probes.sizes()).chain(self.blocks.sizes());
        for (name, size) in schedulers.chain(others) {
            *sizes.entry(name).or_default() += size;
        }
        sizes
    }
}
