//! Starts calls that are due, and applies their results.

use std::time::Duration;

use super::call::{CallError, CallResult, call};
use super::handle::ProbeError;
use super::in_flight::{EndedCall, Purpose};
use super::logging;
use super::run::Poller;
use crate::model::{BotCounter, BotName, JobKey, JobNumber, JobSlot, Outcome, Timestamp, error_chain};
use crate::scheduler::{CallPermit, Next, Observation, Progress, RateLimitDetails};
use crate::store::Transition;

/// How far ahead an end is expected at most. A job that hardly moves has a forecast of years, which says nothing.
const FORESEEABLE: Duration = Duration::from_secs(24 * 3600);

fn foreseeable(end: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    end.filter(|end| *end <= now.plus(FORESEEABLE))
}

impl Poller {
    /// Starts all calls of a bot that are due. Returns when the next one is.
    pub(super) fn start_calls(&mut self, name: &BotName, now: Timestamp) -> Option<Timestamp> {
        loop {
            let bot = self.bots.get_mut(name)?;
            logging::counts(bot, name, now);
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
        self.recent_calls.record(call.key.clone(), now);
        let tracked = match call.purpose {
            Purpose::Poll { slot, removed } => {
                self.poll_ended(slot, removed, &call.key, result, now);
                removed.then(|| self.store.find(&call.key)).flatten()
            }
            Purpose::Probe { permit } => {
                let tracked = self.store.find(&call.key);
                self.probe_ended(call.key, permit, result, now);
                tracked
            }
        };
        // The job was added during the call.
        if let Some(slot) = tracked {
            self.start_polling(slot, now);
        }
        self.pages.request();
    }

    fn count_call(&mut self, name: &BotName, called: &CallResult, now: Timestamp) {
        if let Some(bot) = self.bots.get_mut(name) {
            bot.record_call(called, now);
        }
        let Some(duration) = called.duration else { return };
        let Some(counters) = self.store.counters_mut(name) else { return };
        let count = &mut counters.requests[called.outcome()];
        *count = count.saturating_add(1);
        counters.request_duration.observe(duration.as_secs_f64());
        counters.add(BotCounter::ResponseBytes, called.decoded_bytes);
        counters.add(BotCounter::ReceivedBytes, called.received_bytes);
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
        let failure = called.result.as_ref().err().map(failure);
        let report = match called.result {
            Ok(report) => {
                logging::succeeded(bot, key, now);
                Some(report)
            }
            Err(error) => {
                logging::failed(bot, key, was_up, outcome, &error, now);
                None
            }
        };
        let progress = report.as_ref().map(|report| Progress {
            completion: report.completion,
            entries: report.entries,
            recipients: report.numbers[JobNumber::Recipients],
        });
        if removed {
            bot.scheduler.observe(slot, now, observation(failure, progress, &Transition::NotTracked));
            self.store.release(slot);
            return;
        }
        let recorded = self.store.record(slot, outcome, report, now);
        if let Some(job) = self.store.job(slot) {
            logging::recorded(job, &recorded, &mut bot.logged, now);
        }
        bot.scheduler.observe(slot, now, observation(failure, progress, &recorded.transition));
        self.store.set_expected_end(slot, foreseeable(bot.scheduler.expected_end(slot), now));
    }

    fn probe_ended(&mut self, key: JobKey, permit: Option<CallPermit>, called: CallResult, now: Timestamp) {
        let failure = called.result.as_ref().err().map(failure);
        let outcome = called.outcome();
        let bot = self.bots.get_mut(&key.bot);
        let result = match called.result {
            Ok(report) => {
                if let Some(bot) = bot {
                    logging::succeeded(bot, &key, now);
                }
                Ok(Box::new(self.store.as_job(key.clone(), report, now)))
            }
            Err(error) => {
                // A failure that concerns only the job is reported to the client, not logged.
                if let Some(bot) = bot {
                    logging::failed(bot, &key, false, outcome, &error, now);
                }
                Err(ProbeError::Failed(error_chain(&error)))
            }
        };
        if let (Some(bot), Some(permit)) = (self.bots.get_mut(&key.bot), permit) {
            bot.scheduler.end_probe(permit, now, observation(failure, None, &Transition::NotTracked));
        }
        self.probes.complete(key, result, now);
    }
}

/// What a failed call means for the schedule.
fn failure(error: &CallError) -> Observation {
    let error = match error {
        CallError::Token(_) => return Observation::NotSent,
        CallError::Lost => return Observation::Unavailable,
        CallError::Poll(error) => error,
    };
    match error.outcome {
        Outcome::RateLimited => {
            Observation::RateLimited(RateLimitDetails { retry_after: error.retry_after, hourly: error.hourly })
        }
        Outcome::Unauthorized => Observation::Unauthorized,
        Outcome::ServerError | Outcome::Timeout | Outcome::Network | Outcome::WrongEndpoint => Observation::Unavailable,
        Outcome::Ok | Outcome::NotFound | Outcome::ClientError | Outcome::Malformed | Outcome::TooLarge => {
            Observation::Unusable
        }
    }
}

/// What the result of a call means for the schedule.
fn observation(failure: Option<Observation>, progress: Option<Progress>, transition: &Transition) -> Observation {
    match (failure, transition) {
        (_, Transition::Finished(_)) => Observation::Finished,
        (_, Transition::Gone | Transition::StillGone) => Observation::Gone,
        (Some(failure), _) => failure,
        (None, Transition::Running { changed, .. }) => {
            Observation::Progress { progress: progress.unwrap_or_default(), changed: *changed }
        }
        (None, _) => Observation::Progress { progress: progress.unwrap_or_default(), changed: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_in_years_is_not_foreseen() {
        let now = Timestamp::from_millis(1_000_000);
        let tomorrow = now.plus(FORESEEABLE);
        assert_eq!(foreseeable(Some(tomorrow), now), Some(tomorrow));
        assert_eq!(foreseeable(Some(tomorrow.plus(Duration::from_secs(1))), now), None);
        assert_eq!(foreseeable(None, now), None);
    }
}
