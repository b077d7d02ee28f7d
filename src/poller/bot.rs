//! One bot at run time.

use std::sync::Arc;

use super::logging::LogDedup;
use crate::auth::TokenSource;
use crate::model::{BotTotals, Outcome, Timestamp};
use crate::scheduler::Scheduler;
use crate::upstream::Client;

/// One bot: its scheduler, and what makes its calls.
pub(super) struct BotRuntime {
    pub(super) scheduler: Scheduler,
    pub(super) pace: crate::scheduler::Settings,
    pub(super) client: Arc<Client>,
    pub(super) tokens: Arc<TokenSource>,
    pub(super) token_expiry: Option<Timestamp>,
    /// What is wrong with the bot as a whole, since when, in words; for the log and the page.
    pub(super) trouble: Option<Trouble>,
    pub(super) last_success: Option<Timestamp>,
    pub(super) logged: LogDedup,
}

/// A failure that concerns every job of the bot.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) outcome: Outcome,
    pub(super) since: Timestamp,
    pub(super) detail: String,
}

/// How a bot is, for the status page.
#[derive(Debug, Clone)]
pub struct BotStatus {
    /// Its counters and gauges.
    pub totals: BotTotals,
    /// When the upstream last gave a report.
    pub last_success: Option<Timestamp>,
    /// What is wrong with it as a whole, since when, and in words.
    pub trouble: Option<(Outcome, Timestamp, String)>,
}

impl BotRuntime {
    /// Puts the gauges that move with time into the bot's totals.
    pub(super) fn gauge(&self, totals: &mut BotTotals, now: Timestamp) {
        totals.budget = [u64::from(self.pace.per_minute), u64::from(self.pace.per_hour)];
        totals.budget_used = self.scheduler.budget_used(now);
        totals.paused_until = self.scheduler.paused_until(now);
        totals.polls_overdue = u64::try_from(self.scheduler.overdue(now)).unwrap_or(u64::MAX);
        totals.token_expiry = self.token_expiry;
    }

    pub(super) fn status(&self, totals: &BotTotals, now: Timestamp) -> BotStatus {
        let mut totals = totals.clone();
        self.gauge(&mut totals, now);
        let trouble = self.trouble.as_ref().map(|trouble| (trouble.outcome, trouble.since, trouble.detail.clone()));
        BotStatus { totals, last_success: self.last_success, trouble }
    }
}

/// Whether an outcome speaks of the upstream or the credential rather than of one job.
pub(super) fn concerns_bot(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Unauthorized | Outcome::RateLimited | Outcome::ServerError | Outcome::Timeout | Outcome::Network => {
            true
        }
        Outcome::Ok | Outcome::NotFound | Outcome::ClientError | Outcome::Malformed | Outcome::TooLarge => false,
    }
}
