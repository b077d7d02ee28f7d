//! The page at `/`: campaigns, then bots, then the most recently changed jobs.

use std::sync::Arc;

use askama::Template;

use super::Frame;
use super::bot_row::BotRow;
use super::problems::{Problem, problems};
use super::rows::{CampaignRow, JobTable};
use super::wording::state_heading;
use crate::model::{Campaign, JobState, JobStatus, Timestamp};
use crate::poller::{BotStatus, Listing};
use crate::store::SourceStatus;

/// The content of the page.
pub struct StatusView<'a> {
    /// Around it.
    pub frame: Frame<'a>,
    /// The filter, as it was given.
    pub filter: StatusFilter<'a>,
    /// Time and mistakes of the last reload, if it failed.
    pub failed_reload: Option<(Timestamp, String)>,
    /// The sources of targets.
    pub sources: &'a [SourceStatus],
    /// The campaigns to show, and how many match.
    pub campaigns: (&'a [Arc<Campaign>], usize),
    /// The bots.
    pub bots: &'a [BotStatus],
    /// The jobs.
    pub listing: &'a Listing,
}

/// The filter of the page, as it was given; empty texts do not filter.
#[derive(Debug, Clone, Copy, Default)]
pub struct StatusFilter<'a> {
    /// A campaign.
    pub campaign: &'a str,
    /// A status of jobs.
    pub status: Option<JobStatus>,
    /// A bot.
    pub bot: &'a str,
    /// A request ID or a part of one.
    pub request_id: &'a str,
    /// What is wrong with it.
    pub error: Option<&'a str>,
}

impl StatusFilter<'_> {
    fn active(&self) -> bool {
        self.status.is_some() || [self.campaign, self.bot, self.request_id].iter().any(|text| !text.is_empty())
    }
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    frame: Frame<'a>,
    filter: FilterForm<'a>,
    problems: Vec<Problem>,
    campaigns: Vec<CampaignRow<'a>>,
    campaigns_matching: usize,
    /// The headings of the columns of polling states.
    states: Vec<&'static str>,
    bots: Vec<BotRow<'a>>,
    jobs: JobTable<'a>,
}

struct FilterForm<'a> {
    campaign: &'a str,
    bot: &'a str,
    request_id: &'a str,
    statuses: Vec<StatusOption>,
    active: bool,
    error: Option<&'a str>,
}

struct StatusOption {
    label: &'static str,
    selected: bool,
}

/// Renders the page.
///
/// # Errors
/// None is known: the template writes to memory.
pub fn status_page(view: &StatusView<'_>) -> Result<String, askama::Error> {
    let filter = view.filter;
    let option = |status: JobStatus| StatusOption { label: status.as_label(), selected: filter.status == Some(status) };
    let (campaigns, campaigns_matching) = view.campaigns;
    StatusPage {
        frame: view.frame,
        filter: FilterForm {
            campaign: filter.campaign,
            bot: filter.bot,
            request_id: filter.request_id,
            statuses: JobStatus::ALL.into_iter().map(option).collect(),
            active: filter.active(),
            error: filter.error,
        },
        problems: problems(view.failed_reload.as_ref(), view.sources, view.frame.now),
        campaigns: campaigns.iter().map(|campaign| CampaignRow::new(campaign, &view.frame)).collect(),
        campaigns_matching,
        states: JobState::ALL.map(state_heading).to_vec(),
        bots: view.bots.iter().map(|bot| BotRow::new(bot, view.frame.now)).collect(),
        jobs: JobTable::new(view.listing, &view.frame, filter.active()),
    }
    .render()
}
