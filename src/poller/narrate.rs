//! What the log tells: each change of state once, repeated failures when they start and when they end.

use super::bot::{Bot, Trouble, concerns_bot};
use super::call::CallError;
use crate::model::{Inconsistency, Job, JobKey, Outcome, Timestamp, with_causes};
use crate::store::{Recorded, Standing};

/// An answer was taken in.
pub(super) fn recorded(job: &Job, recorded: &Recorded) {
    let (bot, request_id) = (job.key.bot.as_str(), job.key.id.as_str());
    for kind in &recorded.inconsistencies {
        let kind_label = kind.as_label();
        if *kind == Inconsistency::ModifiedBeforeCreated {
            // Upstream's own published answers have it: `lMod` in whole seconds, `createdOn` in milliseconds.
            tracing::debug!(bot, request_id, kind = kind_label, "the report contradicts itself");
        } else {
            tracing::warn!(
                bot,
                request_id,
                kind = kind_label,
                "the report contradicts itself; its values are shown as they came"
            );
        }
    }
    for word in &recorded.unrecognized {
        let (kind, sample) = (word.kind.as_label(), word.sample.as_deref().unwrap_or("(not shown)"));
        tracing::warn!(
            bot,
            request_id,
            kind,
            sample,
            count = word.count,
            "upstream uses a word that this exporter does not know"
        );
    }
    match &recorded.standing {
        Standing::Finished(status) => {
            let count = |index: usize| -> u64 { job.tallies.iter().filter_map(|tally| tally.entries.get(index)).sum() };
            tracing::info!(
                bot,
                request_id,
                status = status.as_label(),
                success = count(0),
                failure = count(1),
                "job has finished"
            );
        }
        Standing::Gone => tracing::warn!(
            bot,
            request_id,
            "upstream does not know this job (any more); its last values stay until retention is over"
        ),
        Standing::Running { changed, entries } => {
            tracing::debug!(bot, request_id, status = job.status.as_label(), entries, changed, "job runs");
        }
        Standing::Unanswered | Standing::NotFollowed => {}
    }
}

/// A call gave no report.
pub(super) fn failed(bot: &mut Bot, key: &JobKey, was_up: bool, outcome: Outcome, error: &CallError, now: Timestamp) {
    let detail = with_causes(error);
    let (name, request_id, outcome_label) = (key.bot.as_str(), key.id.as_str(), outcome.as_label());
    if concerns_bot(outcome) {
        let known = bot.trouble.as_ref().is_some_and(|trouble| trouble.outcome == outcome);
        if known {
            tracing::debug!(bot = name, request_id, outcome = outcome_label, "{detail}");
        } else {
            tracing::warn!(bot = name, request_id, outcome = outcome_label, "poll failed: {detail}");
            bot.trouble = Some(Trouble { outcome, since: now, detail });
        }
    } else if was_up {
        tracing::warn!(bot = name, request_id, outcome = outcome_label, "poll failed: {detail}");
    } else {
        tracing::debug!(bot = name, request_id, outcome = outcome_label, "{detail}");
    }
}

/// A call gave a report.
pub(super) fn succeeded(bot: &mut Bot, key: &JobKey, now: Timestamp) {
    bot.last_success = Some(now);
    if let Some(trouble) = bot.trouble.take() {
        let seconds = now.since(trouble.since).as_secs();
        tracing::info!(bot = key.bot.as_str(), after = trouble.outcome.as_label(), seconds, "upstream answers again");
    }
}
