//! Log lines about polls: each transition of a job once; repeated failures when they start and when they end.

use super::bot::{BotRuntime, FailureKind, concerns_bot};
use super::call::CallError;
use super::log_dedup::LogDedup;
use crate::model::{BotName, EntryStatus, Job, JobKey, JobStatus, Outcome, Timestamp, error_chain};
use crate::store::{RecordOutcome, Transition};

/// Logs what a call did to a job.
pub(super) fn recorded(job: &Job, recorded: &RecordOutcome, logged: &mut LogDedup, now: Timestamp) {
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
    if recorded.revived {
        tracing::info!(bot, request_id, "the upstream knows a gone job again");
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
        // Of a job that was never known, the failed poll has been logged.
        Transition::Gone if job.last_poll_success.is_some() && logged.gone.is_first(now) => tracing::warn!(
            bot,
            request_id,
            "unknown or expired job, polled rarely from now on; its last values are published until the end of retention"
        ),
        Transition::Gone => tracing::debug!(bot, request_id, "unknown or expired job, polled rarely from now on"),
        Transition::Running { changed, entries } => {
            tracing::debug!(bot, request_id, status = job.status.as_label(), entries, changed, "job is running");
        }
        Transition::StillGone | Transition::PollFailed | Transition::NotTracked => {}
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
    let is_new = is_new && (outcome != Outcome::NotFound || bot.logged.unknown.is_first(now));
    if is_new && outcome == Outcome::Unauthorized {
        tracing::error!(bot = name, request_id, outcome = outcome_label, error = detail, "poll failed");
    } else if is_new {
        tracing::warn!(bot = name, request_id, outcome = outcome_label, error = detail, "poll failed");
    } else {
        tracing::debug!(bot = name, request_id, outcome = outcome_label, error = detail, "poll failed");
    }
}

/// Logs how many lines were left out because many jobs caused the same.
pub(super) fn counts(bot: &mut BotRuntime, name: &BotName, now: Timestamp) {
    let name = name.as_str();
    if let Some(count) = bot.logged.unknown.take(now) {
        let outcome = Outcome::NotFound.as_label();
        tracing::warn!(bot = name, outcome, count, "polls of more jobs failed; their request IDs are logged at debug");
    }
    if let Some(count) = bot.logged.gone.take(now) {
        tracing::warn!(bot = name, count, "more unknown or expired jobs, polling stopped; logged at debug");
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
