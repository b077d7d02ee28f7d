//! What readers share with the polling loop, without locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::exposition::Page;
use crate::model::Timestamp;

/// The polling loop runs at least once a second. Without a heartbeat for this long, the process is not alive.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(60);

/// The current page, readiness, and the heartbeat of the polling loop.
pub struct Published {
    page: ArcSwap<Page>,
    ready: AtomicBool,
    last_heartbeat: AtomicI64,
    last_scraped: AtomicU64,
}

impl Published {
    pub(super) fn new(page: Page, now: Timestamp) -> Self {
        Self {
            page: ArcSwap::from_pointee(page),
            ready: AtomicBool::new(false),
            last_heartbeat: AtomicI64::new(now.as_millis()),
            last_scraped: AtomicU64::new(0),
        }
    }

    /// The page that a scrape gets; cheap, and never waits. New counter series on it may count from now on.
    pub fn scrape(&self) -> Arc<Page> {
        let page = self.page.load_full();
        self.last_scraped.fetch_max(page.number(), Ordering::AcqRel);
        page
    }

    /// The current page, for readers other than scrapes.
    pub fn page(&self) -> Arc<Page> {
        self.page.load_full()
    }

    /// The number of the latest page that a scrape has taken; 0 if there was none.
    pub(super) fn last_scraped(&self) -> u64 {
        self.last_scraped.load(Ordering::Acquire)
    }

    /// Whether every source has been read once and polling has started. Once true, it stays true.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Whether the polling loop is running.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now.since(Timestamp::from_millis(self.last_heartbeat.load(Ordering::Acquire))) < HEARTBEAT_LIMIT
    }

    pub(super) fn set_page(&self, page: Page) {
        self.page.store(Arc::new(page));
    }

    pub(super) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    pub(super) fn heartbeat(&self, now: Timestamp) {
        self.last_heartbeat.store(now.as_millis(), Ordering::Release);
    }
}
