//! One job, with what only the store needs to know of it.

use crate::model::{ChannelTally, Inconsistency, Job, Timestamp, UnrecognizedKind};

use super::sources::SourceIndex;

/// A followed job and its bookkeeping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What is published.
    pub job: Job,
    /// When it was first wanted; `job_deadline` runs from here.
    pub(super) added: Timestamp,
    /// When it left the state `polling`; `retention` runs from here.
    pub(super) ended: Option<Timestamp>,
    /// When an answer last came, whatever it was.
    pub(super) last_poll: Option<Timestamp>,
    /// Polls in a row that found upstream not knowing it.
    pub(super) misses: u8,
    /// The most that was ever seen of each channel, where that is not `job.tallies` itself.
    pub(super) counted: Option<Box<[ChannelTally]>>,
    /// Kinds of inconsistency that were counted for it, a bit each: each kind once a job.
    pub(super) inconsistencies: u16,
    /// How many unknown words of each kind were counted for it.
    pub(super) unrecognized: [u32; UnrecognizedKind::ALL.len()],
    /// The sources that want it.
    pub(super) wanted_by: Vec<SourceIndex>,
    /// Since when no source wants it.
    pub(super) unwanted_since: Option<Timestamp>,
}

impl Entry {
    pub(super) fn new(job: Job, now: Timestamp) -> Self {
        Self {
            job,
            added: now,
            ended: None,
            last_poll: None,
            misses: 0,
            counted: None,
            inconsistencies: 0,
            unrecognized: [0; 4],
            wanted_by: Vec::new(),
            unwanted_since: None,
        }
    }

    /// When an answer last came, whatever it was.
    pub fn last_poll(&self) -> Option<Timestamp> {
        self.last_poll
    }

    /// The most that was ever seen of each channel.
    pub(super) fn counted(&self) -> &[ChannelTally] {
        self.counted.as_deref().unwrap_or(&self.job.tallies)
    }

    /// Whether this kind of inconsistency is new for the job; it is not, the next time.
    pub(super) fn is_new(&mut self, kind: Inconsistency) -> bool {
        let bit = 1_u16 << Inconsistency::ALL.iter().position(|known| *known == kind).unwrap_or(0);
        let new = self.inconsistencies & bit == 0;
        self.inconsistencies |= bit;
        new
    }
}
