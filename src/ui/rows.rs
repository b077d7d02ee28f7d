//! The rows of tables that several pages have.

use std::collections::BTreeMap;

use enum_map::EnumMap;
use url::form_urlencoded::Serializer;

use super::Frame;
use super::wording::{NOTHING, ago, date_time, duration, expected, number, optional_number, outcome_words, percent};
use crate::model::{
    BotName, Campaign, CampaignKey, Channel, EntryStatus, HistoryPoint, JobKey, JobNumber, JobState, JobStatus,
    LabelValue, MAX_CAMPAIGN_POINTS, MAX_JOB_POINTS, Reason, Timestamp,
};
use crate::poller::{ListedJob, Listing};

/// A completed share.
pub(super) struct Progress {
    pub(super) thousandths: u32,
    pub(super) percent: String,
}

impl Progress {
    pub(super) fn of(completion: Option<f64>) -> Option<Self> {
        let part = completion?.clamp(0.0, 1.0);
        Some(Self { thousandths: (part * 1000.0) as u32, percent: percent(Some(part)) })
    }
}

/// A row of the table of campaigns.
pub(super) struct CampaignRow<'a> {
    pub(super) name: &'a str,
    pub(super) bot: &'a str,
    pub(super) link: String,
    pub(super) progress: Option<Progress>,
    pub(super) finished: String,
    pub(super) jobs: String,
    pub(super) delivered: String,
    pub(super) failed: String,
    pub(super) has_failures: bool,
    pub(super) ratio: String,
    pub(super) expected_end: String,
    pub(super) last_change: String,
}

impl<'a> CampaignRow<'a> {
    pub(super) fn new(campaign: &'a Campaign, frame: &Frame<'_>) -> Self {
        let failed = campaign.entries(EntryStatus::Failure);
        let totals = &campaign.totals;
        Self {
            name: campaign.key.name.as_str(),
            bot: campaign.key.bot.as_str(),
            link: campaign_link(&campaign.key, frame),
            progress: Progress::of(totals.completion()),
            finished: number(totals.jobs[JobState::Finished]),
            jobs: number(totals.all_jobs()),
            delivered: number(campaign.entries(EntryStatus::Success)),
            failed: number(failed),
            has_failures: failed > 0,
            ratio: percent(campaign.delivered_ratio()),
            expected_end: expected(campaign.expected_end, frame.now),
            last_change: ago(Some(campaign.last_change), frame.now),
        }
    }
}

/// The table of jobs.
pub(super) struct JobTable<'a> {
    pub(super) rows: Vec<JobRow<'a>>,
    pub(super) matching: usize,
    /// Whether the page has a filter.
    pub(super) filtered: bool,
    /// Whether jobs can be registered by `POST /api/v1/jobs`.
    pub(super) job_api: bool,
}

/// A row of it.
pub(super) struct JobRow<'a> {
    pub(super) request_id: &'a str,
    pub(super) link: String,
    pub(super) bot: &'a str,
    pub(super) campaign: &'a str,
    pub(super) campaign_link: Option<String>,
    pub(super) status: &'static str,
    pub(super) state: &'static str,
    pub(super) done: String,
    pub(super) recipients: String,
    pub(super) delivered: String,
    pub(super) failed: String,
    pub(super) has_failures: bool,
    pub(super) last_change: String,
    pub(super) last_poll: String,
    /// What is wrong with its polls, and for how long.
    pub(super) error: Option<String>,
}

impl<'a> JobTable<'a> {
    pub(super) fn new(listing: &'a Listing, frame: &Frame<'_>, filtered: bool) -> Self {
        let rows = listing.jobs.iter().map(|listed| JobRow::new(listed, frame)).collect();
        Self { rows, matching: listing.matching, filtered, job_api: frame.job_api }
    }
}

impl<'a> JobRow<'a> {
    fn new(listed: &'a ListedJob, frame: &Frame<'_>) -> Self {
        let job = &listed.job;
        let sum = |status| job.tallies.iter().map(|tally| tally.entries[status]).sum::<u64>();
        let failed = sum(EntryStatus::Failure);
        Self {
            request_id: job.key.id.as_str(),
            link: job_link(&job.key, frame),
            bot: job.key.bot.as_str(),
            campaign: job.campaign.as_ref().map_or("", LabelValue::as_str),
            campaign_link: link_of_campaign(&job.key.bot, job.campaign.as_ref(), frame),
            status: job.status.as_label(),
            state: job.state.as_label(),
            done: percent(job.completion),
            recipients: optional_number(job.numbers[JobNumber::Recipients]),
            delivered: number(sum(EntryStatus::Success)),
            failed: number(failed),
            has_failures: failed > 0,
            last_change: ago(job.last_change, frame.now),
            last_poll: listed.last_poll.map_or_else(|| "not yet".to_owned(), |at| ago(Some(at), frame.now)),
            error: last_error(listed, frame.now),
        }
    }
}

