//! The writer: blocks of jobs, their segments, and which of them to render again.

use std::collections::{BTreeMap, BTreeSet};

use super::block_layout::{BlockId, BlockLayout};
use super::bot_families::BOT_FAMILIES;
use super::deflate::{Deflater, Effort};
use super::exporter_families::{EXPORTER_FAMILIES, ExporterView};
use super::format::Format;
use super::job_families::JOB_FAMILIES;
use super::page::Page;
use super::render::family_text;
use super::row::Row;
use super::sample::{Samples, push_header};
use super::segment::{Segment, SegmentList};
use crate::model::{BotMetrics, Job, JobSlot, JobState};

/// Text that one publication compresses at [`Effort::Fine`], about 25 ms of work. The rest is compressed at
/// [`Effort::Fast`] and again by later publications, so that a restart with 100,000 jobs is served within a second.
const FINE_BYTES_PER_PUBLICATION: usize = 4 << 20;

/// Families of bots and of the exporter share segments of about this size: small families compress badly alone.
const SHARED_SEGMENT_BYTES: usize = 16 << 10;

/// The rendered and compressed text of all jobs, by block and family. Owned by the task that changes jobs; readers get a
/// [`Page`].
///
/// It has no jobs: [`JobBlocks::publish`] looks them up. Memory: the text, its segments, and about 200 bytes per job.
pub struct JobBlocks {
    layout: BlockLayout,
    changed: BTreeSet<JobSlot>,
    blocks: BTreeMap<BlockId, Block>,
    headers: Vec<Segment>,
    totals: [Vec<Segment>; Format::ALL.len()],
    deflater: Deflater,
    fast_segments: usize,
}

/// One segment per family, in the order of [`JOB_FAMILIES`]; `None` if none of the jobs has a sample.
type Block = Vec<Option<Segment>>;

impl JobBlocks {
    /// A page without jobs.
    pub fn new() -> Self {
        let mut deflater = Deflater::new();
        let header = |row: &Row<Job>| {
            let mut text = String::new();
            push_header(&mut text, &row.family, Format::Text);
            Segment::new(&text, Effort::Fine, &mut deflater)
        };
        Self {
            headers: JOB_FAMILIES.iter().map(header).collect(),
            layout: BlockLayout::default(),
            changed: BTreeSet::new(),
            blocks: BTreeMap::new(),
            totals: Default::default(),
            deflater,
            fast_segments: 0,
        }
    }

    /// Marks the job of a slot as added, changed or removed; the work is done by [`Self::publish`].
    pub fn note(&mut self, slot: JobSlot) {
        self.changed.insert(slot);
    }

    /// Segments that are compressed at [`Effort::Fast`]: while this is not 0, another publication makes the body smaller.
    pub fn fast_segments(&self) -> usize {
        self.fast_segments
    }

    /// The number of jobs and of blocks; neither exceeds the number of jobs.
    pub fn sizes(&self) -> [(&'static str, usize); 2] {
        [("blocks.jobs", self.layout.jobs()), ("blocks.blocks", self.blocks.len())]
    }

    /// Renders what has changed and returns the new page. `jobs` returns the job of a slot, `None` if it was removed; it is
    /// called for every job of each block with a marked job.
    pub fn publish<'a>(
        &mut self,
        jobs: impl Fn(JobSlot) -> Option<&'a Job>,
        bots: &[BotMetrics],
        exporter: &ExporterView,
    ) -> Page {
        for slot in std::mem::take(&mut self.changed) {
            match jobs(slot) {
                Some(job) => self.layout.upsert(slot, job.state != JobState::Polling),
                None => self.layout.remove(slot),
            }
        }
        self.layout.pack();
        self.blocks.retain(|id, _| self.layout.holds(*id));

        let mut fine_bytes = FINE_BYTES_PER_PUBLICATION;
        for id in self.layout.take_touched() {
            self.render_block(id, &jobs, &mut fine_bytes);
        }
        self.refine(fine_bytes);
        for format in Format::ALL {
            self.render_totals(format, bots, exporter);
        }
        self.page()
    }

    fn render_block<'a>(&mut self, id: BlockId, jobs: impl Fn(JobSlot) -> Option<&'a Job>, fine_bytes: &mut usize) {
        let members: Vec<&Job> = self.layout.slots(id).iter().filter_map(|slot| jobs(*slot)).collect();
        let block = self.blocks.entry(id).or_insert_with(|| JOB_FAMILIES.iter().map(|_| None).collect());
        let mut text = String::new();
        for (row, segment) in JOB_FAMILIES.iter().zip(block) {
            text.clear();
            // The families of jobs are gauges, which are the same in both formats.
            let mut samples = Samples::new(&mut text, &row.family, Format::Text);
            members.iter().for_each(|job| (row.write)(job, &mut samples));
            renew(segment, &text, fine_bytes, &mut self.deflater);
        }
    }

    fn refine(&mut self, mut fine_bytes: usize) {
        self.fast_segments = 0;
        for segment in self.blocks.values_mut().flatten().flatten().filter(|segment| segment.is_fast()) {
            if fine_bytes == 0 {
                self.fast_segments += 1;
                continue;
            }
            fine_bytes = fine_bytes.saturating_sub(segment.text().len());
            segment.refine(&mut self.deflater);
        }
    }

    fn render_totals(&mut self, format: Format, bots: &[BotMetrics], exporter: &ExporterView) {
        let mut texts = vec![String::new()];
        let families = BOT_FAMILIES
            .iter()
            .map(|row| family_text(row, bots.iter(), format))
            .chain(EXPORTER_FAMILIES.iter().map(|row| family_text(row, [exporter].into_iter(), format)));
        for family in families {
            match texts.last_mut().filter(|text| text.len() < SHARED_SEGMENT_BYTES) {
                Some(text) => text.push_str(&family),
                None => texts.push(family),
            }
        }
        let [text_segments, openmetrics_segments] = &mut self.totals;
        let segments = match format {
            Format::Text => text_segments,
            Format::OpenMetrics => openmetrics_segments,
        };
        let mut old = std::mem::take(segments).into_iter();
        let mut unlimited = usize::MAX;
        for text in texts {
            let mut segment = old.next();
            renew(&mut segment, &text, &mut unlimited, &mut self.deflater);
            segments.extend(segment);
        }
    }

    fn page(&self) -> Page {
        let mut jobs = SegmentList::default();
        for (index, header) in self.headers.iter().enumerate() {
            let mut segments = self.blocks.values().filter_map(|block| block.get(index)?.as_ref()).peekable();
            if segments.peek().is_some() {
                jobs.push(header);
            }
            segments.for_each(|segment| jobs.push(segment));
        }
        let totals = self.totals.each_ref().map(|segments| {
            let mut list = SegmentList::default();
            segments.iter().for_each(|segment| list.push(segment));
            list
        });
        Page::new(jobs, totals)
    }
}

impl Default for JobBlocks {
    fn default() -> Self {
        Self::new()
    }
}

/// Renews a segment if its text differs; `fine_bytes` is the text that may still be compressed at [`Effort::Fine`].
fn renew(segment: &mut Option<Segment>, text: &str, fine_bytes: &mut usize, deflater: &mut Deflater) {
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
