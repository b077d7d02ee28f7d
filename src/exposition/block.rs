//! The writer: collects what changed, and renders pages.

use super::blocks::{Blocks, Work};
use super::campaign_families::CAMPAIGN_FAMILIES;
use super::deflate::Deflater;
use super::exporter_families::ExporterView;
use super::format::Format;
use super::job_families::JOB_FAMILIES;
use super::page::Page;
use super::segment::SegmentList;
use super::totals::Totals;
use super::zero_first::Moment;
use crate::model::{BotMetrics, Campaign, CampaignKey, Job, JobSlot, JobState, Timestamp};

/// Text that one publication compresses at [`super::deflate::Effort::Fine`], about 25 ms of work. The rest is compressed
/// at [`super::deflate::Effort::Fast`] and again by later publications, so that a restart with 100,000 jobs is served
/// within a second.
const FINE_BYTES_PER_PUBLICATION: usize = 4 << 20;

/// The rendered and compressed text of all jobs and campaigns, by block and family. Owned by the task that changes them;
/// readers get a [`Page`].
///
/// It has no jobs: [`JobBlocks::publish`] looks them up. Memory: the text, its segments, and about 200 bytes per job.
pub struct JobBlocks {
    /// Gauges, which are the same in both formats.
    jobs: Blocks<JobSlot, Job>,
    campaigns: [Blocks<CampaignKey, Campaign>; Format::ALL.len()],
    totals: Totals,
    deflater: Deflater,
    fast_segments: usize,
    /// Of the last page; `None` shows every counter as it is.
    moment: Option<Moment>,
}

impl JobBlocks {
    /// A page without jobs.
    pub fn new() -> Self {
        let mut deflater = Deflater::new();
        Self {
            jobs: Blocks::new(JOB_FAMILIES, Format::Text, &mut deflater),
            campaigns: Format::ALL.map(|format| Blocks::new(CAMPAIGN_FAMILIES, format, &mut deflater)),
            totals: Totals::default(),
            deflater,
            fast_segments: 0,
            moment: None,
        }
    }

    /// As [`Self::new`], but from [`Self::counters_restored`] on a new counter series is at 0 until a scrape has taken it.
    pub fn with_zeros_first() -> Self {
        Self { moment: Some(Moment { restoring: true, ..Moment::default() }), ..Self::new() }
    }

    /// Does not compress what is rendered from now on: for simulations, which hardly ever take a compressed page.
    pub fn store_only(&mut self) {
        self.deflater.store_only();
    }

    /// The counters on the pages so far are those of an earlier run; what appears from now on is new.
    pub fn counters_restored(&mut self) {
        if let Some(moment) = &mut self.moment {
            moment.restoring = false;
        }
    }

    /// Sets the time of the next page, and the number of the latest page that a scrape has taken.
    pub fn advance(&mut self, scraped: u64, now: Timestamp) {
        if let Some(moment) = &mut self.moment {
            *moment = Moment { page: moment.page + 1, scraped, now, restoring: moment.restoring };
        }
    }

    /// Marks the job of a slot as added, changed or removed; the work is done by [`Self::publish`].
    pub fn note(&mut self, slot: JobSlot) {
        self.jobs.note(slot);
    }

    /// Marks a campaign as added, changed or removed.
    pub fn note_campaign(&mut self, key: &CampaignKey) {
        self.campaigns.iter_mut().for_each(|blocks| blocks.note(key.clone()));
    }

    /// Segments that are compressed fast: while this is not 0, another publication makes the body smaller.
    pub fn fast_segments(&self) -> usize {
        self.fast_segments
    }

    /// The number of jobs, of campaigns, and of the blocks of each; there are no more blocks than members.
    pub fn sizes(&self) -> [(&'static str, usize); 4] {
        let ((jobs, blocks), (campaigns, campaign_blocks)) = (self.jobs.sizes(), self.campaigns[0].sizes());
        [
            ("blocks.jobs", jobs),
            ("blocks.blocks", blocks),
            ("blocks.campaigns", campaigns),
            ("blocks.campaign_blocks", campaign_blocks),
        ]
    }

    /// Renders what has changed and returns the new page. `jobs` returns the job of a slot, `None` if it has no series; it
    /// is called for every job of each block with a marked job. `campaigns` does the same for campaigns.
    pub fn publish<'a>(
        &mut self,
        jobs: impl Fn(JobSlot) -> Option<&'a Job>,
        campaigns: impl Fn(&CampaignKey) -> Option<&'a Campaign>,
        bots: &[BotMetrics],
        exporter: &ExporterView,
    ) -> Page {
        let mut work =
            Work { deflater: &mut self.deflater, fine_bytes: FINE_BYTES_PER_PUBLICATION, moment: self.moment };
        self.jobs.update(|slot| jobs(*slot), |job| job.state != JobState::Polling, &mut work);
        for blocks in &mut self.campaigns {
            blocks.update(&campaigns, |campaign| campaign.totals.jobs[JobState::Polling] == 0, &mut work);
        }
        self.fast_segments = self.jobs.refine(&mut work);
        for blocks in &mut self.campaigns {
            self.fast_segments += blocks.refine(&mut work);
        }
        self.totals.render(bots, exporter, self.moment, &mut self.deflater);
        self.page()
    }

    fn page(&self) -> Page {
        let mut jobs = SegmentList::default();
        self.jobs.push_to(&mut jobs);
        let [text, openmetrics] = &self.campaigns;
        let [text_totals, openmetrics_totals] = self.totals.segments();
        let lists = [(text, text_totals), (openmetrics, openmetrics_totals)].map(|(campaigns, totals)| {
            let mut list = SegmentList::default();
            campaigns.push_to(&mut list);
            totals.iter().for_each(|segment| list.push(segment));
            list
        });
        Page::new(self.moment.map_or(0, |moment| moment.page), jobs, lists)
    }
}

impl Default for JobBlocks {
    fn default() -> Self {
        Self::new()
    }
}