/// What is wrong with the polls of a job, and for how long; `None` if the last one succeeded.
pub(super) fn last_error(listed: &ListedJob, now: Timestamp) -> Option<String> {
    let (outcome, since) = listed.failing?;
    Some(format!("{} for {}", outcome_words(outcome), duration(now.since(since))))
}

/// A row of the table of channels.
pub(super) struct ChannelRow<'a> {
    pub(super) name: &'a str,
    pub(super) delivered: String,
    pub(super) failed: String,
    pub(super) has_failures: bool,
    pub(super) unknown: String,
    pub(super) ratio: String,
    pub(super) reasons: Vec<ReasonCount<'a>>,
}

/// Failures of one reason.
pub(super) struct ReasonCount<'a> {
    pub(super) name: &'a str,
    pub(super) count: String,
}

/// The rows of the channels that have log entries; the reasons with most failures first.
pub(super) fn channel_rows<'a>(
    channels: impl Iterator<Item = (&'a Channel, EnumMap<EntryStatus, u64>)>,
    failures: &BTreeMap<(&'a Channel, &'a Reason), u64>,
) -> Vec<ChannelRow<'a>> {
    let with_entries = channels.filter(|(_, counts)| counts.values().any(|count| *count > 0));
    let row = |(channel, counts): (&'a Channel, EnumMap<EntryStatus, u64>)| {
        let (delivered, failed) = (counts[EntryStatus::Success], counts[EntryStatus::Failure]);
        let all = delivered.saturating_add(failed);
        let of_channel = failures.iter().filter(|((on, _), count)| *on == channel && **count > 0);
        let mut reasons: Vec<_> = of_channel.map(|((_, reason), count)| (*count, reason.as_str())).collect();
        reasons.sort_unstable_by(|a, b| b.cmp(a));
        ChannelRow {
            name: channel.as_str(),
            delivered: number(delivered),
            failed: number(failed),
            has_failures: failed > 0,
            unknown: number(counts[EntryStatus::Unknown]),
            ratio: percent((all > 0).then(|| delivered as f64 / all as f64)),
            reasons: reasons.into_iter().map(|(count, name)| ReasonCount { name, count: number(count) }).collect(),
        }
    };
    with_entries.map(row).collect()
}

/// A named value.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// The table of reports.
pub(super) struct HistoryTable {
    pub(super) title: &'static str,
    pub(super) note: String,
    pub(super) has_status: bool,
    pub(super) rows: Vec<HistoryRow>,
}

/// A row of it.
pub(super) struct HistoryRow {
    pub(super) time: String,
    pub(super) status: &'static str,
    pub(super) done: String,
    pub(super) delivered: String,
    pub(super) failed: String,
    pub(super) unknown: String,
}

impl HistoryTable {
    /// The reports of a job, latest first.
    pub(super) fn of_job(points: &[HistoryPoint]) -> Self {
        let note =
            format!("The last reports, at most {MAX_JOB_POINTS}. They are in memory only: a restart forgets them.");
        Self { title: "Reports", note, has_status: true, rows: rows(points) }
    }

    /// The course of a campaign, latest first.
    pub(super) fn of_campaign(points: &[HistoryPoint]) -> Self {
        let note = format!(
            "The course of the campaign in at most {MAX_CAMPAIGN_POINTS} steps. They are in memory only: a restart forgets them."
        );
        Self { title: "Course", note, has_status: false, rows: rows(points) }
    }
}

fn rows(points: &[HistoryPoint]) -> Vec<HistoryRow> {
    let row = |point: &HistoryPoint| HistoryRow {
        time: date_time(point.at),
        status: point.status.map_or(NOTHING, JobStatus::as_label),
        done: percent(point.completion),
        delivered: number(point.entries[EntryStatus::Success]),
        failed: number(point.entries[EntryStatus::Failure]),
        unknown: number(point.entries[EntryStatus::Unknown]),
    };
    points.iter().rev().map(row).collect()
}

/// The address of the page of a campaign.
pub(super) fn campaign_link(key: &CampaignKey, frame: &Frame<'_>) -> String {
    link(frame, "campaign", &[("bot", key.bot.as_str()), ("campaign", key.name.as_str())])
}

/// The address of the page of a job's campaign.
pub(super) fn link_of_campaign(bot: &BotName, name: Option<&LabelValue>, frame: &Frame<'_>) -> Option<String> {
    Some(campaign_link(&CampaignKey { bot: bot.clone(), name: name?.clone() }, frame))
}

fn job_link(key: &JobKey, frame: &Frame<'_>) -> String {
    link(frame, "job", &[("bot", key.bot.as_str()), ("request_id", key.id.as_str())])
}

fn link(frame: &Frame<'_>, page: &str, parameters: &[(&str, &str)]) -> String {
    let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{}/{page}?{query}", frame.prefix)
}
