//! A row of the catalogue: a family and its writer.

use super::family::{Family, Kind};
use super::format::Format;
use super::sample::Samples;
use super::zero_first::{Moment, ZeroFirst};

/// A family, and how its samples are written from an `S`: a job, a bot's metrics, or the exporter's view of itself.
pub struct Row<S: 'static> {
    /// The family.
    pub family: Family,
    pub(super) write: fn(&S, &mut Samples<'_>),
}

impl<S> Row<S> {
    /// Writes the samples of one source. `zeros`: a new counter series is at 0 first.
    pub(super) fn write_to(
        &self,
        source: &S,
        text: &mut String,
        format: Format,
        zeros: Option<(&mut ZeroFirst, Moment)>,
    ) {
        let zeros = zeros.filter(|_| self.family.kind == Kind::Counter);
        (self.write)(source, &mut Samples::new(text, &self.family, format, zeros));
    }
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
