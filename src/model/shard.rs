//! Splits request IDs between several exporters.

use super::{BotName, RequestId};

/// One of `total` shards, with an index from 0.
///
/// The shard of a job is `xxh3_64("<bot>/<request ID>", seed 0) mod total`; the formula is documented for other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    total: u32,
}

impl Shard {
    /// Limit of shards.
    pub const MAX_TOTAL: u32 = 1024;

    /// The only shard.
    pub const WHOLE: Self = Self { index: 0, total: 1 };

    /// A shard; `None` unless `index` is below `total` and `total` is 1 to [`Self::MAX_TOTAL`].
    pub fn new(index: u32, total: u32) -> Option<Self> {
        (index < total && total <= Self::MAX_TOTAL).then_some(Self { index, total })
    }

    /// The index of this shard.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// The number of shards.
    pub const fn total(self) -> u32 {
        self.total
    }

    /// The index of the shard of a job.
    pub fn owner(self, bot: &BotName, id: &RequestId) -> u32 {
        let hash = xxhash_rust::xxh3::xxh3_64(format!("{bot}/{id}").as_bytes());
        u32::try_from(hash % u64::from(self.total)).unwrap_or(0)
    }

    /// Whether a job belongs to this shard.
    pub fn owns(self, bot: &BotName, id: &RequestId) -> bool {
        self.total == 1 || self.owner(bot, id) == self.index
    }

    /// The share of this shard in a budget, at least 1. The first shards get the remainder, so that all shares together do
    /// not exceed the budget, unless it is smaller than the number of shards.
    pub fn share(self, budget: u32) -> u32 {
        let rest = u32::from(self.index < budget % self.total);
        (budget / self.total + rest).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_disjoint_complete_and_even() {
        let bot = BotName::parse("support").unwrap();
        let shards: Vec<Shard> = (0..3).map(|index| Shard::new(index, 3).unwrap()).collect();
        let mut sizes = [0_u32; 3];
        for number in 0..10_000 {
            let id = RequestId::parse(&format!("ds-{number:08x}-0000-4000-8000-000000000000")).unwrap();
            let owners: Vec<_> = shards.iter().filter(|shard| shard.owns(&bot, &id)).collect();
            assert_eq!(owners.len(), 1, "{id}");
            sizes[owners[0].index() as usize] += 1;
        }
        for size in sizes {
            assert!(size.abs_diff(3333) <= 166, "within 5 % of even: {sizes:?}");
        }
    }

    #[test]
    fn the_hash_is_the_documented_one() {
        let owner =
            Shard::new(0, 1024).unwrap().owner(&BotName::parse("b").unwrap(), &RequestId::parse("ds-1").unwrap());
        assert_eq!(u64::from(owner), xxhash_rust::xxh3::xxh3_64(b"b/ds-1") % 1024);
    }

    #[test]
    fn shares_add_up_to_the_budget() {
        let sum =
            |budget: u32, total: u32| (0..total).map(|i| Shard::new(i, total).unwrap().share(budget)).sum::<u32>();
        assert_eq!(sum(600, 7), 600);
        assert_eq!(sum(18_000, 3), 18_000);
    }
}
