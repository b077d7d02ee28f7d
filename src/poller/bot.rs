//! One bot at run time.

use std::sync::Arc;

use super::call::{CallError, CallResult};
use super::log_dedup::LogDedup;
use super::setup::BotSetup;
use crate::auth::TokenSource;
use crate::input::FileStamp;
use crate::model::{BotGauges, BotMetrics, BudgetWindow, Outcome, Timestamp};
use crate::scheduler::{self, Scheduler};
use crate::upstream::Client;

/// One bot: its scheduler, and what its calls need.
pub(super) struct BotRuntime {
    pub(super) scheduler: Scheduler,
    pub(super) logged: LogDedup,
    schedule: scheduler::Settings,
    definition: u64,
    client: Arc<Client>,
    tokens: Arc<TokenSource>,
    token_expiry: Option<Timestamp>,
    /// Whether the last attempt to get a token succeeded; `None` before the first.
    token_up: Option<bool>,
    /// The secret file of the last call, if that call failed because of its token.
    failed_secret: Option<Option<FileStamp>>,
    failure: Option<BotFailure>,
    last_success: Option<Timestamp>,
    last_response: Option<Timestamp>,
}

/// The kinds of failure that concern every job of a bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// No token, so that no request was made.
    Token,
    Request(Outcome),
}

impl FailureKind {
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Token => Outcome::Unauthorized,
            Self::Request(outcome) => outcome,
        }
    }
}

/// A failure that concerns every job of the bot.
#[derive(Debug, Clone)]
pub(super) struct BotFailure {
    pub(super) kind: FailureKind,
    pub(super) since: Timestamp,
    detail: String,
    /// The kinds that were logged: kinds that alternate are logged once.
    logged: Vec<FailureKind>,
}

/// The state of a bot, for the status page.
#[derive(Debug, Clone)]
pub struct BotStatus {
    /// Its counters and gauges.
    pub metrics: BotMetrics,
    /// Time of the last report from the upstream, to a poll or a probe.
    pub last_success: Option<Timestamp>,
    /// Time of the last response of the upstream, whatever it was, to a poll or a probe.
    pub last_response: Option<Timestamp>,
    /// The current failure of the bot as a whole, since when, and its description.
    pub failure: Option<(Outcome, Timestamp, String)>,
}

impl BotRuntime {
    pub(super) fn new(setup: BotSetup) -> Self {
        Self {
            scheduler: Scheduler::new(setup.schedule),
            logged: LogDedup::default(),
            schedule: setup.schedule,
            definition: setup.definition,
            client: setup.client,
            tokens: setup.tokens,
            token_expiry: None,
            token_up: None,
            failed_secret: None,
            failure: None,
            last_success: None,
            last_response: None,
        }
    }

    /// Applies a changed configuration; the calls made so far still count. Pauses and back-offs after failures end if
    /// the definition of the bot has changed, because that may have fixed their cause. Returns whether it has.
    pub(super) fn configure(&mut self, setup: BotSetup, now: Timestamp) -> bool {
        self.scheduler.set_settings(setup.schedule, now);
        self.schedule = setup.schedule;
        self.client = setup.client;
        self.tokens = setup.tokens;
        let changed = std::mem::replace(&mut self.definition, setup.definition) != setup.definition;
        if changed {
            self.failed_secret = None;
            self.scheduler.retry_now(now);
        }
        changed
    }

    /// Ends pauses and back-offs if the secret file has changed since a call failed because of its token.
    pub(super) fn retry_changed_secret(&mut self, now: Timestamp) {
        if self.failed_secret.as_ref().is_some_and(|failed| *failed != self.tokens.secret_stamp()) {
            self.failed_secret = None;
            self.scheduler.retry_now(now);
        }
    }

    pub(super) fn client(&self) -> Arc<Client> {
        self.client.clone()
    }

    pub(super) fn tokens(&self) -> Arc<TokenSource> {
        self.tokens.clone()
    }

    /// Records the result of a poll or a probe.
    pub(super) fn record_call(&mut self, called: &CallResult, now: Timestamp) {
        let no_token = matches!(called.result, Err(CallError::Token(_)));
        if no_token || called.duration.is_some() {
            self.token_up = Some(!no_token);
            let rejected = no_token || called.outcome() == Outcome::Unauthorized;
            self.failed_secret = rejected.then(|| called.secret.clone());
        }
        if called.duration.is_none() {
            return;
        }
        self.token_expiry = called.token_expiry;
        if !matches!(called.outcome(), Outcome::Timeout | Outcome::Network) {
            self.last_response = Some(now);
        }
        if called.outcome() == Outcome::Ok {
            self.last_success = Some(now);
        }
    }

    /// Ends the current failure, if there is one.
    pub(super) fn end_failure(&mut self) -> Option<BotFailure> {
        self.failure.take()
    }

    /// Records a failure that concerns every job. Returns whether it is the first of its kind since the last success.
    pub(super) fn record_failure(&mut self, kind: FailureKind, detail: &str, now: Timestamp) -> bool {
        let failure = self.failure.get_or_insert_with(|| BotFailure {
            kind,
            since: now,
            detail: String::new(),
            logged: Vec::new(),
        });
        failure.kind = kind;
        detail.clone_into(&mut failure.detail);
        let new = !failure.logged.contains(&kind);
        if new {
            failure.logged.push(kind);
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
        gauges.token_expiry = self.token_expiry.map(|expiry| (self.tokens.kind(), expiry));
        gauges.last_answer = self.last_response;
        gauges.token_up = self.token_up;
    }

    pub(super) fn status(&self, metrics: &BotMetrics, now: Timestamp) -> BotStatus {
        let mut metrics = metrics.clone();
        self.update_gauges(&mut metrics.gauges, now);
        let failure =
            self.failure.as_ref().map(|failure| (failure.kind.outcome(), failure.since, failure.detail.clone()));
        BotStatus { metrics, last_success: self.last_success, last_response: self.last_response, failure }
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
