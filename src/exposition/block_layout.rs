//! The assignment of jobs to blocks.
//!
//! A job that is polled is in a small *hot* block, because a block is rendered again whenever one of its jobs changes. A
//! job that has ended moves to a small *aging* block. As soon as the aging jobs fill a large *cold* block, they move into
//! it together: it compresses better and is not rendered again until its jobs expire. Jobs that do not fill a cold block
//! stay in aging blocks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::mem;

/// Limit of jobs in a hot or aging block. A family with one line per job then has 10 KiB of text per block: small enough
/// to render again for one job, large enough to compress well (with 64, a page of hot blocks was 7 % larger than the same
/// page compressed as a whole; with 96, it is 4 %).
const HOT_JOBS: usize = 96;
/// Limit of jobs in a cold block: at least 50 KiB of text per family; a larger block compresses no better.
const COLD_JOBS: usize = 512;

/// The kind of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Hot,
    Aging,
    Cold,
}

impl Tier {
    const fn capacity(self) -> usize {
        match self {
            Self::Hot | Self::Aging => HOT_JOBS,
            Self::Cold => COLD_JOBS,
        }
    }
}

/// The number of a block; ascending in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct BlockId(u64);

struct Members<K> {
    tier: Tier,
    keys: Vec<K>,
}

/// All blocks, and the block of each job, which is known by a `K`.
pub(super) struct BlockLayout<K> {
    blocks: BTreeMap<BlockId, Members<K>>,
    block_of: HashMap<K, BlockId>,
    next: u64,
    /// Blocks to render again; some may have been dissolved since.
    touched: BTreeSet<BlockId>,
}

impl<K> Default for BlockLayout<K> {
    fn default() -> Self {
        Self { blocks: BTreeMap::new(), block_of: HashMap::new(), next: 0, touched: BTreeSet::new() }
    }
}

impl<K: Clone + Eq + Hash> BlockLayout<K> {
    /// Inserts a job, or marks its block as changed. `ended`: the job is not polled any more.
    pub(super) fn upsert(&mut self, key: &K, ended: bool) {
        if let Some(id) = self.block_of.get(key).copied() {
            let stays = self.blocks.get(&id).is_some_and(|block| (block.tier == Tier::Hot) != ended);
            if stays {
                self.touched.insert(id);
                return;
            }
            self.remove(key);
        }
        self.append(key.clone(), if ended { Tier::Aging } else { Tier::Hot });
    }

    /// The number of jobs.
    pub(super) fn members(&self) -> usize {
        self.block_of.len()
    }

    /// Removes a job.
    pub(super) fn remove(&mut self, key: &K) {
        let Some(id) = self.block_of.remove(key) else { return };
        if let Some(block) = self.blocks.get_mut(&id) {
            block.keys.retain(|other| other != key);
            self.touched.insert(id);
        }
    }

    /// Merges blocks that have become too small, and moves aging jobs into cold blocks that they fill.
    pub(super) fn pack(&mut self) {
        self.blocks.retain(|_, block| !block.keys.is_empty());
        for tier in [Tier::Hot, Tier::Aging, Tier::Cold] {
            let is_small = |block: &Members<K>| block.tier == tier && block.keys.len() < tier.capacity() / 2;
            if self.blocks.values().filter(|block| is_small(block)).count() > 1 {
                let keys = self.dissolve(is_small);
                self.fill(&keys, tier);
            }
        }
        let is_aging = |block: &Members<K>| block.tier == Tier::Aging;
        let aging: usize = self.blocks.values().filter(|block| is_aging(block)).map(|block| block.keys.len()).sum();
        if aging >= COLD_JOBS {
            let keys = self.dissolve(is_aging);
            let (full, rest) = keys.split_at(keys.len() - keys.len() % COLD_JOBS);
            self.fill(full, Tier::Cold);
            self.fill(rest, Tier::Aging);
        }
    }

    /// The blocks to render again; clears the list.
    pub(super) fn take_touched(&mut self) -> Vec<BlockId> {
        mem::take(&mut self.touched).into_iter().filter(|id| self.blocks.contains_key(id)).collect()
    }

    /// The jobs of a block, in the order of their lines.
    pub(super) fn members_of(&self, id: BlockId) -> &[K] {
        self.blocks.get(&id).map_or(&[], |block| &block.keys)
    }

    pub(super) fn holds(&self, id: BlockId) -> bool {
        self.blocks.contains_key(&id)
    }

    fn append(&mut self, key: K, tier: Tier) {
        // Only the latest block of the tier is filled up; `pack` merges the others.
        let latest = self.blocks.iter().rev().find(|(_, block)| block.tier == tier);
        let open = latest.filter(|(_, block)| block.keys.len() < tier.capacity()).map(|(id, _)| *id);
        match open.and_then(|id| self.blocks.get_mut(&id).map(|block| (id, block))) {
            Some((id, block)) => {
                block.keys.push(key.clone());
                self.block_of.insert(key, id);
                self.touched.insert(id);
            }
            None => self.begin(tier, vec![key]),
        }
    }

