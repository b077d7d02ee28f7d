//! The assignment of jobs to blocks.
//!
//! A job that is polled is in a small *hot* block, because a block is rendered again whenever one of its jobs changes. A
//! job that has ended moves to a small *aging* block. As soon as the aging jobs fill a large *cold* block, they move into
//! it together: it compresses better and is not rendered again until its jobs expire. Jobs that do not fill a cold block
//! stay in aging blocks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;

use crate::model::JobSlot;

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

struct Members {
    tier: Tier,
    slots: Vec<JobSlot>,
}

/// All blocks, and the block of each job.
#[derive(Default)]
pub(super) struct BlockLayout {
    blocks: BTreeMap<BlockId, Members>,
    block_of: HashMap<JobSlot, BlockId>,
    next: u64,
    /// Blocks to render again; some may have been dissolved since.
    touched: BTreeSet<BlockId>,
}

impl BlockLayout {
    /// Inserts a job, or marks its block as changed. `ended`: the job is not polled any more.
    pub(super) fn upsert(&mut self, slot: JobSlot, ended: bool) {
        if let Some(id) = self.block_of.get(&slot).copied() {
            let stays = self.blocks.get(&id).is_some_and(|block| (block.tier == Tier::Hot) != ended);
            if stays {
                self.touched.insert(id);
                return;
            }
            self.remove(slot);
        }
        self.append(slot, if ended { Tier::Aging } else { Tier::Hot });
    }

    /// The number of jobs.
    pub(super) fn jobs(&self) -> usize {
        self.block_of.len()
    }

    /// Removes a job.
    pub(super) fn remove(&mut self, slot: JobSlot) {
        let Some(id) = self.block_of.remove(&slot) else { return };
        if let Some(block) = self.blocks.get_mut(&id) {
            block.slots.retain(|other| *other != slot);
            self.touched.insert(id);
        }
    }

    /// Merges blocks that have become too small, and moves aging jobs into cold blocks that they fill.
    pub(super) fn pack(&mut self) {
        self.blocks.retain(|_, block| !block.slots.is_empty());
        for tier in [Tier::Hot, Tier::Aging, Tier::Cold] {
            let is_small = |block: &Members| block.tier == tier && block.slots.len() < tier.capacity() / 2;
            if self.blocks.values().filter(|block| is_small(block)).count() > 1 {
                let slots = self.dissolve(is_small);
                self.fill(&slots, tier);
            }
        }
        let is_aging = |block: &Members| block.tier == Tier::Aging;
        let aging: usize = self.blocks.values().filter(|block| is_aging(block)).map(|block| block.slots.len()).sum();
        if aging >= COLD_JOBS {
            let slots = self.dissolve(is_aging);
            let (full, rest) = slots.split_at(slots.len() - slots.len() % COLD_JOBS);
            self.fill(full, Tier::Cold);
            self.fill(rest, Tier::Aging);
        }
    }

    /// The blocks to render again; clears the list.
    pub(super) fn take_touched(&mut self) -> Vec<BlockId> {
        mem::take(&mut self.touched).into_iter().filter(|id| self.blocks.contains_key(id)).collect()
    }

    /// The jobs of a block, in the order of their lines.
    pub(super) fn slots(&self, id: BlockId) -> &[JobSlot] {
        self.blocks.get(&id).map_or(&[], |block| &block.slots)
    }

    pub(super) fn holds(&self, id: BlockId) -> bool {
        self.blocks.contains_key(&id)
    }

    fn append(&mut self, slot: JobSlot, tier: Tier) {
        // Only the latest block of the tier is filled up; `pack` merges the others.
        let latest = self.blocks.iter().rev().find(|(_, block)| block.tier == tier);
        let open = latest.filter(|(_, block)| block.slots.len() < tier.capacity()).map(|(id, _)| *id);
        match open.and_then(|id| self.blocks.get_mut(&id).map(|block| (id, block))) {
            Some((id, block)) => {
                block.slots.push(slot);
                self.block_of.insert(slot, id);
                self.touched.insert(id);
            }
            None => self.begin(tier, vec![slot]),
        }
    }

    fn begin(&mut self, tier: Tier, slots: Vec<JobSlot>) {
        let id = BlockId(self.next);
        self.next += 1;
        for slot in &slots {
            self.block_of.insert(*slot, id);
        }
        self.blocks.insert(id, Members { tier, slots });
        self.touched.insert(id);
    }

