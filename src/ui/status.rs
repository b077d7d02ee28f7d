//! `/`: what this is, how each bot is, and the jobs that changed last.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::html::Escaped;
use crate::model::{EntryStatus, Job, JobNumber, JobStatus, Outcome, Timestamp};
use crate::poller::{BotStatus, ListedJob, Listing};

/// What the page shows.
pub struct StatusView<'a> {
    /// Version.
    pub version: &'a str,
    /// Commit.
    pub revision: &'a str,
    /// Path that comes before every link.
    pub prefix: &'a str,
    /// Path of the metrics.
    pub telemetry_path: &'a str,
    /// Readiness.
    pub ready: bool,
    /// The time now, for ages.
    pub now: Timestamp,
    /// The bots.
    pub bots: &'a [BotStatus],
    /// The jobs.
    pub listing: &'a Listing,
}

const STYLE: &str = "\
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:90rem;padding:0 1rem;color:#1c2024;background:#fff}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0}a{color:#0a58ca}\
.meta,.none{color:#596068}nav a{margin-right:1rem}div.wide{overflow-x:auto}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem 1.1rem .3rem 0;border-bottom:1px solid #e3e6e8;\
vertical-align:top;white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.words{white-space:normal}\
th{font-weight:600;color:#596068}code{font-size:.92em}\
.s{padding:.05rem .45rem;border-radius:.3rem;font-size:.85em;font-weight:600}\
.IN_PROGRESS{background:#dbeafe;color:#1e40af}.SUCCESS,.up{background:#dcfce7;color:#166534}\
.PARTIAL_SUCCESS{background:#ffedd5;color:#9a3412}.FAILURE,.down{background:#fee2e2;color:#991b1b}\
.UNKNOWN,.wait{background:#ede9fe;color:#5b21b6}\
@media(prefers-color-scheme:dark){body{background:#111417;color:#e4e7ea}a{color:#7ab7ff}th,.meta,.none{color:#98a1aa}\
th,td{border-color:#2a2f35}.IN_PROGRESS{background:#1e3a8a;color:#dbeafe}.SUCCESS,.up{background:#14532d;color:#dcfce7}\
.PARTIAL_SUCCESS{background:#7c2d12;color:#ffedd5}.FAILURE,.down{background:#7f1d1d;color:#fee2e2}\
.UNKNOWN,.wait{background:#4c1d95;color:#ede9fe}}";

/// Writes the page.
pub fn status_page(view: &StatusView<'_>) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _written = write_page(&mut page, view);
    page
}

fn write_page(page: &mut String, view: &StatusView<'_>) -> fmt::Result {
    let prefix = Escaped(view.prefix);
    let (state, class) =
        if view.ready { ("ready", "up") } else { ("starting: not every source has been read", "wait") };
    write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>koreai_exporter</title><style>{STYLE}</style>\
         <h1>koreai_exporter</h1><p class=meta>version {version}, revision {revision} <span class='s {class}'>{state}</span></p>\
         <p>Follows Kore.ai proactive notification jobs to their end and publishes what became of them.</p>\
         <nav><a href='{prefix}{metrics}'>Metrics</a><a href='{prefix}/config'>Configuration</a>\
         <a href='{prefix}/api/v1/jobs'>Jobs (JSON)</a><a href='{prefix}/-/healthy'>Health</a>\
         <a href='{prefix}/-/ready'>Readiness</a></nav>",
        version = Escaped(view.version),
        revision = Escaped(view.revision),
        metrics = Escaped(view.telemetry_path),
    )?;
    write_bots(page, view)?;
    write_jobs(page, view)?;
    page.write_str("</html>\n")
}

fn write_bots(page: &mut String, view: &StatusView<'_>) -> fmt::Result {
    page.write_str(
        "<h2>Bots</h2><div class=wide><table><tr><th>Bot<th>Upstream<th class=n>Polling<th class=n>Finished<th class=n>Gone\
         <th class=n>Given up<th class=n>Due, waiting<th class=n>Calls, last minute<th class=n>Calls, last hour<th>Last report",
    )?;
    for bot in view.bots {
        let gauges = &bot.metrics.gauges;
        write!(page, "<tr><td>{}<td class=words>", Escaped(&bot.metrics.bot))?;
        match (&bot.trouble, gauges.paused_until) {
            (Some((outcome, since, detail)), paused) => {
                write!(
                    page,
                    "<span class='s down'>{}</span> for {}: {}",
                    outcome_words(*outcome),
                    Age(view.now.since(*since)),
                    Escaped(detail)
                )?;
                if let Some(until) = paused {
                    write!(page, "; calls pause for {}", Age(until.since(view.now)))?;
                }
            }
            (None, Some(until)) => {
                write!(page, "<span class='s wait'>paused</span> for {}", Age(until.since(view.now)))?;
            }
            (None, None) if bot.last_success.is_some() => page.write_str("<span class='s up'>answers</span>")?,
            (None, None) => page.write_str("<span class=none>not asked yet</span>")?,
        }
        for count in gauges.jobs.values() {
            write!(page, "<td class=n>{count}")?;
        }
        write!(page, "<td class=n>{}", gauges.polls_overdue)?;
        for (window, used) in gauges.budget_used {
            write!(page, "<td class=n>{used} of {}", gauges.budget[window])?;
        }
        match bot.last_success {
            Some(at) => write!(page, "<td>{} ago", Age(view.now.since(at)))?,
            None => page.write_str("<td class=none>none yet")?,
        }
    }
    page.write_str("</table></div>")
}

