//! Suppresses repeated warnings.

use super::repeats::Repeats;
use crate::model::{Inconsistency, Unrecognized, UnrecognizedKind};

/// The most unrecognized values of one bot that are logged as warnings.
const MAX_LOGGED_VALUES: usize = 50;

/// What has been logged about the reports of one bot. A repetition, from the same or another job, is logged at debug level
/// only. The metrics count every occurrence.
#[derive(Debug, Default)]
pub(super) struct LogDedup {
    inconsistencies: Vec<Inconsistency>,
    values: Vec<(UnrecognizedKind, Option<String>)>,
    /// Failed polls of unknown jobs.
    pub(super) unknown: Repeats,
    /// Known jobs that are gone.
    pub(super) gone: Repeats,
}

impl LogDedup {
    /// Whether this kind of inconsistency is logged for the first time.
    pub(super) fn is_new_inconsistency(&mut self, kind: Inconsistency) -> bool {
        // Upstream's own published examples have it: `lMod` in whole seconds, `createdOn` in milliseconds.
        let new = kind != Inconsistency::ModifiedBeforeCreated && !self.inconsistencies.contains(&kind);
        if new {
            self.inconsistencies.push(kind);
        }
        new
    }

    /// Whether this unrecognized value is logged for the first time.
    pub(super) fn is_new_value(&mut self, value: &Unrecognized) -> bool {
        let known = self.values.iter().any(|(kind, sample)| *kind == value.kind && *sample == value.sample);
        let new = !known && self.values.len() < MAX_LOGGED_VALUES;
        if new {
            self.values.push((value.kind, value.sample.clone()));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_and_inconsistency_is_new_once() {
        let mut logged = LogDedup::default();
        let value = |sample: &str| Unrecognized {
            kind: UnrecognizedKind::JobStatus,
            sample: Some(sample.to_owned()),
            count: 1,
        };
        let new = ["PAUSED", "PAUSED", "ARCHIVED"].map(|sample| logged.is_new_value(&value(sample)));
        assert_eq!(new, [true, false, true]);
        let kinds = [Inconsistency::CountMismatch, Inconsistency::CountMismatch, Inconsistency::ModifiedBeforeCreated];
        assert_eq!(kinds.map(|kind| logged.is_new_inconsistency(kind)), [true, false, false]);
        let many = (0..2 * MAX_LOGGED_VALUES).filter(|number| logged.is_new_value(&value(&format!("W{number}"))));
        assert_eq!(many.count(), MAX_LOGGED_VALUES - 2, "the values are bounded");
    }
}
