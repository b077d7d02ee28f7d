//! How much the polling loop holds.

use std::collections::BTreeMap;

use super::run::Poller;

impl Poller {
    /// The number of elements of each collection, by name; summed over the bots.
    pub(super) fn sizes(&self) -> BTreeMap<&'static str, usize> {
        let mut sizes = BTreeMap::from([("poller.owners", self.bots.jobs()), ("poller.in_flight", self.calls.len())]);
        let schedulers = self.bots.iter().flat_map(|(_, bot)| bot.scheduler.sizes());
        let others = self
            .store
            .sizes()
            .into_iter()
            .chain(self.probes.sizes())
            .chain(self.recalls.sizes())
            .chain(self.pages.sizes())
            .chain(self.recent_calls.sizes());
        for (name, size) in schedulers.chain(others) {
            *sizes.entry(name).or_default() += size;
        }
        sizes
    }
}
