//! The page of one campaign.

use askama::Template;

use super::Frame;
use super::rows::{ChannelRow, Fact, HistoryTable, JobTable, Progress, channel_rows};
use super::wording::{NOTHING, ago, duration, expected, number, optional_date_time, optional_number, percent};
use crate::model::{Campaign, EntryStatus, HistoryPoint, JobState, JobStatus};
use crate::poller::Listing;

#[derive(Template)]
#[template(path = "campaign.html")]
struct CampaignPage<'a> {
    frame: Frame<'a>,
    name: &'a str,
    progress: Option<Progress>,
    facts: Vec<Fact>,
    channels: Vec<ChannelRow<'a>>,
    jobs: JobTable<'a>,
    history: HistoryTable,
}

/// Renders the page.
///
/// # Errors
/// None is known: the template writes to memory.
pub fn campaign_page(
    frame: Frame<'_>,
    campaign: &Campaign,
    history: &[HistoryPoint],
    listing: &Listing,
) -> Result<String, askama::Error> {
    let failures = campaign.failures.iter().map(|((channel, reason), count)| ((channel, reason), *count)).collect();
    let channels = campaign.notifications.iter().map(|(channel, counts)| (channel, *counts));
    CampaignPage {
        frame,
        name: campaign.key.name.as_str(),
        progress: Progress::of(campaign.totals.completion()),
        facts: facts(campaign, &frame),
        channels: channel_rows(channels, &failures),
        jobs: JobTable::new(listing, &frame, true),
        history: HistoryTable::of_campaign(history),
    }
    .render()
}

fn facts(campaign: &Campaign, frame: &Frame<'_>) -> Vec<Fact> {
    let totals = &campaign.totals;
    let jobs = totals.jobs.iter().filter(|(_, count)| **count > 0);
    let jobs: Vec<String> =
        jobs.map(|(state, count)| format!("{} {}", number(*count), JobState::as_label(state))).collect();
    let finished = campaign.jobs_finished.iter().filter(|(_, count)| **count > 0);
    let finished: Vec<String> =
        finished.map(|(status, count)| format!("{} {}", number(*count), JobStatus::from(status).as_label())).collect();
    let joined = |parts: Vec<String>| if parts.is_empty() { NOTHING.to_owned() } else { parts.join(", ") };
    vec![
        Fact { name: "Bot", value: campaign.key.bot.to_string() },
        Fact { name: "Delivered", value: number(campaign.entries(EntryStatus::Success)) },
        Fact { name: "Failed", value: number(campaign.entries(EntryStatus::Failure)) },
        Fact { name: "Delivery ratio", value: percent(campaign.delivered_ratio()) },
        Fact { name: "Recipients", value: optional_number(totals.recipients()) },
        Fact { name: "Jobs", value: joined(jobs) },
        Fact { name: "Jobs finished", value: joined(finished) },
        Fact { name: "First notification", value: optional_date_time(campaign.first_entry) },
        Fact { name: "Last notification", value: optional_date_time(campaign.last_entry) },
        Fact { name: "Duration", value: campaign.duration().map_or_else(|| NOTHING.to_owned(), duration) },
        Fact { name: "Expected end", value: expected(campaign.expected_end, frame.now) },
        Fact { name: "Last change", value: ago(Some(campaign.last_change), frame.now) },
    ]
}
