//! Reads the rows of remembered jobs: of those that a source names again, and of those that are probed.

use tokio::sync::oneshot;

use super::handle::ProbeError;
use super::persister::{MAX_PAGE_DELAY, RETRY_INTERVAL, Replies};
use super::probes::ProbeResult;
use super::recalls::{Read, Rows};
use super::run::Poller;
use crate::model::{JobKey, Timestamp, error_chain};

/// The most rows that are read at once.
const MAX_ROWS: usize = 1_000;

/// The most probes that wait for a row; further ones are refused.
const MAX_WAITING_PROBES: usize = 256;

impl Poller {
    /// Starts reading rows that are needed, if none are being read.
    pub(super) fn start_recall(&mut self, now: Timestamp) {
        let recalls = &mut self.recalls;
        recalls.probes.retain(|(_, reply)| !reply.is_closed());
        if recalls.in_flight.is_some() || recalls.retry_at.is_some_and(|at| now < at) {
            return;
        }
        recalls.retry_at = None;
        if recalls.probes.is_empty() && !self.store.awaits_recalls() {
            return;
        }
        let mut jobs = self.store.recalls(MAX_ROWS);
        jobs.extend(recalls.probes.iter().map(|(key, _)| key.clone()));
        let rows = self.persister.read(jobs.clone());
        recalls.in_flight = rows.map(|rows| Read { since: now, jobs, rows });
    }

    /// Tracks the jobs whose rows have been read, and answers the probes.
    pub(super) fn recall_ended(&mut self, rows: Rows) {
        let now = self.clock.now();
        let Some(read) = self.recalls.in_flight.take() else { return };
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(
                    error = error_chain(&error),
                    "failed to read remembered jobs from the database; they are tracked when a read succeeds"
                );
                for (_, reply) in self.recalls.probes.drain(..) {
                    let _gone = reply.send(Err(ProbeError::NotReadable));
                }
                self.recalls.retry_at = Some(now.plus(RETRY_INTERVAL));
                return self.pages.request_now(now);
            }
        };
        for (key, row) in read.jobs.into_iter().zip(rows) {
            let row = row.and_then(|row| {
                let failed =
                    |error| tracing::error!(error = error_chain(&error), "the row of a remembered job is damaged");
                row.map_err(failed).ok()
            });
            for (_, reply) in self.recalls.probes.extract_if(.., |(probed, _)| *probed == key) {
                // The next probe calls the upstream: the job is not remembered any more.
                let _gone = reply.send(row.as_ref().map(|row| Box::new(row.job.clone())).ok_or(ProbeError::TooSoon));
            }
            self.store.recall(&key, row, now);
        }
        self.store.recount();
        self.apply_job_changes(now);
        self.pages.request_now(now);
    }

    /// Answers a probe with the row of a remembered job.
    pub(super) fn probe_remembered(&mut self, key: JobKey, reply: oneshot::Sender<ProbeResult>) {
        if self.recalls.probes.len() < MAX_WAITING_PROBES {
            self.recalls.probes.push((key, reply));
        } else {
            let _gone = reply.send(Err(ProbeError::NotReadable));
        }
    }

    /// What happens to replies about jobs: they wait for rows that are being read, but not longer than a page.
    pub(super) fn replies(&self, now: Timestamp) -> Replies {
        if !self.store.awaits_recalls() {
            return Replies::Send;
        }
        let is_late = |read: &Read| read.since.plus(MAX_PAGE_DELAY) <= now;
        let failed = self.recalls.retry_at.is_some() || self.recalls.in_flight.as_ref().is_some_and(is_late);
        if failed { Replies::Refuse } else { Replies::Hold }
    }
}
