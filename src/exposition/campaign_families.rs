//! The families of campaigns.

use super::row::{Row, row};
use super::sample::{Number, Samples};
use crate::model::{Campaign, JobState, JobStatus};

const CAMPAIGN: &[&str] = &["bot", "campaign"];

/// The families of campaigns, in the order of the page.
pub static CAMPAIGN_FAMILIES: &[Row<Campaign>] = &[
    row!(
        Gauge,
        "koreai_campaign_jobs",
        &["bot", "campaign", "state"],
        "Jobs of the campaign, by polling state, including jobs whose own series have expired.",
        jobs
    ),
    row!(
        Counter,
        "koreai_campaign_jobs_finished_total",
        &["bot", "campaign", "status"],
        "Finished jobs of the campaign, by terminal status.",
        jobs_finished
    ),
    row!(
        Counter,
        "koreai_campaign_notifications_total",
        &["bot", "campaign", "channel", "status"],
        "Log entries of the campaign, each counted once, by channel and status. Channel ivr is the webhook channel.",
        notifications
    ),
    row!(
        Counter,
        "koreai_campaign_notification_failures_total",
        &["bot", "campaign", "channel", "reason"],
        "FAILURE log entries of the campaign, each counted once, by channel and reason.",
        failures
    ),
    row!(
        Gauge,
        "koreai_campaign_recipients",
        CAMPAIGN,
        "Recipients of the jobs of the campaign that report their number; absent if none does.",
        |campaign, samples| optional(campaign, samples, campaign.totals.recipients())
    ),
    row!(
        Gauge,
        "koreai_campaign_completion_ratio",
        CAMPAIGN,
        "Completed share of the campaign, 0 to 1, weighted by recipients; absent if a job does not report its own (V2).",
        |campaign, samples| optional(campaign, samples, campaign.totals.completion())
    ),
    row!(
        Gauge,
        "koreai_campaign_expected_end_timestamp_seconds",
        CAMPAIGN,
        "Expected end of the last job of the campaign, in Unix seconds; absent unless the end of every polled job can be foreseen.",
        |campaign, samples| optional(campaign, samples, campaign.expected_end)
    ),
    row!(
        Gauge,
        "koreai_campaign_last_change_timestamp_seconds",
        CAMPAIGN,
        "Time of the last poll that changed the campaign, in Unix seconds.",
        |campaign, samples| optional(campaign, samples, Some(campaign.last_change))
    ),
];

fn jobs(campaign: &Campaign, samples: &mut Samples<'_>) {
    let [bot, name] = labels(campaign);
    for (state, count) in campaign.totals.jobs {
        samples.sample(&[bot, name, ("state", JobState::as_label(state))], count);
    }
}

fn jobs_finished(campaign: &Campaign, samples: &mut Samples<'_>) {
    let [bot, name] = labels(campaign);
    for (status, count) in campaign.jobs_finished {
        let status = ("status", JobStatus::from(status).as_label());
        samples.counter(&[bot, name, status], count, campaign.created.all);
    }
}

fn notifications(campaign: &Campaign, samples: &mut Samples<'_>) {
    let [bot, name] = labels(campaign);
    for (channel, counts) in &campaign.notifications {
        let created = campaign.created.channels.get(channel).copied();
        for (status, count) in *counts {
            let (channel, status) = (("channel", channel.as_str()), ("status", status.as_label()));
            samples.counter(&[bot, name, channel, status], count, created);
        }
    }
}

fn failures(campaign: &Campaign, samples: &mut Samples<'_>) {
    let [bot, name] = labels(campaign);
    for (key, count) in &campaign.failures {
        let (channel, reason) = (("channel", key.0.as_str()), ("reason", key.1.as_str()));
        samples.counter(&[bot, name, channel, reason], *count, campaign.created.failures.get(key).copied());
    }
}

fn optional(campaign: &Campaign, samples: &mut Samples<'_>, value: Option<impl Into<Number>>) {
    if let Some(value) = value {
        samples.sample(&labels(campaign), value);
    }
}

fn labels(campaign: &Campaign) -> [(&'static str, &str); 2] {
    [("bot", campaign.key.bot.as_str()), ("campaign", campaign.key.name.as_str())]
}
