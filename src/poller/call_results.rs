//! Starts calls that are due, and applies their results.

use std::time::Duration;

use super::call::{CallError, CallResult, call};
use super::handle::ProbeError;
use super::in_flight::{EndedCall, Purpose};
use super::job_changes::progress_of;
use super::logging;
use super::run::Poller;
use crate::model::{BotCounter, BotName, JobKey, JobNumber, JobSlot, Outcome, TerminalStatus, Timestamp, error_chain};
use crate::scheduler::{CallPermit, Next, Observation, Progress, RateLimitDetails};
use crate::store::Transition;
use crate::upstream::TaggedReport;

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
                bot.scheduler.observe(slot, now, Observation::Finished { entries: None });
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
        let known = match purpose {
            Purpose::Poll { slot, .. } => self.store.entity_tag(slot).cloned(),
            Purpose::Probe { .. } => None,
        };
        let call = call(bot.client(), bot.tokens(), key.id.clone(), known, self.clock.clone());
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
                if call.before_reload {
                    // Its validator is of a report that was read with the previous configuration.
                    self.store.set_entity_tag(slot, None);
                }
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
        if matches!(called.result, Ok(None)) {
            counters.add(BotCounter::NotModified, 1);
        }
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
        let (tagged, is_unchanged) = match called.result {
            Ok(tagged) => {
                logging::succeeded(bot, key, now);
                let is_unchanged = tagged.is_none();
                (tagged, is_unchanged)
            }
            Err(error) => {
                logging::failed(bot, key, was_up, outcome, &error, now);
                (None, false)
            }
        };
        let (report, entity_tag) = tagged.map(|tagged| (tagged.report, tagged.entity_tag)).unzip();
        let progress = match &report {
            Some(report) => Some(Progress {
                completion: report.completion,
                entries: report.entries,
                recipients: report.numbers[JobNumber::Recipients],
            }),
            None => self.store.job(slot).filter(|_| is_unchanged).map(progress_of),
        };
        if removed {
            bot.scheduler.observe(slot, now, observation(failure, progress, &Transition::NotTracked));
            self.store.release(slot);
            return;
        }
        let recorded = if is_unchanged {
            self.store.record_unchanged(slot, now)
        } else {
            self.store.record(slot, outcome, report, now)
        };
        if let Some(entity_tag) = entity_tag {
            self.store.set_entity_tag(slot, entity_tag);
        }
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
        // A probe reads the whole report.
        let result = match called.result.and_then(|tagged| tagged.ok_or(CallError::Lost)) {
            Ok(TaggedReport { report, .. }) => {
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
        (_, Transition::Finished(status)) => Observation::Finished {
            entries: progress.filter(|_| *status != TerminalStatus::Failure).map(|progress| progress.entries),
        },
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
