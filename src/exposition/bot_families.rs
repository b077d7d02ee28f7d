//! The families of bots.

use super::Row;
use super::catalogue::{kept, row};
use super::sample::Samples;
use crate::model::{
    BotTotals, BudgetWindow, EntryStatus, Inconsistency, JobState, JobStatus, Outcome, SourceKind, Timestamp,
    UnrecognizedKind,
};

const BOT: &[&str] = &["bot"];

/// The families of bots, in the order of the page.
pub static BOT_FAMILIES: &[Row<BotTotals>] = &[
    row!(
        Counter,
        "koreai_notifications_total",
        &["bot", "channel", "status"],
        kept!("Log entries of all jobs, each counted once. The channel ivr is the upstream's word for webhook."),
        notifications
    ),
    row!(
        Counter,
        "koreai_notification_failures_total",
        &["bot", "channel", "reason"],
        kept!("FAILURE entries of all jobs by a closed set of reasons, each counted once."),
        failures
    ),
    row!(
        Histogram,
        "koreai_notification_delivery_seconds",
        &["bot", "channel"],
        kept!("From the request of a job to each of its log entries."),
        delivery
    ),
    row!(
        Counter,
        "koreai_jobs_finished_total",
        &["bot", "status"],
        kept!("Jobs seen finished, each counted once."),
        |bot, samples| by_label(
            bot,
            samples,
            "status",
            JobStatus::TERMINAL.map(JobStatus::as_label),
            bot.jobs_finished
        )
    ),
    row!(
        Histogram,
        "koreai_job_duration_seconds",
        &["bot", "status"],
        kept!("From the request of a job to its last log entry, by the status in which it ended."),
        job_duration
    ),
    row!(
        Gauge,
        "koreai_jobs",
        &["bot", "state"],
        kept!("Jobs that are followed or remembered, by what this exporter does about them."),
        |bot, samples| by_label(bot, samples, "state", JobState::ALL.map(JobState::as_label), bot.jobs)
    ),
    row!(
        Counter,
        "koreai_upstream_requests_total",
        &["bot", "outcome"],
        kept!("Calls to the upstream by what they came to."),
        |bot, samples| by_label(bot, samples, "outcome", Outcome::ALL.map(Outcome::as_label), bot.requests)
    ),
    row!(
        Histogram,
        "koreai_upstream_request_duration_seconds",
        BOT,
        kept!("How long calls to the upstream took, body included."),
        |bot, samples| samples.histogram(&[own_label(bot)], &bot.request_duration)
    ),
    row!(
        Counter,
        "koreai_upstream_response_bytes_total",
        BOT,
        kept!("Bytes of bodies received from the upstream, after decompression."),
        |bot, samples| samples.sample(&[own_label(bot)], bot.response_bytes)
    ),
    row!(
        Gauge,
        "koreai_upstream_budget_requests",
        &["bot", "window"],
        kept!("Calls that the configuration allows within a window."),
        |bot, samples| by_label(bot, samples, "window", BudgetWindow::ALL.map(BudgetWindow::as_label), bot.budget)
    ),
    row!(
        Gauge,
        "koreai_upstream_budget_used_requests",
        &["bot", "window"],
        kept!("Calls made within the window that ends now."),
        |bot, samples| by_label(bot, samples, "window", BudgetWindow::ALL.map(BudgetWindow::as_label), bot.budget_used)
    ),
    row!(
        Gauge,
        "koreai_upstream_paused_until_timestamp_seconds",
        BOT,
        kept!("Until when no call is made because the upstream refused; 0 while calls are made."),
        |bot, samples| samples.sample(&[own_label(bot)], bot.paused_until.unwrap_or(Timestamp::from_millis(0)))
    ),
    row!(
        Gauge,
        "koreai_upstream_token_expiry_timestamp_seconds",
        BOT,
        kept!("When the token in use runs out; absent where it does not say."),
        token_expiry
    ),
    row!(
        Gauge,
        "koreai_exporter_targets",
        &["bot", "source"],
        kept!("Targets that the sources of a kind name now."),
        |bot, samples| where_configured(bot, samples, bot.targets)
    ),
    row!(
        Gauge,
        "koreai_exporter_target_source_up",
        &["bot", "source"],
        kept!("Whether every source of a kind could be read the last time."),
        |bot, samples| where_configured(bot, samples, bot.source_up.map(|up| up.map(u64::from)))
    ),
    row!(
        Gauge,
        "koreai_exporter_polls_overdue",
        BOT,
        kept!("Jobs that are due and wait for the budget."),
        |bot, samples| samples.sample(&[own_label(bot)], bot.polls_overdue)
    ),
    row!(
        Histogram,
        "koreai_exporter_poll_delay_seconds",
        BOT,
        kept!("How late a due poll started."),
        |bot, samples| samples.histogram(&[own_label(bot)], &bot.poll_delay)
    ),
    row!(
        Counter,
        "koreai_exporter_unrecognized_total",
        &["bot", "kind"],
        kept!("Words of the upstream that this exporter does not know, by where they stood."),
        |bot, samples| {
            by_label(bot, samples, "kind", UnrecognizedKind::ALL.map(UnrecognizedKind::as_label), bot.unrecognized);
        }
    ),
    row!(
        Counter,
        "koreai_exporter_inconsistencies_total",
        &["bot", "kind"],
        kept!("Things that the upstream says and that cannot be so."),
        |bot, samples| {
            by_label(bot, samples, "kind", Inconsistency::ALL.map(Inconsistency::as_label), bot.inconsistencies);
        }
    ),
];

fn notifications(bot: &BotTotals, samples: &mut Samples<'_>) {
    for (channel, counts) in &bot.notifications {
        for (status, count) in EntryStatus::ALL.into_iter().zip(*counts) {
            samples.sample(&[own_label(bot), ("channel", channel.as_str()), ("status", status.as_label())], count);
        }
    }
}

fn failures(bot: &BotTotals, samples: &mut Samples<'_>) {
    for ((channel, reason), count) in &bot.failures {
        samples.sample(&[own_label(bot), ("channel", channel.as_str()), ("reason", reason.as_str())], *count);
    }
}

fn delivery(bot: &BotTotals, samples: &mut Samples<'_>) {
    for (channel, histogram) in &bot.delivery {
        samples.histogram(&[own_label(bot), ("channel", channel.as_str())], histogram);
    }
}

fn job_duration(bot: &BotTotals, samples: &mut Samples<'_>) {
    for (status, histogram) in JobStatus::TERMINAL.iter().zip(&bot.job_duration) {
        samples.histogram(&[own_label(bot), ("status", status.as_label())], histogram);
    }
}

fn token_expiry(bot: &BotTotals, samples: &mut Samples<'_>) {
    if let Some(expiry) = bot.token_expiry {
        samples.sample(&[own_label(bot)], expiry);
    }
}

fn where_configured(bot: &BotTotals, samples: &mut Samples<'_>, values: [Option<u64>; SourceKind::ALL.len()]) {
    for (kind, value) in SourceKind::ALL.into_iter().zip(values) {
        if let Some(value) = value {
            samples.sample(&[own_label(bot), ("source", kind.as_label())], value);
        }
    }
}

fn by_label<const N: usize>(
    bot: &BotTotals,
    samples: &mut Samples<'_>,
    label: &str,
    values: [&str; N],
    counts: [u64; N],
) {
    for (value, count) in values.into_iter().zip(counts) {
        samples.sample(&[own_label(bot), (label, value)], count);
    }
}

fn own_label(bot: &BotTotals) -> (&'static str, &str) {
    ("bot", bot.bot.as_str())
}
