//! The page of one job.

use std::collections::BTreeMap;

use askama::Template;

use super::Frame;
use super::rows::{ChannelRow, Fact, HistoryTable, Progress, channel_rows, last_error, link_of_campaign};
use super::wording::{NOTHING, ago, expected, optional_date_time, optional_number};
use crate::model::{Channel, HistoryPoint, JobNumber, LabelValue, Reason};
use crate::poller::ListedJob;

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage<'a> {
    frame: Frame<'a>,
    request_id: &'a str,
    status: &'static str,
    campaign: &'a str,
    campaign_link: Option<String>,
    progress: Option<Progress>,
    facts: Vec<Fact>,
    channels: Vec<ChannelRow<'a>>,
    history: HistoryTable,
}

/// Renders the page.
///
/// # Errors
/// None is known: the template writes to memory.
pub fn job_page(frame: Frame<'_>, listed: &ListedJob, history: &[HistoryPoint]) -> Result<String, askama::Error> {
    let job = &listed.job;
    let mut failures: BTreeMap<(&Channel, &Reason), u64> = BTreeMap::new();
    for tally in &job.tallies {
        for (reason, count) in &tally.failures {
            *failures.entry((&tally.channel, reason)).or_default() += count;
        }
    }
    let mut facts = vec![
        Fact { name: "Bot", value: job.key.bot.to_string() },
        Fact { name: "State", value: job.state.as_label().to_owned() },
        Fact { name: "API", value: job.api.as_label().to_owned() },
        Fact { name: "Recipients", value: optional_number(job.numbers[JobNumber::Recipients]) },
        Fact { name: "Requested", value: optional_date_time(job.requested.or(job.created)) },
        Fact { name: "First notification", value: optional_date_time(job.first_notification) },
        Fact { name: "Last notification", value: optional_date_time(job.last_notification) },
        Fact { name: "Expected end", value: expected(job.expected_end, frame.now) },
        Fact { name: "Found finished", value: optional_date_time(job.finished) },
        Fact { name: "Last change", value: ago(job.last_change, frame.now) },
        Fact { name: "Last poll", value: ago(listed.last_poll, frame.now) },
        Fact { name: "Last error", value: last_error(listed, frame.now).unwrap_or_else(|| NOTHING.to_owned()) },
    ];
    let labels: Vec<String> = job.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !labels.is_empty() {
        facts.push(Fact { name: "Labels", value: labels.join(", ") });
    }
    JobPage {
        frame,
        request_id: job.key.id.as_str(),
        status: job.status.as_label(),
        campaign: job.campaign.as_ref().map_or("", LabelValue::as_str),
        campaign_link: link_of_campaign(&job.key.bot, job.campaign.as_ref(), &frame),
        progress: Progress::of(job.completion),
        facts,
        channels: channel_rows(job.tallies.iter().map(|tally| (&tally.channel, tally.entries)), &failures),
        history: HistoryTable::of_job(history),
    }
    .render()
}
