//! The rows of remembered jobs that are being read, and the probes that wait for one.

use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::probes::ProbeResult;
use crate::database::{ReadError, RememberedRow};
use crate::model::{JobKey, Timestamp};

/// The rows of these jobs, in their order.
pub(super) type Rows = Result<Vec<RememberedRow>, ReadError>;

/// What is read, and what waits to be read.
#[derive(Default)]
pub(super) struct Recalls {
    pub(super) in_flight: Option<Read>,
    pub(super) probes: Vec<(JobKey, oneshot::Sender<ProbeResult>)>,
    /// Set after a failure.
    pub(super) retry_at: Option<Timestamp>,
}

/// A read that has not ended.
pub(super) struct Read {
    pub(super) since: Timestamp,
    pub(super) jobs: Vec<JobKey>,
    pub(super) rows: oneshot::Receiver<Rows>,
}

impl Recalls {
    /// Ready once the rows are read; never if there is nothing to read.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Rows> {
        match &mut self.in_flight {
            Some(read) => {
                std::pin::Pin::new(&mut read.rows).poll(context).map(|rows| rows.unwrap_or(Err(ReadError::Ended)))
            }
            None => Poll::Pending,
        }
    }

    /// When a read is to be repeated.
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        self.retry_at
    }

    /// The number of probes that wait.
    pub(super) fn sizes(&self) -> [(&'static str, usize); 1] {
        [("recalls.probes", self.probes.len())]
    }
}
