//! Which job stands in which block.
//!
//! A job that is still polled stands in a small *hot* block, for that block is rendered again whenever one of its jobs
//! changes. A job that has come to its end moves to a small *settling* block; when enough of them have settled, they
//! move on together into large *cold* blocks, which compress better and are not touched until their jobs expire.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;

use crate::model::JobSlot;

/// The most jobs of a hot or settling block. A family with one line per job then has 10 KiB of text a block: small
/// enough to be made again for one job, large enough for deflate to get going (with 64, a page of hot blocks only was
/// 7 % larger than one deflated as a whole; with 96, it is 4 %).
const HOT_JOBS: usize = 96;
/// The most jobs of a cold block: 50 KiB of text and more a family, where a longer one gains nothing.
const COLD_JOBS: usize = 512;

/// The kind of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Hot,
    Settling,
    Cold,
}

impl Tier {
    const fn capacity(self) -> usize {
        match self {
            Self::Hot | Self::Settling => HOT_JOBS,
            Self::Cold => COLD_JOBS,
        }
    }
}

/// A block's number: ascending in the order in which blocks were begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct BlockId(u64);

struct Members {
    tier: Tier,
    slots: Vec<JobSlot>,
}

/// All blocks, and where each job stands.
#[derive(Default)]
pub(super) struct BlockLayout {
    blocks: BTreeMap<BlockId, Members>,
    block_of: HashMap<JobSlot, BlockId>,
    begun: u64,
    /// Blocks to render again; some may be gone by now.
    touched: BTreeSet<BlockId>,
}

impl BlockLayout {
    /// Notes that a job is new or has changed; `settled`: it will hardly change again.
    pub(super) fn put(&mut self, slot: JobSlot, settled: bool) {
        if let Some(id) = self.block_of.get(&slot).copied() {
            let stays = self.blocks.get(&id).is_some_and(|block| (block.tier == Tier::Hot) != settled);
            if stays {
                self.touched.insert(id);
                return;
            }
            self.take(slot);
        }
        self.append(slot, if settled { Tier::Settling } else { Tier::Hot });
    }

    /// How many jobs have a place.
    pub(super) fn jobs(&self) -> usize {
        self.block_of.len()
    }

    /// Notes that a job is gone.
    pub(super) fn take(&mut self, slot: JobSlot) {
        let Some(id) = self.block_of.remove(&slot) else { return };
        if let Some(block) = self.blocks.get_mut(&id) {
            block.slots.retain(|other| *other != slot);
            self.touched.insert(id);
        }
    }

    /// Joins what has become too small, and moves what has settled into cold blocks.
    pub(super) fn pack(&mut self) {
        self.blocks.retain(|_, block| !block.slots.is_empty());
        for tier in [Tier::Hot, Tier::Settling, Tier::Cold] {
            let is_small = |block: &Members| block.tier == tier && block.slots.len() < tier.capacity() / 2;
            if self.blocks.values().filter(|block| is_small(block)).count() > 1 {
                self.repack(is_small, tier);
            }
        }
        let settling = |block: &Members| block.tier == Tier::Settling;
        let settled: usize = self.blocks.values().filter(|block| settling(block)).map(|block| block.slots.len()).sum();
        if settled >= COLD_JOBS {
            self.repack(settling, Tier::Cold);
        }
    }

    /// The blocks that are to be rendered again; clears the list. Those that are gone are left out.
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
        // The youngest block of the tier is the one that fills up; room in older ones is won back by `pack`.
        let youngest = self.blocks.iter().rev().find(|(_, block)| block.tier == tier);
        let open = youngest.filter(|(_, block)| block.slots.len() < tier.capacity()).map(|(id, _)| *id);
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
        let id = BlockId(self.begun);
        self.begun += 1;
        for slot in &slots {
            self.block_of.insert(*slot, id);
        }
        self.blocks.insert(id, Members { tier, slots });
        self.touched.insert(id);
    }

    /// Dissolves some blocks and fills new ones of a tier with their jobs, in the same order. What does not fill a cold
    /// block goes on settling.
    fn repack(&mut self, dissolves: impl Fn(&Members) -> bool, tier: Tier) {
        let mut slots = Vec::new();
        self.blocks.retain(|_, block| {
            let stays = !dissolves(block);
            if !stays {
                slots.append(&mut block.slots);
            }
            stays
        });
        for chunk in slots.chunks(tier.capacity()) {
            self.begin(tier, chunk.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(placement: &BlockLayout) -> Vec<(Tier, usize)> {
        placement.blocks.values().map(|block| (block.tier, block.slots.len())).collect()
    }

    fn slots(count: usize) -> impl Iterator<Item = JobSlot> {
        (0..u32::try_from(count).unwrap()).map(JobSlot::new)
    }

    #[test]
    fn a_settled_job_leaves_its_hot_block_and_many_move_on_into_a_cold_one() {
        let mut placement = BlockLayout::default();
        slots(COLD_JOBS + HOT_JOBS).for_each(|slot| placement.put(slot, false));
        placement.pack();
        assert!(shape(&placement).iter().all(|(tier, jobs)| *tier == Tier::Hot && *jobs <= HOT_JOBS));

        placement.put(JobSlot::new(3), true);
        placement.pack();
        assert_eq!(shape(&placement).first(), Some(&(Tier::Hot, HOT_JOBS - 1)));
        assert_eq!(shape(&placement).last(), Some(&(Tier::Settling, 1)));

        slots(COLD_JOBS).for_each(|slot| placement.put(slot, true));
        placement.pack();
        assert_eq!(shape(&placement).last(), Some(&(Tier::Cold, COLD_JOBS)));
        let hot: usize = shape(&placement).iter().filter(|(tier, _)| *tier == Tier::Hot).map(|(_, jobs)| jobs).sum();
        assert_eq!(hot, HOT_JOBS);
    }

    #[test]
    fn a_finished_job_that_is_polled_again_becomes_hot_again() {
        let mut placement = BlockLayout::default();
        slots(COLD_JOBS).for_each(|slot| placement.put(slot, true));
        placement.pack();
        assert_eq!(shape(&placement), [(Tier::Cold, COLD_JOBS)]);
        placement.put(JobSlot::new(7), false);
        placement.pack();
        assert_eq!(shape(&placement), [(Tier::Cold, COLD_JOBS - 1), (Tier::Hot, 1)]);
    }

    #[test]
    fn a_change_touches_one_block_and_nothing_is_touched_twice() {
        let mut placement = BlockLayout::default();
        slots(HOT_JOBS * 3).for_each(|slot| placement.put(slot, false));
        placement.pack();
        assert_eq!(placement.take_touched().len(), 3);
        placement.put(JobSlot::new(0), false);
        placement.put(JobSlot::new(1), false);
        placement.pack();
        let touched = placement.take_touched();
        assert_eq!(touched.len(), 1);
        assert!(placement.slots(touched[0]).contains(&JobSlot::new(1)));
        assert!(placement.take_touched().is_empty());
    }

    #[test]
    fn blocks_that_have_emptied_are_joined() {
        let mut placement = BlockLayout::default();
        slots(HOT_JOBS * 10).for_each(|slot| placement.put(slot, false));
        slots(HOT_JOBS * 10).filter(|slot| slot.index() % 16 != 0).for_each(|slot| placement.take(slot));
        placement.pack();
        assert_eq!(shape(&placement), [(Tier::Hot, HOT_JOBS * 10 / 16)]);
        slots(HOT_JOBS * 10).for_each(|slot| placement.take(slot));
        placement.pack();
        assert!(shape(&placement).is_empty() && placement.block_of.is_empty());
    }
}
