//! Blocks of jobs or campaigns: their segments, and which of them to render again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use super::block_layout::{BlockId, BlockLayout};
use super::deflate::{Deflater, Effort};
use super::family::Kind;
use super::format::Format;
use super::row::Row;
use super::sample::push_header;
use super::segment::{Segment, SegmentList};
use super::zero_first::{Moment, ZeroFirst};
use crate::model::Timestamp;

/// One segment per family; `None` if none of the members has a sample.
type Block = Vec<Option<Segment>>;

/// The rendered and compressed text of all members, by block and family, in one format.
pub(super) struct Blocks<K, S: 'static> {
    families: &'static [Row<S>],
    format: Format,
    layout: BlockLayout<K>,
    changed: BTreeSet<K>,
    blocks: BTreeMap<BlockId, Block>,
    headers: Vec<Segment>,
    /// The counter series of each member; empty if the families are gauges.
    zeros: BTreeMap<K, ZeroFirst>,
    /// Members with a series at 0, and since when.
    at_zero: BTreeMap<K, (u64, Timestamp)>,
}

/// What rendering shares with the rest of the page.
pub(super) struct Work<'a> {
    pub(super) deflater: &'a mut Deflater,
    /// Text that may still be compressed at [`Effort::Fine`].
    pub(super) fine_bytes: usize,
    /// `None` shows counters as they are.
    pub(super) moment: Option<Moment>,
}

impl<K: Clone + Ord + Hash, S> Blocks<K, S> {
    pub(super) fn new(families: &'static [Row<S>], format: Format, deflater: &mut Deflater) -> Self {
        let header = |row: &Row<S>| {
            let mut text = String::new();
            push_header(&mut text, &row.family, format);
            Segment::new(&text, Effort::Fine, deflater)
        };
        Self {
            families,
            format,
            layout: BlockLayout::default(),
            changed: BTreeSet::new(),
            blocks: BTreeMap::new(),
            headers: families.iter().map(header).collect(),
            zeros: BTreeMap::new(),
            at_zero: BTreeMap::new(),
        }
    }

    /// Marks a member as added, changed or removed.
    pub(super) fn note(&mut self, key: K) {
        self.changed.insert(key);
    }

    /// The number of members and of blocks; neither exceeds the number of members.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.layout.members(), self.blocks.len())
    }

    /// Renders what has changed. `member` returns `None` for one that was removed; `ended`: it will hardly change again.
    pub(super) fn update<'a>(
        &mut self,
        member: impl Fn(&K) -> Option<&'a S>,
        ended: impl Fn(&S) -> bool,
        work: &mut Work<'_>,
    ) {
        if let Some(moment) = work.moment {
            let over = self.at_zero.iter().filter(|(_, since)| moment.ends(**since));
            let over: Vec<K> = over.map(|(key, _)| key.clone()).collect();
            self.changed.extend(over);
        }
        for key in std::mem::take(&mut self.changed) {
            match member(&key) {
                Some(source) => self.layout.upsert(&key, ended(source)),
                None => {
                    self.layout.remove(&key);
                    self.zeros.remove(&key);
                    self.at_zero.remove(&key);
                }
            }
        }
        self.layout.pack();
        self.blocks.retain(|id, _| self.layout.holds(*id));
        for id in self.layout.take_touched() {
            self.render(id, &member, work);
        }
    }

    fn render<'a>(&mut self, id: BlockId, member: impl Fn(&K) -> Option<&'a S>, work: &mut Work<'_>) {
        let keys = self.layout.members_of(id);
        let members: Vec<(&K, &S)> = keys.iter().filter_map(|key| Some((key, member(key)?))).collect();
        let block = self.blocks.entry(id).or_insert_with(|| self.families.iter().map(|_| None).collect());
        let mut text = String::new();
        for (row, segment) in self.families.iter().zip(block) {
            text.clear();
            for (key, source) in &members {
                let zeros = work.moment.filter(|_| row.family.kind == Kind::Counter);
                let zeros = zeros.map(|moment| (self.zeros.entry((*key).clone()).or_default(), moment));
                row.write_to(source, &mut text, self.format, zeros);
            }
            renew(segment, &text, &mut work.fine_bytes, work.deflater);
        }
        for (key, _) in members {
            match self.zeros.get(key).and_then(ZeroFirst::longest) {
                Some(since) => drop(self.at_zero.insert(key.clone(), since)),
                None => drop(self.at_zero.remove(key)),
            }
        }
    }

    /// Compresses segments again that are compressed at [`Effort::Fast`]; returns how many are left.
    pub(super) fn refine(&mut self, work: &mut Work<'_>) -> usize {
        let mut left = 0;
        for segment in self.blocks.values_mut().flatten().flatten().filter(|segment| segment.is_fast()) {
            if work.fine_bytes == 0 {
                left += 1;
                continue;
            }
            work.fine_bytes = work.fine_bytes.saturating_sub(segment.text().len());
            segment.refine(work.deflater);
        }
        left
    }

    /// Appends all families.
    pub(super) fn push_to(&self, list: &mut SegmentList) {
        for (index, header) in self.headers.iter().enumerate() {
            let mut segments = self.blocks.values().filter_map(|block| block.get(index)?.as_ref()).peekable();
            if segments.peek().is_some() {
                list.push(header);
            }
            segments.for_each(|segment| list.push(segment));
        }
    }
}

/// Renews a segment if its text differs; `fine_bytes` is the text that may still be compressed at [`Effort::Fine`].
pub(super) fn renew(segment: &mut Option<Segment>, text: &str, fine_bytes: &mut usize, deflater: &mut Deflater) {
    if text.is_empty() {
        *segment = None;
        return;
    }
    if segment.as_ref().is_some_and(|segment| segment.text() == text.as_bytes()) {
        return;
    }
    let effort = if *fine_bytes == 0 { Effort::Fast } else { Effort::Fine };
    *fine_bytes = fine_bytes.saturating_sub(text.len());
    *segment = Some(Segment::new(text, effort, deflater));
}