    /// Removes some blocks; returns their jobs in order.
    fn dissolve(&mut self, dissolves: impl Fn(&Members) -> bool) -> Vec<JobSlot> {
        let mut slots = Vec::new();
        self.blocks.retain(|_, block| {
            let stays = !dissolves(block);
            if !stays {
                slots.append(&mut block.slots);
            }
            stays
        });
        slots
    }

    /// Creates blocks of a tier for jobs, in the same order.
    fn fill(&mut self, slots: &[JobSlot], tier: Tier) {
        for chunk in slots.chunks(tier.capacity()) {
            self.begin(tier, chunk.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(layout: &BlockLayout) -> Vec<(Tier, usize)> {
        layout.blocks.values().map(|block| (block.tier, block.slots.len())).collect()
    }

    fn slots(count: usize) -> impl Iterator<Item = JobSlot> {
        (0..u32::try_from(count).unwrap()).map(JobSlot::new)
    }

    #[test]
    fn an_ended_job_leaves_its_hot_block_and_many_fill_a_cold_one() {
        let mut layout = BlockLayout::default();
        slots(COLD_JOBS + HOT_JOBS).for_each(|slot| layout.upsert(slot, false));
        layout.pack();
        assert!(shape(&layout).iter().all(|(tier, jobs)| *tier == Tier::Hot && *jobs <= HOT_JOBS));

        layout.upsert(JobSlot::new(3), true);
        layout.pack();
        assert_eq!(shape(&layout).first(), Some(&(Tier::Hot, HOT_JOBS - 1)));
        assert_eq!(shape(&layout).last(), Some(&(Tier::Aging, 1)));

        slots(COLD_JOBS).for_each(|slot| layout.upsert(slot, true));
        layout.pack();
        assert_eq!(shape(&layout).last(), Some(&(Tier::Cold, COLD_JOBS)));
        let hot: usize = shape(&layout).iter().filter(|(tier, _)| *tier == Tier::Hot).map(|(_, jobs)| jobs).sum();
        assert_eq!(hot, HOT_JOBS);
    }

    #[test]
    fn jobs_that_do_not_fill_a_cold_block_stay_in_aging_blocks() {
        let mut layout = BlockLayout::default();
        slots(2 * COLD_JOBS + HOT_JOBS + 1).for_each(|slot| layout.upsert(slot, true));
        layout.pack();
        let (cold, aging) = (Tier::Cold, Tier::Aging);
        assert_eq!(shape(&layout), [(cold, COLD_JOBS), (cold, COLD_JOBS), (aging, HOT_JOBS), (aging, 1)]);
        slots(3 * COLD_JOBS).for_each(|slot| layout.upsert(slot, true));
        layout.pack();
        assert_eq!(shape(&layout), [(cold, COLD_JOBS); 3]);
    }

    #[test]
    fn a_finished_job_that_is_polled_again_becomes_hot_again() {
        let mut layout = BlockLayout::default();
        slots(COLD_JOBS).for_each(|slot| layout.upsert(slot, true));
        layout.pack();
        assert_eq!(shape(&layout), [(Tier::Cold, COLD_JOBS)]);
        layout.upsert(JobSlot::new(7), false);
        layout.pack();
        assert_eq!(shape(&layout), [(Tier::Cold, COLD_JOBS - 1), (Tier::Hot, 1)]);
    }

    #[test]
    fn a_change_touches_one_block_and_nothing_is_touched_twice() {
        let mut layout = BlockLayout::default();
        slots(HOT_JOBS * 3).for_each(|slot| layout.upsert(slot, false));
        layout.pack();
        assert_eq!(layout.take_touched().len(), 3);
        layout.upsert(JobSlot::new(0), false);
        layout.upsert(JobSlot::new(1), false);
        layout.pack();
        let touched = layout.take_touched();
        assert_eq!(touched.len(), 1);
        assert!(layout.slots(touched[0]).contains(&JobSlot::new(1)));
        assert!(layout.take_touched().is_empty());
    }

    #[test]
    fn blocks_that_have_emptied_are_merged() {
        let mut layout = BlockLayout::default();
        slots(HOT_JOBS * 10).for_each(|slot| layout.upsert(slot, false));
        slots(HOT_JOBS * 10).filter(|slot| slot.index() % 16 != 0).for_each(|slot| layout.remove(slot));
        layout.pack();
        assert_eq!(shape(&layout), [(Tier::Hot, HOT_JOBS * 10 / 16)]);
        slots(HOT_JOBS * 10).for_each(|slot| layout.remove(slot));
        layout.pack();
        assert!(shape(&layout).is_empty() && layout.block_of.is_empty());
    }
}