    fn begin(&mut self, tier: Tier, keys: Vec<K>) {
        let id = BlockId(self.next);
        self.next += 1;
        for key in &keys {
            self.block_of.insert(key.clone(), id);
        }
        self.blocks.insert(id, Members { tier, keys });
        self.touched.insert(id);
    }

    /// Removes some blocks; returns their jobs in order.
    fn dissolve(&mut self, dissolves: impl Fn(&Members<K>) -> bool) -> Vec<K> {
        let mut keys = Vec::new();
        self.blocks.retain(|_, block| {
            let stays = !dissolves(block);
            if !stays {
                keys.append(&mut block.keys);
            }
            stays
        });
        keys
    }

    /// Creates blocks of a tier for jobs, in the same order.
    fn fill(&mut self, keys: &[K], tier: Tier) {
        for chunk in keys.chunks(tier.capacity()) {
            self.begin(tier, chunk.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobSlot;

    fn shape(layout: &BlockLayout<JobSlot>) -> Vec<(Tier, usize)> {
        layout.blocks.values().map(|block| (block.tier, block.keys.len())).collect()
    }

    fn slots(count: usize) -> impl Iterator<Item = JobSlot> {
        (0..u32::try_from(count).unwrap()).map(JobSlot::new)
    }

    #[test]
    fn an_ended_job_leaves_its_hot_block_and_many_fill_a_cold_one() {
        let mut layout = BlockLayout::default();
        slots(COLD_JOBS + HOT_JOBS).for_each(|slot| layout.upsert(&slot, false));
        layout.pack();
        assert!(shape(&layout).iter().all(|(tier, jobs)| *tier == Tier::Hot && *jobs <= HOT_JOBS));

        layout.upsert(&JobSlot::new(3), true);
        layout.pack();
        assert_eq!(shape(&layout).first(), Some(&(Tier::Hot, HOT_JOBS - 1)));
        assert_eq!(shape(&layout).last(), Some(&(Tier::Aging, 1)));

        slots(COLD_JOBS).for_each(|slot| layout.upsert(&slot, true));
        layout.pack();
        assert_eq!(shape(&layout).last(), Some(&(Tier::Cold, COLD_JOBS)));
        let hot: usize = shape(&layout).iter().filter(|(tier, _)| *tier == Tier::Hot).map(|(_, jobs)| jobs).sum();
        assert_eq!(hot, HOT_JOBS);
    }

    #[test]
    fn jobs_that_do_not_fill_a_cold_block_stay_in_aging_blocks() {
        let mut layout = BlockLayout::default();
        slots(2 * COLD_JOBS + HOT_JOBS + 1).for_each(|slot| layout.upsert(&slot, true));
        layout.pack();
        let (cold, aging) = (Tier::Cold, Tier::Aging);
        assert_eq!(shape(&layout), [(cold, COLD_JOBS), (cold, COLD_JOBS), (aging, HOT_JOBS), (aging, 1)]);
        slots(3 * COLD_JOBS).for_each(|slot| layout.upsert(&slot, true));
        layout.pack();
        assert_eq!(shape(&layout), [(cold, COLD_JOBS); 3]);
    }

    #[test]
    fn a_finished_job_that_is_polled_again_becomes_hot_again() {
        let mut layout = BlockLayout::default();
        slots(COLD_JOBS).for_each(|slot| layout.upsert(&slot, true));
        layout.pack();
        assert_eq!(shape(&layout), [(Tier::Cold, COLD_JOBS)]);
        layout.upsert(&JobSlot::new(7), false);
        layout.pack();
        assert_eq!(shape(&layout), [(Tier::Cold, COLD_JOBS - 1), (Tier::Hot, 1)]);
    }

    #[test]
    fn a_change_touches_one_block_and_nothing_is_touched_twice() {
        let mut layout = BlockLayout::default();
        slots(HOT_JOBS * 3).for_each(|slot| layout.upsert(&slot, false));
        layout.pack();
        assert_eq!(layout.take_touched().len(), 3);
        layout.upsert(&JobSlot::new(0), false);
        layout.upsert(&JobSlot::new(1), false);
        layout.pack();
        let touched = layout.take_touched();
        assert_eq!(touched.len(), 1);
        assert!(layout.members_of(touched[0]).contains(&JobSlot::new(1)));
        assert!(layout.take_touched().is_empty());
    }

    #[test]
    fn blocks_that_have_emptied_are_merged() {
        let mut layout = BlockLayout::default();
        slots(HOT_JOBS * 10).for_each(|slot| layout.upsert(&slot, false));
        slots(HOT_JOBS * 10).filter(|slot| slot.index() % 16 != 0).for_each(|slot| layout.remove(&slot));
        layout.pack();
        assert_eq!(shape(&layout), [(Tier::Hot, HOT_JOBS * 10 / 16)]);
        slots(HOT_JOBS * 10).for_each(|slot| layout.remove(&slot));
        layout.pack();
        assert!(shape(&layout).is_empty() && layout.block_of.is_empty());
    }
}
