//! What a row of the catalogue is.

use super::sample::Samples;
use super::{BOT_FAMILIES, EXPORTER_FAMILIES, JOB_FAMILIES};

/// A metric family, as README, dashboards and rules know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The full name; a counter's ends in `_total`.
    pub name: &'static str,
    /// The text of `# HELP`: no backslash, no quote, no line break, so that it reads alike in both formats.
    pub help: &'static str,
    /// The type.
    pub kind: Kind,
    /// The labels, in the order in which a sample has them. `campaign`, `job_type` and `action` are left out where they
    /// have no value. `koreai_job_info` has the target's own labels besides; a histogram has `le`.
    pub labels: &'static [&'static str],
}

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// May fall.
    Gauge,
    /// Only grows.
    Counter,
    /// Cumulative buckets, sum and count.
    Histogram,
}

impl Kind {
    /// The word on the `# TYPE` line.
    pub const fn as_type(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// A family and how its samples are written from one `S`: a job, a bot's totals, the exporter's own view.
pub struct Row<S: 'static> {
    /// The family.
    pub family: Family,
    pub(super) write: fn(&S, &mut Samples<'_>),
}

/// Every family that is served, in the order of the page; `process_*` comes on top of them at scrape time.
pub fn families() -> impl Iterator<Item = &'static Family> {
    let jobs = JOB_FAMILIES.iter().map(|row| &row.family);
    let bots = BOT_FAMILIES.iter().map(|row| &row.family);
    let exporter = EXPORTER_FAMILIES.iter().map(|row| &row.family);
    jobs.chain(bots).chain(exporter)
}

/// A help text that says whose knowledge it is: what jobs and bots show was learnt by the poller, earlier.
macro_rules! kept {
    ($help:literal) => {
        concat!($help, " Kept by the poller; a scrape asks nothing.")
    };
}
pub(super) use kept;

/// A row of a gauge, counter or histogram.
macro_rules! row {
    ($kind:ident, $name:literal, $labels:expr, $help:expr, $write:expr) => {
        $crate::exposition::Row {
            family: $crate::exposition::Family {
                name: $name,
                help: $help,
                kind: $crate::exposition::Kind::$kind,
                labels: $labels,
            },
            write: $write,
        }
    };
}
pub(super) use row;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_their_endings_say_the_type() {
        let names: BTreeSet<_> = families().map(|family| family.name).collect();
        assert_eq!(names.len(), families().count());
        for family in families() {
            assert!(family.name.starts_with("koreai_"), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
            for ending in ["_count", "_sum", "_bucket", "_created", "_percent"] {
                assert!(!family.name.ends_with(ending), "{}", family.name);
            }
        }
    }

    #[test]
    fn help_reads_alike_in_both_formats_and_says_who_keeps_the_value() {
        for family in families() {
            assert!(!family.help.contains(['\\', '"', '\n']), "{}", family.name);
            let about_the_process = EXPORTER_FAMILIES.iter().any(|row| row.family == *family);
            assert!(about_the_process || family.help.contains("Kept by the poller"), "{}", family.name);
        }
    }
}
