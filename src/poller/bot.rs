//! One bot at run time.

use std::sync::Arc;

use super::log_dedup::LogDedup;
use super::setup::BotSetup;
use crate::auth::TokenSource;
use crate::model::{BotGauges, BotMetrics, BudgetWindow, Outcome, Timestamp};
use crate::scheduler::{self, Scheduler};
use crate::upstream::Client;

/// One bot: its scheduler, and what its calls need.
pub(super) struct BotRuntime {
    pub(super) scheduler: Scheduler,
    pub(super) logged: LogDedup,
    schedule: scheduler::Settings,
    client: Arc<Client>,
    tokens: Arc<TokenSource>,
    token_expiry: Option<Timestamp>,
    failure: Option<BotFailure>,
    last_success: Option<Timestamp>,
}

/// A failure that concerns every job of the bot.
#[derive(Debug, Clone)]
pub(super) struct BotFailure {
    pub(super) outcome: Outcome,
    pub(super) since: Timestamp,
    detail: String,
}

/// The state of a bot, for the status page.
#[derive(Debug, Clone)]
pub struct BotStatus {
    /// Its counters and gauges.
    pub metrics: BotMetrics,
    /// Time of the last report from the upstream.
    pub last_success: Option<Timestamp>,
    /// The current failure of the bot as a whole, since when, and its description.
    pub trouble: Option<(Outcome, Timestamp, String)>,
}

impl BotRuntime {
    pub(super) fn new(setup: BotSetup) -> Self {
        Self {
            scheduler: Scheduler::new(setup.schedule),
            logged: LogDedup::default(),
            schedule: setup.schedule,
            client: setup.client,
            tokens: setup.tokens,
            token_expiry: None,
            failure: None,
            last_success: None,
        }
    }

    /// Applies a changed configuration; the calls made so far still count.
    pub(super) fn configure(&mut self, setup: BotSetup, now: Timestamp) {
        self.scheduler.set_settings(setup.schedule, now);
        self.schedule = setup.schedule;
        self.client = setup.client;
        self.tokens = setup.tokens;
    }

    pub(super) fn client(&self) -> Arc<Client> {
        self.client.clone()
    }

    pub(super) fn tokens(&self) -> Arc<TokenSource> {
        self.tokens.clone()
    }

    /// Records the expiry of the token that the last call used.
    pub(super) fn set_token_expiry(&mut self, expiry: Option<Timestamp>) {
        self.token_expiry = expiry;
    }

    /// Records that a call, for a poll or a probe, got a report.
    pub(super) fn record_report(&mut self, now: Timestamp) {
        self.last_success = Some(now);
    }

    /// Ends the current failure, if there is one.
    pub(super) fn end_failure(&mut self) -> Option<BotFailure> {
        self.failure.take()
    }

    /// Records a failure that concerns every job. Returns whether it is new.
    pub(super) fn record_failure(&mut self, outcome: Outcome, detail: &str, now: Timestamp) -> bool {
        let new = self.failure.as_ref().is_none_or(|failure| failure.outcome != outcome);
        if new {
            self.failure = Some(BotFailure { outcome, since: now, detail: detail.to_owned() });
        }
        new
    }

    /// Updates the gauges that change with time.
    pub(super) fn update_gauges(&self, gauges: &mut BotGauges, now: Timestamp) {
        gauges.budget = enum_map::enum_map! {
            BudgetWindow::Minute => u64::from(self.schedule.per_minute),
            BudgetWindow::Hour => u64::from(self.schedule.per_hour),
        };
        gauges.budget_used = self.scheduler.budget_used(now);
        gauges.paused_until = self.scheduler.paused_until(now);
        gauges.polls_overdue = u64::try_from(self.scheduler.overdue(now)).unwrap_or(u64::MAX);
        gauges.token_expiry = self.token_expiry;
    }

    pub(super) fn status(&self, metrics: &BotMetrics, now: Timestamp) -> BotStatus {
        let mut metrics = metrics.clone();
        self.update_gauges(&mut metrics.gauges, now);
        let failure = self.failure.as_ref().map(|failure| (failure.outcome, failure.since, failure.detail.clone()));
        BotStatus { metrics, last_success: self.last_success, trouble: failure }
    }
}

/// Whether an outcome concerns the upstream or the credential rather than one job.
pub(super) fn concerns_bot(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Unauthorized
        | Outcome::RateLimited
        | Outcome::ServerError
        | Outcome::Timeout
        | Outcome::Network
        | Outcome::WrongEndpoint => true,
        Outcome::Ok | Outcome::NotFound | Outcome::ClientError | Outcome::Malformed | Outcome::TooLarge => false,
    }
}
