//! The incidents, in the order of the table.

mod exporters;
mod jobs;
mod notifications;
mod quiet;
mod scrapes;
mod upstream;

use crate::incident::Incident;

/// All of them.
pub(crate) fn all() -> Vec<Incident> {
    [upstream::all(), notifications::all(), jobs::all(), exporters::all(), scrapes::all(), quiet::all()]
        .into_iter()
        .flatten()
        .collect()
}
