//! What the log tells: each change of state once, repeated failures when they start and when they end.

use super::bot::{Bot, Trouble, concerns_bot};
use super::call::CallError;
use crate::model::{Inconsistency, Job, JobKey, Outcome, Timestamp, Unrecognized, UnrecognizedKind, with_causes};
use crate::store::{Recorded, Standing};

/// What a bot's log lines have told of already: the same from another job, or the next entry, is told at debug level only.
/// The metrics count all of them.
#[derive(Debug, Default)]
pub(super) struct Told {
    kinds: Vec<Inconsistency>,
    words: Vec<(UnrecognizedKind, Option<String>)>,
}

/// The most unknown words of a bot that are told of at level `warn`.
const MAX_TOLD_WORDS: usize = 50;

impl Told {
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
pub(super) fn recorded(job: &Job, recorded: &Recorded, told: &mut Told) {
    let (bot, request_id) = (job.key.bot.as_str(), job.key.id.as_str());
    for kind in &recorded.inconsistencies {
        let kind_label = kind.as_label();
        if told.is_new_kind(*kind) {
            tracing::warn!(
                bot,
                request_id,
                kind = kind_label,
                "the report contradicts itself; its values are shown as they came; for further jobs this is told at level debug"
            );
        } else {
            tracing::debug!(bot, request_id, kind = kind_label, "the report contradicts itself");
        }
    }
    for word in &recorded.unrecognized {
        let (kind, sample) = (word.kind.as_label(), word.sample.as_deref().unwrap_or("(not shown)"));
        let count = word.count;
        if told.is_new_word(word) {
            tracing::warn!(
                bot,
                request_id,
                kind,
                sample,
                count,
                "upstream uses a word that this exporter does not know; from here on it is told at level debug"
            );
        } else {
            tracing::debug!(bot, request_id, kind, sample, count, "a word that is not known");
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_and_kind_is_told_once() {
        let mut told = Told::default();
        let word = |sample: &str| Unrecognized {
            kind: UnrecognizedKind::JobStatus,
            sample: Some(sample.to_owned()),
            count: 1,
        };
        let new = ["PAUSED", "PAUSED", "ARCHIVED"].map(|sample| told.is_new_word(&word(sample)));
        assert_eq!(new, [true, false, true]);
        let kinds = [Inconsistency::CountMismatch, Inconsistency::CountMismatch, Inconsistency::ModifiedBeforeCreated];
        assert_eq!(kinds.map(|kind| told.is_new_kind(kind)), [true, false, false]);
        let many = (0..2 * MAX_TOLD_WORDS).filter(|number| told.is_new_word(&word(&format!("W{number}"))));
        assert_eq!(many.count(), MAX_TOLD_WORDS - 2, "the words are bounded");
    }
}
