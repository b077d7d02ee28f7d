//! When pages are rendered, and when the exporter is ready.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::bots::Bots;
use super::published::Published;
use crate::exposition::{ExporterView, JobBlocks, Page, StorageView};
use crate::model::{JobSeries, JobSlot, SourceId, Timestamp};
use crate::store::Store;

/// A page is rendered at least this often, so that gauges that change with time are never older.
const MAX_PAGE_AGE: Duration = Duration::from_secs(1);

/// The least time between two pages while results arrive: a burst of results costs one page.
const MIN_PAGE_INTERVAL: Duration = Duration::from_millis(100);

/// The least time between two pages with a database: each page waits for a write.
const MIN_PERSISTED_PAGE_INTERVAL: Duration = Duration::from_millis(250);

/// Renders pages, decides when the next one is due, and publishes them.
pub(super) struct PagePublisher {
    blocks: JobBlocks,
    job_series: JobSeries,
    exporter: ExporterView,
    published: Arc<Published>,
    /// Sources that have not been read yet.
    unread_sources: HashSet<SourceId>,
    min_interval: Duration,
    max_age: Duration,
    due: Option<Timestamp>,
    rendered_at: Timestamp,
}

/// A page that has not been published yet.
pub(super) struct RenderedPage {
    page: Page,
    /// Whether every source had been read when the page was rendered.
    complete: bool,
}

impl PagePublisher {
    /// Publishes an empty page. `persisted`: whether pages wait for a database.
    pub(super) fn new(exporter: ExporterView, persisted: bool, now: Timestamp) -> Self {
        let mut blocks = JobBlocks::with_zeros_first();
        let empty = blocks.publish(|_| None, |_| None, &[], &exporter);
        Self {
            blocks,
            job_series: JobSeries::All,
            exporter,
            published: Arc::new(Published::new(empty, now)),
            unread_sources: HashSet::new(),
            min_interval: if persisted { MIN_PERSISTED_PAGE_INTERVAL } else { MIN_PAGE_INTERVAL },
            max_age: MAX_PAGE_AGE,
            due: None,
            rendered_at: now,
        }
    }

    /// Renders pages at other times than the program does, and does not compress them: at least `min_interval` apart, and at
    /// least once in `max_age`.
    pub(super) fn simulate(&mut self, min_interval: Duration, max_age: Duration) {
        (self.min_interval, self.max_age) = (min_interval, max_age);
        self.blocks.store_only();
    }

    /// A page is rendered at least this often.
    pub(super) fn max_age(&self) -> Duration {
        self.max_age
    }

    /// What readers share.
    pub(super) fn published(&self) -> Arc<Published> {
        self.published.clone()
    }

    /// Shows that the polling loop is running.
    pub(super) fn heartbeat(&self, now: Timestamp) {
        self.published.heartbeat(now);
    }

    /// Sets the sources that must be read before the exporter is ready.
    pub(super) fn await_sources(&mut self, sources: HashSet<SourceId>) {
        self.unread_sources = sources;
    }

    pub(super) fn source_was_read(&mut self, source: &SourceId) {
        self.unread_sources.remove(source);
    }

    /// The number of elements of each collection, by name.
    pub(super) fn sizes(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.blocks.sizes().into_iter().chain([("pages.unread_sources", self.unread_sources.len())])
    }

    /// Sets which jobs have series of their own.
    pub(super) fn set_job_series(&mut self, job_series: JobSeries, store: &Store) {
        if self.job_series != job_series {
            self.job_series = job_series;
            store.tracked_slots().for_each(|slot| self.blocks.note(slot));
        }
    }

    /// The counters so far are those of an earlier run; new series are shown at 0 first.
    pub(super) fn counters_restored(&mut self) {
        self.blocks.counters_restored();
    }

    /// Records a successful reload.
    pub(super) fn reload_succeeded(&mut self, now: Timestamp) {
        self.exporter.config_last_reload_successful = true;
        self.exporter.config_last_reload_success = now;
    }

    pub(super) fn reload_failed(&mut self) {
        self.exporter.config_last_reload_successful = false;
    }

    /// Renders a job anew on the next page.
    pub(super) fn mark_changed(&mut self, slot: JobSlot) {
        self.blocks.note(slot);
    }

    /// Requests a page as soon as the least interval has passed.
    pub(super) fn request(&mut self) {
        self.due.get_or_insert(self.rendered_at.plus(self.min_interval));
    }

    /// Requests a page at once.
    pub(super) fn request_now(&mut self, now: Timestamp) {
        self.due = Some(now);
    }

    /// When the requested page is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= now) || now.since(self.rendered_at) >= self.max_age
    }

    /// Renders a page of all jobs and bots.
    pub(super) fn render(
        &mut self,
        store: &mut Store,
        bots: &Bots,
        storage: Option<StorageView>,
        now: Timestamp,
    ) -> RenderedPage {
        for (name, bot) in bots.iter() {
            if let Some(gauges) = store.gauges_mut(name) {
                bot.update_gauges(gauges, now);
            }
        }
        self.exporter.dropped = store.dropped();
        self.exporter.storage = storage;
        for key in store.take_changed_campaigns() {
            self.blocks.note_campaign(&key);
        }
        let bots: Vec<_> = store.bots().cloned().collect();
        self.blocks.advance(self.published.last_scraped(), now);
        let store = &*store;
        let job = |slot| store.job(slot).filter(|job| self.job_series.shows(job));
        let page = self.blocks.publish(job, |key| store.campaign(key), &bots, &self.exporter);
        self.rendered_at = now;
        self.due = None;
        RenderedPage { page, complete: self.unread_sources.is_empty() }
    }

    /// Publishes a page. The first complete page makes the exporter ready, so that it has the jobs of every source.
    pub(super) fn publish(&self, rendered: RenderedPage, jobs: usize) {
        self.published.set_page(rendered.page);
        if rendered.complete && !self.published.is_ready() {
            tracing::info!(jobs, "ready: every source has been read once");
            self.published.set_ready();
        }
    }
}