fn write_jobs(page: &mut String, view: &StatusView<'_>) -> fmt::Result {
    let listing = view.listing;
    write!(page, "<h2>Jobs</h2>")?;
    if listing.jobs.is_empty() {
        return page.write_str(
            "<p class=none>No job is followed. Give request IDs in <code>static_configs</code>, by \
             <code>file_sd_configs</code> or <code>http_sd_configs</code>, or POST them to <code>/api/v1/jobs</code>.</p>",
        );
    }
    if listing.matching > listing.jobs.len() {
        write!(page, "<p class=meta>The {} that changed last, of {}.</p>", listing.jobs.len(), listing.matching)?;
    }
    page.write_str(
        "<div class=wide><table><tr><th>Request ID<th>Bot<th>Campaign<th>Status<th>State<th class=n>Done<th class=n>Recipients\
         <th class=n>Success<th class=n>Failure<th>Changed<th>Last poll",
    )?;
    listing.jobs.iter().try_for_each(|row| write_job(page, row, view.now))?;
    page.write_str("</table></div>")
}

/// What the upstream does not say of a job: V2 has neither percentage nor recipients.
const NOT_SENT: &str = "<td class='n none' title='the upstream does not say'>–";

fn write_job(page: &mut String, row: &ListedJob, now: Timestamp) -> fmt::Result {
    let Job { key, campaign, status, state, .. } = &row.job;
    write!(
        page,
        "<tr><td><code>{}</code><td>{}<td>{}<td><span class='s {status}'>{status}</span><td>{}",
        Escaped(&key.id),
        Escaped(&key.bot),
        Escaped(campaign.as_ref().map_or("", |campaign| campaign.as_str())),
        state.as_label(),
        status = JobStatus::as_label(*status),
    )?;
    match row.job.completion {
        Some(ratio) => write!(page, "<td class=n>{:.0} %", ratio * 100.0)?,
        None => page.write_str(NOT_SENT)?,
    }
    match row.job.numbers[JobNumber::Recipients] {
        Some(recipients) => write!(page, "<td class=n>{recipients}")?,
        None => page.write_str(NOT_SENT)?,
    }
    for status in [EntryStatus::Success, EntryStatus::Failure] {
        let sum: u64 = row.job.tallies.iter().map(|tally| tally.entries[status]).sum();
        write!(page, "<td class=n>{sum}")?;
    }
    match row.job.last_change {
        Some(at) => write!(page, "<td>{} ago", Age(now.since(at)))?,
        None => page.write_str("<td class=none>–")?,
    }
    match (row.last_poll, row.job.poll_up) {
        (Some(at), Some(false)) => write!(page, "<td>{} ago <span class='s down'>failed</span>", Age(now.since(at))),
        (Some(at), _) => write!(page, "<td>{} ago", Age(now.since(at))),
        (None, _) => page.write_str("<td class=none>not yet"),
    }
}

const fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unauthorized => "refuses the token",
        Outcome::RateLimited => "rate limit",
        Outcome::ServerError => "server error",
        Outcome::Timeout => "no answer in time",
        Outcome::Network => "not reachable",
        Outcome::UnexpectedNotFound => "wrong address (HTTP 404)",
        Outcome::Ok | Outcome::NotFound | Outcome::ClientError | Outcome::Malformed | Outcome::TooLarge => "failed",
    }
}

/// A duration in its largest unit that says something.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds @ 0..=119 => write!(f, "{seconds} s"),
            seconds @ 120..=7199 => write!(f, "{} min", seconds / 60),
            seconds @ 7200..=172_799 => write!(f, "{} h", seconds / 3600),
            seconds => write!(f, "{} d", seconds / 86_400),
        }
    }
}
