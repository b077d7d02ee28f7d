//! A row of the catalogue: a family and its writer.

use super::family::Family;
use super::sample::Samples;

/// A family, and how its samples are written from an `S`: a job, a bot's metrics, or the exporter's view of itself.
pub struct Row<S: 'static> {
    /// The family.
    pub family: Family,
    pub(super) write: fn(&S, &mut Samples<'_>),
}

/// A row of a gauge, counter or histogram.
macro_rules! row {
    ($kind:ident, $name:literal, $labels:expr, $help:expr, $write:expr) => {
        $crate::exposition::row::Row {
            family: $crate::exposition::family::Family {
                name: $name,
                help: $help,
                kind: $crate::exposition::family::Kind::$kind,
                labels: $labels,
            },
            write: $write,
        }
    };
}
pub(super) use row;
