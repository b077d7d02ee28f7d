//! What readers may look at without asking the loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::exposition::Page;
use crate::model::Timestamp;

/// The loop turns at least once a second; when it has not for so long, the process is not alive.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(60);

/// The page of the moment, readiness, and the heartbeat of the loop.
pub struct Published {
    page: ArcSwap<Page>,
    ready: AtomicBool,
    heartbeat: AtomicI64,
}

impl Published {
    pub(super) fn new(page: Page, now: Timestamp) -> Self {
        Self {
            page: ArcSwap::from_pointee(page),
            ready: AtomicBool::new(false),
            heartbeat: AtomicI64::new(now.as_millis()),
        }
    }

    /// The page that a scrape hands out; cheap, and never waits.
    pub fn page(&self) -> Arc<Page> {
        self.page.load_full()
    }

    /// Whether every source has been read once and polling is under way. Once true, it stays true.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Whether the loop turns.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now.since(Timestamp::from_millis(self.heartbeat.load(Ordering::Acquire))) < HEARTBEAT_LIMIT
    }

    pub(super) fn put(&self, page: Page) {
        self.page.store(Arc::new(page));
    }

    pub(super) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    pub(super) fn beat(&self, now: Timestamp) {
        self.heartbeat.store(now.as_millis(), Ordering::Release);
    }
}
