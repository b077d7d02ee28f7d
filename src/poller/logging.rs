//! Log lines about polls: each transition of a job once; repeated failures when they start and when they end.

use super::bot::{BotRuntime, FailureKind, concerns_bot};
use super::call::CallError;
use super::log_dedup::LogDedup;
use crate::model::{EntryStatus, Job, JobKey, JobStatus, Outcome, Timestamp, error_chain};
use crate::store::{RecordOutcome, Transition};

/// Logs what a call did to a job.
pub(super) fn recorded(job: &Job, recorded: &RecordOutcome, logged: &mut LogDedup) {
    let (bot, request_id) = (job.key.bot.as_str(), job.key.id.as_str());
    for kind in &recorded.inconsistencies {
        let kind_label = kind.as_label();
        if logged.is_new_inconsistency(*kind) {
            tracing::warn!(
                bot,
                request_id,
                kind = kind_label,
                "inconsistent report, values are published unchanged; further occurrences are logged at debug"
            );
        } else {
            tracing::debug!(bot, request_id, kind = kind_label, "inconsistent report");
        }
    }
    for value in &recorded.unrecognized {
        let (kind, sample) = (value.kind.as_label(), value.sample.as_deref().unwrap_or("(not shown)"));
        let count = value.count;
        if logged.is_new_value(value) {
            tracing::warn!(
                bot,
                request_id,
                kind,
                sample,
                count,
                "unrecognized value in a report; further occurrences are logged at debug"
            );
        } else {
            tracing::debug!(bot, request_id, kind, sample, count, "unrecognized value in a report");
        }
    }
    match &recorded.transition {
        Transition::Finished(status) => {
            let count = |status| -> u64 { job.tallies.iter().map(|tally| tally.entries[status]).sum() };
            tracing::info!(
                bot,
                request_id,
                status = JobStatus::from(*status).as_label(),
                success = count(EntryStatus::Success),
                failure = count(EntryStatus::Failure),
                "job finished"
            );
        }
        Transition::Gone => tracing::warn!(
            bot,
            request_id,
            "unknown or expired job, polling stopped; its last values are published until the end of retention"
        ),
        Transition::Running { changed, entries } => {
            tracing::debug!(bot, request_id, status = job.status.as_label(), entries, changed, "job is running");
        }
        Transition::PollFailed | Transition::NotFollowed => {}
    }
}

/// Logs a failed poll.
pub(super) fn failed(
    bot: &mut BotRuntime,
    key: &JobKey,
    was_up: bool,
    outcome: Outcome,
    error: &CallError,
    now: Timestamp,
) {
    let detail = error_chain(error);
    let (name, request_id, outcome_label) = (key.bot.as_str(), key.id.as_str(), outcome.as_label());
    let kind = match error {
        CallError::Token(_) => FailureKind::Token,
        CallError::Poll(_) | CallError::Lost => FailureKind::Request(outcome),
    };
    let is_new = if concerns_bot(outcome) { bot.record_failure(kind, &detail, now) } else { was_up };
    if is_new {
        tracing::warn!(bot = name, request_id, outcome = outcome_label, error = detail, "poll failed");
    } else {
        tracing::debug!(bot = name, request_id, outcome = outcome_label, error = detail, "poll failed");
    }
}

/// Logs the end of a failure of the bot with a successful poll.
pub(super) fn succeeded(bot: &mut BotRuntime, key: &JobKey, now: Timestamp) {
    if let Some(failure) = bot.end_failure() {
        let seconds = now.since(failure.since).as_secs();
        let outcome = failure.kind.outcome().as_label();
        tracing::info!(bot = key.bot.as_str(), outcome, seconds, "upstream has recovered");
    }
}
