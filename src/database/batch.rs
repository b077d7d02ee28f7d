//! What goes into the database, and what comes out of it.

use super::{RowError, bot_row, job_row};
use crate::model::{BotName, BotTotals, JobKey, Timestamp};
use crate::store::PersistedJob;

/// One transaction. Its size is bounded by what changed: once all jobs at a start, later a few.
#[derive(Debug, Default)]
pub struct Batch {
    /// Bytes of rows; `None` deletes.
    pub(super) jobs: Vec<(JobKey, Option<Vec<u8>>)>,
    pub(super) bots: Vec<(BotName, Option<Vec<u8>>)>,
    pub(super) calls: Vec<BotCalls>,
    /// Calls before this time are of no interest any more.
    pub(super) calls_since: Timestamp,
}

/// Calls of one bot, by the second in which they started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotCalls {
    /// The bot.
    pub bot: BotName,
    /// Start of the second, and calls in it.
    pub by_second: Vec<(Timestamp, u32)>,
}

/// All that an earlier run kept.
#[derive(Debug, Default, PartialEq)]
pub struct Contents {
    /// Jobs, retired ones among them.
    pub jobs: Vec<PersistedJob>,
    /// The counters of bots; their gauges are those of [`BotTotals::new`].
    pub bots: Vec<BotTotals>,
    /// Calls.
    pub calls: Vec<BotCalls>,
}

impl Batch {
    /// A batch after which calls before `calls_since` are forgotten.
    pub fn new(calls_since: Timestamp) -> Self {
        Self { calls_since, ..Self::default() }
    }

    /// Keeps a job, or forgets it.
    ///
    /// # Errors
    /// None that is known; the encoding could refuse a value.
    pub fn job(&mut self, key: JobKey, kept: Option<&PersistedJob>) -> Result<(), RowError> {
        let row = kept.map(job_row::to_bytes).transpose()?;
        self.jobs.push((key, row));
        Ok(())
    }

    /// Keeps the counters of a bot, or forgets it with its calls.
    ///
    /// # Errors
    /// None that is known; the encoding could refuse a value.
    pub fn bot(&mut self, name: BotName, totals: Option<&BotTotals>) -> Result<(), RowError> {
        let row = totals.map(bot_row::to_bytes).transpose()?;
        self.bots.push((name, row));
        Ok(())
    }

    /// Keeps how many calls were made in these seconds, in place of what was kept of the same seconds.
    pub fn calls(&mut self, calls: BotCalls) {
        self.calls.push(calls);
    }
}
