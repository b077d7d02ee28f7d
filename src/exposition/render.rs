//! Renders a whole page at once.

use super::bot_families::BOT_FAMILIES;
use super::campaign_families::CAMPAIGN_FAMILIES;
use super::exporter_families::{EXPORTER_FAMILIES, ExporterView};
use super::family::Family;
use super::format::Format;
use super::job_families::JOB_FAMILIES;
use super::row::Row;
use super::sample::push_header;
use crate::model::{BotMetrics, Campaign, Job};

/// Renders jobs, campaigns and bots in the given order. `exporter` is `None` if the page has no families of the exporter
/// itself, as in the response to a probe.
pub fn render<'a>(
    jobs: impl Iterator<Item = &'a Job> + Clone,
    campaigns: &[&Campaign],
    bots: &[BotMetrics],
    exporter: Option<&ExporterView>,
    format: Format,
) -> String {
    let mut page = String::new();
    page.extend(JOB_FAMILIES.iter().map(|row| all(row, jobs.clone(), format)));
    page.extend(CAMPAIGN_FAMILIES.iter().map(|row| all(row, campaigns.iter().copied(), format)));
    page.extend(BOT_FAMILIES.iter().map(|row| all(row, bots.iter(), format)));
    page.extend(EXPORTER_FAMILIES.iter().map(|row| all(row, exporter.into_iter(), format)));
    page.push_str(format.end());
    page
}

fn all<'a, S>(row: &Row<S>, sources: impl Iterator<Item = &'a S>, format: Format) -> String {
    family_text(&row.family, format, |text| sources.for_each(|source| row.write_to(source, text, format, None)))
}

/// A family with HELP and TYPE; empty if it has no samples.
pub(super) fn family_text(family: &Family, format: Format, write: impl FnOnce(&mut String)) -> String {
    let mut text = String::new();
    push_header(&mut text, family, format);
    let header = text.len();
    write(&mut text);
    if text.len() == header {
        text.clear();
    }
    text
}
