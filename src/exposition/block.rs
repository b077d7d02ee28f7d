//! The writer's side: blocks of jobs, their segments, and what has to be made again.

use std::collections::{BTreeMap, BTreeSet};

use super::block_layout::{BlockId, BlockLayout};
use super::deflate::{Deflater, Effort};
use super::render::family_text;
use super::sample::{Samples, push_header};
use super::segment::{Segment, SegmentList};
use super::{BOT_FAMILIES, EXPORTER_FAMILIES, ExporterView, Format, JOB_FAMILIES, Page};
use crate::model::{BotMetrics, Job, JobSlot, JobState};

/// How much text one publication compresses thoroughly (about 25 ms of work). The rest is compressed in haste and done
/// again by later publications: a restart with 100,000 jobs is served within a second.
const FINE_BYTES_PER_PUBLICATION: usize = 4 << 20;

/// Families of bots and of the exporter share segments of about this size: small families would compress badly alone.
const TOTALS_PIECE_BYTES: usize = 16 << 10;

/// Keeps the text of all jobs rendered and compressed, block by block and family by family. Owned by the one task that
/// changes jobs; readers take a [`Page`].
///
/// It holds no jobs: [`JobBlocks::publish`] looks them up where they are kept. Memory: the text, its segments, and
/// about 200 bytes a job.
pub struct JobBlocks {
    placement: BlockLayout,
    changed: BTreeSet<JobSlot>,
    blocks: BTreeMap<BlockId, Block>,
    headers: Vec<Segment>,
    totals: [Vec<Segment>; Format::ALL.len()],
    deflater: Deflater,
    rough_segments: usize,
}

/// One segment a family, in the order of [`JOB_FAMILIES`]; `None` where none of the jobs has a sample.
type Block = Vec<Option<Segment>>;

impl JobBlocks {
    /// Without a job.
    pub fn new() -> Self {
        let mut deflater = Deflater::new();
        let header = |row: &super::Row<Job>| {
            let mut text = String::new();
            push_header(&mut text, &row.family, Format::Text);
            Segment::new(&text, Effort::Fine, &mut deflater)
        };
        Self {
            headers: JOB_FAMILIES.iter().map(header).collect(),
            placement: BlockLayout::default(),
            changed: BTreeSet::new(),
            blocks: BTreeMap::new(),
            totals: Default::default(),
            deflater,
            rough_segments: 0,
        }
    }

    /// Notes that the job of a slot is new, has changed or is gone; costs nothing until [`Self::publish`].
    pub fn note(&mut self, slot: JobSlot) {
        self.changed.insert(slot);
    }

    /// Pieces that were compressed in haste: while this is not 0, another publication makes the gzip body smaller.
    pub fn rough_segments(&self) -> usize {
        self.rough_segments
    }

    /// How many jobs and blocks it knows: as many as there are jobs, at most.
    pub fn sizes(&self) -> [(&'static str, usize); 2] {
        [("blocks.jobs", self.placement.jobs()), ("blocks.blocks", self.blocks.len())]
    }

    /// Renders what has changed and returns the new page. `jobs` says which job a slot has now, `None` where it is gone;
    /// it is asked about every job of each block in which a job was noted.
    pub fn publish<'a>(
        &mut self,
        jobs: impl Fn(JobSlot) -> Option<&'a Job>,
        bots: &[BotMetrics],
        exporter: &ExporterView,
    ) -> Page {
        for slot in std::mem::take(&mut self.changed) {
            match jobs(slot) {
                Some(job) => self.placement.put(slot, job.state != JobState::Polling),
                None => self.placement.take(slot),
            }
        }
        self.placement.pack();
        self.blocks.retain(|id, _| self.placement.holds(*id));

        let mut fine_bytes = FINE_BYTES_PER_PUBLICATION;
        for id in self.placement.take_touched() {
            self.render_block(id, &jobs, &mut fine_bytes);
        }
        self.refine(fine_bytes);
        for format in Format::ALL {
            self.render_totals(format, bots, exporter);
        }
        self.page()
    }

    fn render_block<'a>(&mut self, id: BlockId, jobs: impl Fn(JobSlot) -> Option<&'a Job>, fine_bytes: &mut usize) {
        let members: Vec<&Job> = self.placement.slots(id).iter().filter_map(|slot| jobs(*slot)).collect();
        let block = self.blocks.entry(id).or_insert_with(|| JOB_FAMILIES.iter().map(|_| None).collect());
        let mut text = String::new();
        for (row, segment) in JOB_FAMILIES.iter().zip(block) {
            text.clear();
            // The families of jobs are gauges, which read alike in both formats.
            let mut samples = Samples::new(&mut text, &row.family, Format::Text);
            members.iter().for_each(|job| (row.write)(job, &mut samples));
            renew(segment, &text, fine_bytes, &mut self.deflater);
        }
    }

    fn refine(&mut self, mut fine_bytes: usize) {
        self.rough_segments = 0;
        for segment in self.blocks.values_mut().flatten().flatten().filter(|segment| segment.is_rough()) {
            if fine_bytes == 0 {
                self.rough_segments += 1;
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
            match texts.last_mut().filter(|text| text.len() < TOTALS_PIECE_BYTES) {
                Some(text) => text.push_str(&family),
                None => texts.push(family),
            }
        }
        let [text_pieces, openmetrics_pieces] = &mut self.totals;
        let segments = match format {
            Format::Text => text_pieces,
            Format::OpenMetrics => openmetrics_pieces,
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
            let mut strip = SegmentList::default();
            segments.iter().for_each(|segment| strip.push(segment));
            strip
        });
        Page::new(jobs, totals)
    }
}

impl Default for JobBlocks {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes a segment again where its text differs; `fine_bytes` is what may still be compressed thoroughly.
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
