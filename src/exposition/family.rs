//! A metric family: name, help, type and labels.

/// A metric family, as README, dashboards and rules know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The full name; a counter's ends in `_total`.
    pub name: &'static str,
    /// The text of `# HELP`: no backslash, quote or line break, so that it is the same in both formats.
    pub help: &'static str,
    /// The type.
    pub kind: Kind,
    /// The labels, in the order in which a sample has them. `campaign`, `job_type` and `action` are omitted if empty.
    /// `koreai_job_info` also has the labels of the target; a histogram has `le`.
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
