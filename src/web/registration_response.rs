//! The answer to a registration: which jobs are registered, and which are not and why.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{BotName, DropReason, RequestId, Target};
use crate::poller::Handle;
use crate::store::{RegisterError, Registered};

/// The results of one POST, job by job. Valid jobs are independent: each is registered or rejected for itself.
#[derive(Debug, Default)]
pub(super) struct Registration {
    new: usize,
    known: usize,
    rejected: Vec<RejectedJob>,
    /// The reasons in words, each once.
    reasons: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct RejectedJob {
    bot: String,
    request_id: String,
    reason: &'static str,
}

/// Registers valid jobs, in one command per bot. A bot that fails does not stop the others.
pub(super) async fn register(poller: &Handle, jobs: Vec<(BotName, Target)>) -> Registration {
    let mut by_bot: BTreeMap<BotName, Vec<Target>> = BTreeMap::new();
    for (bot, target) in jobs {
        by_bot.entry(bot).or_default().push(target);
    }
    let mut registration = Registration::default();
    for (bot, targets) in by_bot {
        let ids: Vec<RequestId> = targets.iter().map(|target| target.id.clone()).collect();
        let results = poller.register(bot.clone(), targets).await.unwrap_or_default();
        registration.add(&bot, &ids, &results);
    }
    registration
}

impl Registration {
    /// Adds a bot's results, in the order of its IDs. IDs without a result are those that the polling loop did not answer.
    fn add(&mut self, bot: &BotName, ids: &[RequestId], results: &[Result<Registered, RegisterError>]) {
        for (index, id) in ids.iter().enumerate() {
            let (reason, words) = match results.get(index) {
                Some(Ok(Registered::New)) => {
                    self.new += 1;
                    continue;
                }
                Some(Ok(Registered::Known)) => {
                    self.known += 1;
                    continue;
                }
                Some(Err(RegisterError::Full)) => (DropReason::MaxJobs.as_label(), "max_jobs is reached"),
                Some(Err(RegisterError::UnknownBot)) => {
                    ("unknown_bot", "a reload has removed the bot from the configuration")
                }
                Some(Err(RegisterError::NotPersisted)) => {
                    ("not_persisted", "writing to the database failed, a restart would lose the jobs (see the log)")
                }
                None => ("shutting_down", "the exporter is shutting down"),
            };
            if !self.reasons.contains(&words) {
                self.reasons.push(words);
            }
            self.rejected.push(RejectedJob { bot: bot.to_string(), request_id: id.to_string(), reason });
        }
    }

    /// 200 if every job is registered; otherwise 503 with each job that is not.
    pub(super) fn response(&self) -> (StatusCode, Value) {
        let Self { new, known, rejected, reasons } = self;
        if rejected.is_empty() {
            return (StatusCode::OK, json!({"status": "success", "data": {"new": new, "known": known}}));
        }
        let message = format!(
            "{} of {} jobs were not registered: {}; {new} new and {known} known jobs are registered; repeat the request later",
            rejected.len(),
            rejected.len() + new + known,
            reasons.join("; "),
        );
        let data = json!({"new": new, "known": known, "rejected": rejected});
        (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "error", "error": message, "data": data}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(texts: &[&str]) -> Vec<RequestId> {
        texts.iter().map(|text| RequestId::parse(text).unwrap()).collect()
    }

    #[test]
    fn every_job_is_counted_or_named_whatever_happens_to_the_others() {
        let (sales, support) = (BotName::parse("sales").unwrap(), BotName::parse("support").unwrap());
        let mut registration = Registration::default();
        let results = [
            Ok(Registered::New),
            Err(RegisterError::NotPersisted),
            Ok(Registered::Known),
            Err(RegisterError::Full),
            Err(RegisterError::Full),
        ];
        registration.add(&sales, &ids(&["ds-1", "ds-2", "ds-3", "ds-4", "ds-5"]), &results);
        registration.add(&support, &ids(&["ds-6"]), &[]);
        let (status, answer) = registration.response();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let rejected = |bot: &str, id: &str, reason: &str| json!({"bot": bot, "request_id": id, "reason": reason});
        assert_eq!(
            answer["data"],
            json!({"new": 1, "known": 1, "rejected": [
                rejected("sales", "ds-2", "not_persisted"),
                rejected("sales", "ds-4", "max_jobs"),
                rejected("sales", "ds-5", "max_jobs"),
                rejected("support", "ds-6", "shutting_down"),
            ]})
        );
        assert_eq!(
            answer["error"],
            "4 of 6 jobs were not registered: writing to the database failed, a restart would lose the jobs (see the log); \
             max_jobs is reached; the exporter is shutting down; 1 new and 1 known jobs are registered; repeat the request later"
        );
    }

    #[test]
    fn a_registration_without_rejections_is_a_success() {
        let mut registration = Registration::default();
        registration.add(&BotName::parse("sales").unwrap(), &ids(&["ds-1"]), &[Ok(Registered::New)]);
        assert_eq!(
            registration.response(),
            (StatusCode::OK, json!({"status": "success", "data": {"new": 1, "known": 0}}))
        );
    }
}
