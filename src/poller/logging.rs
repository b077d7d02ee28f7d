//! What the log tells: each change of state once, repeated failures when they start and when they end.

use super::bot::{BotRuntime, Trouble, concerns_bot};
use super::call::CallError;
use crate::model::{Inconsistency, Job, JobKey, Outcome, Timestamp, Unrecognized, UnrecognizedKind, error_chain};
use crate::store::{RecordOutcome, Transition};

/// What a bot's log lines have logged of already: the same from another job, or the next entry, is logged at debug level only.
/// The metrics count all of them.
#[derive(Debug, Default)]
pub(super) struct LogDedup {
    kinds: Vec<Inconsistency>,
    words: Vec<(UnrecognizedKind, Option<String>)>,
}

/// The most unknown words of a bot that are logged of at level `warn`.
const MAX_TOLD_WORDS: usize = 50;

impl LogDedup {
    fn is_new_kind(&mut self, kind: Inconsistency) -> bool {
        // Upstream's own published answers have it: `lMod` in whole seconds, `createdOn` in milliseconds.
        let new = kind != Inconsistency::ModifiedBeforeCreated && !self.kinds.contains(&kind);
        if new {
            self.kinds.push(kind);
        }
        new
    }

    fn is_new_word(&mut self, word: &Unrecognized) -> bool {
        let known = self.words.iter().any(|(kind, sample)| *kind == word.kind && *sample == word.sample);
        let new = !known && self.words.len() < MAX_TOLD_WORDS;
        if new {
            self.words.push((word.kind, word.sample.clone()));
        }
        new
    }
}

/// An answer was taken in.
pub(super) fn recorded(job: &Job, recorded: &RecordOutcome, logged: &mut LogDedup) {
    let (bot, request_id) = (job.key.bot.as_str(), job.key.id.as_str());
    for kind in &recorded.inconsistencies {
        let kind_label = kind.as_label();
        if logged.is_new_kind(*kind) {
            tracing::warn!(
                bot,
                request_id,
                kind = kind_label,
                "the report contradicts itself; its values are shown as they came; for further jobs this is logged at level debug"
            );
        } else {
            tracing::debug!(bot, request_id, kind = kind_label, "the report contradicts itself");
        }
    }
    for word in &recorded.unrecognized {
        let (kind, sample) = (word.kind.as_label(), word.sample.as_deref().unwrap_or("(not shown)"));
        let count = word.count;
        if logged.is_new_word(word) {
            tracing::warn!(
                bot,
                request_id,
                kind,
                sample,
                count,
                "upstream uses a word that this exporter does not know; from here on it is logged at level debug"
            );
        } else {
            tracing::debug!(bot, request_id, kind, sample, count, "a word that is not known");
        }
    }
    match &recorded.standing {
        Transition::Finished(status) => {
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
        Transition::Gone => tracing::warn!(
            bot,
            request_id,
            "upstream does not know this job (any more); its last values stay until retention is over"
        ),
        Transition::Running { changed, entries } => {
            tracing::debug!(bot, request_id, status = job.status.as_label(), entries, changed, "job runs");
        }
        Transition::Unanswered | Transition::NotFollowed => {}
    }
}

/// A call gave no report.
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
pub(super) fn succeeded(bot: &mut BotRuntime, key: &JobKey, now: Timestamp) {
    bot.last_success = Some(now);
    if let Some(trouble) = bot.trouble.take() {
        let seconds = now.since(trouble.since).as_secs();
        tracing::info!(bot = key.bot.as_str(), after = trouble.outcome.as_label(), seconds, "upstream answers again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_and_kind_is_told_once() {
        let mut logged = LogDedup::default();
        let word = |sample: &str| Unrecognized {
            kind: UnrecognizedKind::JobStatus,
            sample: Some(sample.to_owned()),
            count: 1,
        };
        let new = ["PAUSED", "PAUSED", "ARCHIVED"].map(|sample| logged.is_new_word(&word(sample)));
        assert_eq!(new, [true, false, true]);
        let kinds = [Inconsistency::CountMismatch, Inconsistency::CountMismatch, Inconsistency::ModifiedBeforeCreated];
        assert_eq!(kinds.map(|kind| logged.is_new_kind(kind)), [true, false, false]);
        let many = (0..2 * MAX_TOLD_WORDS).filter(|number| logged.is_new_word(&word(&format!("W{number}"))));
        assert_eq!(many.count(), MAX_TOLD_WORDS - 2, "the words are bounded");
    }
}
