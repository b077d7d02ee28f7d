//! Starts calls that are due, and applies their results.

use std::time::Duration;

use super::call::{CallError, CallResult, call};
use super::handle::ProbeError;
use super::in_flight::{EndedCall, Purpose};
use super::logging;
use super::run::Poller;
use crate::model::{BotName, JobKey, JobNumber, JobSlot, Outcome, Timestamp, error_chain};
use crate::scheduler::{Next, Observation, Progress, RateLimitDetails};
use crate::store::Transition;

/// The pause after a probe that upstream refused without `Retry-After`, and the longest pause.
const PROBE_REFUSED_PAUSE: Duration = Duration::from_secs(60);
const MAX_PROBE_REFUSED_PAUSE: Duration = Duration::from_secs(3600);

impl Poller {
    /// Starts all calls of a bot that are due. Returns when the next one is.
    pub(super) fn start_calls(&mut self, name: &BotName, now: Timestamp) -> Option<Timestamp> {
        loop {
            let bot = self.bots.get_mut(name)?;
            let (slot, delay) = match bot.scheduler.next(now) {
                Next::Poll { slot, delay } => (slot, delay),
                Next::WaitUntil(due) => return Some(due),
                Next::Idle => return None,
            };
            let Some(key) = self.store.job(slot).map(|job| job.key.clone()) else {
                // Cannot happen: a removed job leaves the scheduler first.
                bot.scheduler.remove(slot, now);
                bot.scheduler.observe(slot, now, Observation::Finished);
                continue;
            };
            if let Some(counters) = self.store.counters_mut(name) {
                counters.poll_delay.observe(delay.as_secs_f64());
            }
            self.start_call(key, Purpose::Poll { slot, removed: false });
        }
    }

    /// Starts a call that the scheduler has counted.
    pub(super) fn start_call(&mut self, key: JobKey, purpose: Purpose) {
        let Some(bot) = self.bots.get(&key.bot) else { return };
        let call = call(bot.client(), bot.tokens(), key.id.clone(), self.clock.clone());
        self.calls.start(key, purpose, call);
        self.pages.request();
    }

    /// Applies the result of a call.
    pub(super) fn handle_call_result(&mut self, ended: EndedCall) {
        let EndedCall { call, result } = ended;
        let now = self.clock.now();
        self.count_call(&call.key.bot, &result, now);
        match call.purpose {
            Purpose::Poll { slot, removed } => self.poll_ended(slot, removed, &call.key, result, now),
            Purpose::Probe => self.probe_ended(call.key, result, now),
        }
        self.pages.request();
    }

    fn count_call(&mut self, name: &BotName, called: &CallResult, now: Timestamp) {
        let Some(duration) = called.duration else { return };
        if let Some(bot) = self.bots.get_mut(name) {
            bot.set_token_expiry(called.token_expiry);
            if called.outcome() == Outcome::Ok {
                bot.record_report(now);
            }
        }
        let Some(counters) = self.store.counters_mut(name) else { return };
        let count = &mut counters.requests[called.outcome()];
        *count = count.saturating_add(1);
        counters.request_duration.observe(duration.as_secs_f64());
        counters.response_bytes = counters.response_bytes.saturating_add(called.bytes);
    }

    fn poll_ended(&mut self, slot: JobSlot, removed: bool, key: &JobKey, called: CallResult, now: Timestamp) {
        let outcome = called.outcome();
        let was_up = self.store.job(slot).is_none_or(|job| job.poll_up != Some(false));
        let Some(bot) = self.bots.get_mut(&key.bot) else {
            if removed {
                self.store.release(slot);
            }
            return;
        };
        let (report, rate_limit) = match called.result {
            Ok(report) => {
                logging::succeeded(bot, key, now);
                (Some(report), RateLimitDetails::default())
            }
            Err(error) => {
                logging::failed(bot, key, was_up, outcome, &error, now);
                let rate_limit = match &error {
                    CallError::Poll(error) => RateLimitDetails { retry_after: error.retry_after, hourly: error.hourly },
                    CallError::Token(_) | CallError::Lost => RateLimitDetails::default(),
                };
                (None, rate_limit)
            }
        };
        let progress = report.as_ref().map(|report| Progress {
            completion: report.completion,
            entries: report.entries,
            recipients: report.numbers[JobNumber::Recipients],
        });
        if removed {
            bot.scheduler.observe(slot, now, observation(outcome, rate_limit, progress, &Transition::NotFollowed));
            self.store.release(slot);
            return;
        }
        let recorded = self.store.record(slot, outcome, report, now);
        if let Some(job) = self.store.job(slot) {
            logging::recorded(job, &recorded, &mut bot.logged);
        }
        bot.scheduler.observe(slot, now, observation(outcome, rate_limit, progress, &recorded.transition));
        self.store.set_expected_end(slot, bot.scheduler.expected_end(slot));
    }

    fn probe_ended(&mut self, key: JobKey, called: CallResult, now: Timestamp) {
        let result = match called.result {
            Ok(report) => Ok(Box::new(self.store.as_job(key.clone(), report, now))),
            Err(error) => {
                self.pause_after_probe(&key, &error, now);
                Err(ProbeError::Failed(error_chain(&error)))
            }
        };
        self.probes.complete(key, result, now);
    }

    /// Pauses the bot after a refused probe, because its polls would be refused too.
    fn pause_after_probe(&mut self, key: &JobKey, error: &CallError, now: Timestamp) {
        let CallError::Poll(error) = error else { return };
        if let (Outcome::RateLimited, Some(bot)) = (error.outcome, self.bots.get_mut(&key.bot)) {
            let pause = error.retry_after.unwrap_or(PROBE_REFUSED_PAUSE).min(MAX_PROBE_REFUSED_PAUSE);
            bot.scheduler.pause(now.plus(pause));
        }
    }
}

/// What the result of a poll means for the schedule.
fn observation(
    outcome: Outcome,
    rate_limit: RateLimitDetails,
    progress: Option<Progress>,
    transition: &Transition,
) -> Observation {
    match (outcome, transition) {
        (_, Transition::Finished(_) | Transition::Gone) => Observation::Finished,
        (Outcome::Ok, Transition::Running { changed, .. }) => {
            Observation::Progress { progress: progress.unwrap_or_default(), changed: *changed }
        }
        (Outcome::Ok, _) => Observation::Progress { progress: progress.unwrap_or_default(), changed: false },
        (Outcome::RateLimited, _) => Observation::RateLimited(rate_limit),
        (Outcome::Unauthorized, _) => Observation::Unauthorized,
        (Outcome::ServerError | Outcome::Timeout | Outcome::Network | Outcome::WrongEndpoint, _) => {
            Observation::Unavailable
        }
        (Outcome::NotFound | Outcome::ClientError | Outcome::Malformed | Outcome::TooLarge, _) => Observation::Unusable,
    }
}
