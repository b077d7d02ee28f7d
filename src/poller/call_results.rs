//! Calls: started when they are due, and what their answers do.

use std::time::Duration;

use super::ProbeError;
use super::call::{CallError, CallResult, call};
use super::logging;
use super::run::Poller;
use crate::model::{BotName, JobKey, JobSlot, Outcome, Timestamp, error_chain};
use crate::scheduler::{Next, Observation, Progress, RateLimitDetails};
use crate::store::Transition;

/// How long polls pause after a probe that upstream refused without a `Retry-After`, and at most.
const PROBE_REFUSED_PAUSE: Duration = Duration::from_secs(60);
const MAX_PROBE_PAUSE: Duration = Duration::from_secs(3600);

/// A call under way.
pub(super) struct InFlightCall {
    pub(super) key: JobKey,
    pub(super) purpose: Purpose,
}

pub(super) enum Purpose {
    /// A followed job's poll; `removed`: the job has gone meanwhile.
    Poll {
        slot: JobSlot,
        removed: bool,
    },
    Probe,
}

impl Poller {
    pub(super) fn start_calls(&mut self, name: &BotName, now: Timestamp) -> Option<Timestamp> {
        loop {
            let bot = self.bots.get_mut(name)?;
            let (slot, delay) = match bot.scheduler.next(now) {
                Next::Poll { slot, delay } => (slot, delay),
                Next::WaitUntil(due) => return Some(due),
                Next::Idle => return None,
            };
            let Some(key) = self.store.job(slot).map(|job| job.key.clone()) else {
                // Cannot be: a job that goes leaves the scheduler first.
                bot.scheduler.remove(slot, now);
                bot.scheduler.observe(slot, now, Observation::Finished);
                continue;
            };
            if let Some(totals) = self.store.totals_mut(name) {
                totals.poll_delay.observe(delay.as_secs_f64());
            }
            self.start_call(key, Purpose::Poll { slot, removed: false });
        }
    }

    pub(super) fn start_call(&mut self, key: JobKey, purpose: Purpose) {
        let Some(bot) = self.bots.get(&key.bot) else { return };
        let call = call(bot.client.clone(), bot.tokens.clone(), key.id.clone(), self.clock.clone());
        let id = self.calls.spawn(call).id();
        self.in_flight.insert(id, InFlightCall { key, purpose });
        self.page_soon();
    }

    pub(super) fn joined(&mut self, joined: Result<(tokio::task::Id, CallResult), tokio::task::JoinError>) {
        let (id, called) = match joined {
            Ok((id, called)) => (id, called),
            Err(error) => {
                tracing::error!(error = %error, "a call's task ended early");
                (error.id(), CallResult::lost())
            }
        };
        let Some(call) = self.in_flight.remove(&id) else { return };
        let now = self.clock.now();
        self.count_call(&call.key.bot, &called, now);
        match call.purpose {
            Purpose::Poll { slot, removed } => self.answered(slot, removed, &call.key, called, now),
            Purpose::Probe => self.probed(call.key, called, now),
        }
        self.page_soon();
    }

    pub(super) fn count_call(&mut self, name: &BotName, called: &CallResult, now: Timestamp) {
        if let Some(bot) = self.bots.get_mut(name)
            && called.duration.is_some()
        {
            bot.token_expiry = called.token_expiry;
        }
        let Some(totals) = self.store.totals_mut(name) else { return };
        let Some(duration) = called.duration else { return };
        let index = Outcome::ALL.iter().position(|known| *known == called.outcome());
        if let Some(count) = index.and_then(|index| totals.requests.get_mut(index)) {
            *count = count.saturating_add(1);
        }
        totals.request_duration.observe(duration.as_secs_f64());
        totals.response_bytes = totals.response_bytes.saturating_add(called.bytes);
        if called.outcome() == Outcome::Ok
            && let Some(bot) = self.bots.get_mut(name)
        {
            bot.last_success = Some(now);
        }
    }

    pub(super) fn answered(&mut self, slot: JobSlot, removed: bool, key: &JobKey, called: CallResult, now: Timestamp) {
        let outcome = called.outcome();
        let was_up = self.store.job(slot).is_none_or(|job| job.poll_up != Some(false));
        let Some(bot) = self.bots.get_mut(&key.bot) else {
            if removed {
                self.store.release(slot);
            }
            return;
        };
        let (report, refusal) = match called.result {
            Ok(report) => {
                logging::succeeded(bot, key, now);
                (Some(report), RateLimitDetails::default())
            }
            Err(error) => {
                logging::failed(bot, key, was_up, outcome, &error, now);
                let refusal = match &error {
                    CallError::Poll(error) => RateLimitDetails { retry_after: error.retry_after, hourly: error.hourly },
                    CallError::Token(_) | CallError::Lost => RateLimitDetails::default(),
                };
                (None, refusal)
            }
        };
        let progress = report.as_ref().map(|report| Progress {
            completion: report.completion,
            entries: report.entries,
            recipients: report.recipients,
        });
        if removed {
            bot.scheduler.observe(slot, now, observation(outcome, refusal, progress, &Transition::NotFollowed));
            self.store.release(slot);
            return;
        }
        let recorded = self.store.record(slot, outcome, report, now);
        if let Some(job) = self.store.job(slot) {
            logging::recorded(job, &recorded, &mut bot.logged);
        }
        bot.scheduler.observe(slot, now, observation(outcome, refusal, progress, &recorded.standing));
    }

    pub(super) fn probed(&mut self, key: JobKey, called: CallResult, now: Timestamp) {
        let answer = match called.result {
            Ok(report) => Ok(Box::new(self.store.as_job(key.clone(), report, now))),
            Err(error) => {
                self.apply_rate_limit(&key, &error, now);
                Err(ProbeError::Failed(error_chain(&error)))
            }
        };
        self.probes.answered(key, answer, now);
    }

    /// A probe that was refused pauses the bot's polls as well: they would be refused too.
    pub(super) fn apply_rate_limit(&mut self, key: &JobKey, error: &CallError, now: Timestamp) {
        let CallError::Poll(error) = error else { return };
        if let (Outcome::RateLimited, Some(bot)) = (error.outcome, self.bots.get_mut(&key.bot)) {
            bot.scheduler.pause(now.plus(error.retry_after.unwrap_or(PROBE_REFUSED_PAUSE).min(MAX_PROBE_PAUSE)));
        }
    }
}

/// What an answer means for the schedule.
fn observation(
    outcome: Outcome,
    refusal: RateLimitDetails,
    progress: Option<Progress>,
    standing: &Transition,
) -> Observation {
    match (outcome, standing) {
        (_, Transition::Finished(_) | Transition::Gone) => Observation::Finished,
        (Outcome::Ok, Transition::Running { changed, .. }) => {
            Observation::Progress { progress: progress.unwrap_or_default(), changed: *changed }
        }
        (Outcome::Ok, _) => Observation::Progress { progress: progress.unwrap_or_default(), changed: false },
        (Outcome::RateLimited, _) => Observation::RateLimited(refusal),
        (Outcome::Unauthorized, _) => Observation::Unauthorized,
        (Outcome::ServerError | Outcome::Timeout | Outcome::Network, _) => Observation::Unavailable,
        (Outcome::NotFound | Outcome::ClientError | Outcome::Malformed | Outcome::TooLarge, _) => Observation::Unusable,
    }
}
