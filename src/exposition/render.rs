//! Renders a whole page at once.

use super::bot_families::BOT_FAMILIES;
use super::exporter_families::{EXPORTER_FAMILIES, ExporterView};
use super::format::Format;
use super::job_families::JOB_FAMILIES;
use super::row::Row;
use super::sample::{Samples, push_header};
use crate::model::{BotMetrics, Job};

/// Renders jobs and bots in the given order. `exporter` is `None` if the page has no families of the exporter itself, as
/// in the response to a probe.
pub fn render<'a>(
    jobs: impl Iterator<Item = &'a Job> + Clone,
    bots: &[BotMetrics],
    exporter: Option<&ExporterView>,
    format: Format,
) -> String {
    let mut page = String::new();
    page.extend(JOB_FAMILIES.iter().map(|row| family_text(row, jobs.clone(), format)));
    page.extend(BOT_FAMILIES.iter().map(|row| family_text(row, bots.iter(), format)));
    page.extend(EXPORTER_FAMILIES.iter().map(|row| family_text(row, exporter.into_iter(), format)));
    page.push_str(format.end());
    page
}

/// A family with HELP and TYPE; empty if it has no samples.
pub(super) fn family_text<'a, S>(row: &Row<S>, sources: impl Iterator<Item = &'a S>, format: Format) -> String {
    let mut text = String::new();
    push_header(&mut text, &row.family, format);
    let header = text.len();
    for source in sources {
        (row.write)(source, &mut Samples::new(&mut text, &row.family, format));
    }
    if text.len() == header {
        text.clear();
    }
    text
}
