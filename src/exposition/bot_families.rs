//! The families of bots.

use enum_map::{EnumArray, EnumMap};

use super::row::{Row, row};
use super::sample::{Number, Samples};
use crate::model::{
    BotCounter, BotMetrics, BudgetWindow, Inconsistency, JobState, JobStatus, Outcome, SourceKind, TerminalStatus,
    Timestamp, UnrecognizedKind,
};

const BOT: &[&str] = &["bot"];

/// A counter without further labels.
macro_rules! unlabelled {
    ($counter:ident, $name:literal, $help:literal) => {
        row!(Counter, $name, BOT, $help, |bot, samples| {
            samples.counter(&[bot_label(bot)], bot.counters.unlabelled[BotCounter::$counter], bot.counters.created.all)
        })
    };
}

/// The families of bots, in the order of the page.
pub static BOT_FAMILIES: &[Row<BotMetrics>] = &[
    row!(
        Counter,
        "koreai_notifications_total",
        &["bot", "channel", "status"],
        "Log entries of all jobs, each counted once, by channel and status. Channel ivr is the webhook channel.",
        notifications
    ),
    row!(
        Counter,
        "koreai_notification_failures_total",
        &["bot", "channel", "reason"],
        "FAILURE log entries of all jobs, each counted once, by channel and reason.",
        failures
    ),
    row!(
        Histogram,
        "koreai_notification_delivery_seconds",
        &["bot", "channel"],
        "Time from the request of a job to each of its log entries, in seconds.",
        delivery
    ),
    row!(
        Counter,
        "koreai_jobs_finished_total",
        &["bot", "status"],
        "Finished jobs, by terminal status.",
        |bot, samples| counters_by_label(bot, samples, "status", terminal_label, &bot.counters.jobs_finished)
    ),
    row!(
        Histogram,
        "koreai_job_duration_seconds",
        &["bot", "status"],
        "Time from the request of a finished job to its last log entry, in seconds, by terminal status.",
        job_duration
    ),
    row!(Gauge, "koreai_jobs", &["bot", "state"], "Tracked jobs, by polling state.", |bot, samples| by_label(
        bot,
        samples,
        "state",
        JobState::as_label,
        &bot.gauges.jobs
    )),
    row!(
        Counter,
        "koreai_upstream_requests_total",
        &["bot", "outcome"],
        "Requests to the upstream, by outcome.",
        |bot, samples| counters_by_label(bot, samples, "outcome", Outcome::as_label, &bot.counters.requests)
    ),
    row!(
        Histogram,
        "koreai_upstream_request_duration_seconds",
        BOT,
        "Duration of requests to the upstream, including the response body, in seconds.",
        |bot, samples| samples.histogram(&[bot_label(bot)], &bot.counters.request_duration)
    ),
    unlabelled!(
        ResponseBytes,
        "koreai_upstream_response_bytes_total",
        "Size of response bodies from the upstream, in bytes after decompression."
    ),
    unlabelled!(
        ReceivedBytes,
        "koreai_upstream_received_bytes_total",
        "Size of response bodies from the upstream, in bytes before decompression."
    ),
    unlabelled!(
        NotModified,
        "koreai_upstream_not_modified_total",
        "Requests to the upstream that were answered with 304 (not modified); their outcome is ok."
    ),
    row!(
        Gauge,
        "koreai_upstream_budget_requests",
        &["bot", "window"],
        "Maximum requests to the upstream, by window.",
        |bot, samples| by_label(bot, samples, "window", BudgetWindow::as_label, &bot.gauges.budget)
    ),
    row!(
        Gauge,
        "koreai_upstream_budget_used_requests",
        &["bot", "window"],
        "Requests to the upstream in the current window, by window.",
        |bot, samples| by_label(bot, samples, "window", BudgetWindow::as_label, &bot.gauges.budget_used)
    ),
    row!(
        Gauge,
        "koreai_upstream_paused_until_timestamp_seconds",
        BOT,
        "End of the current pause in requests to the upstream, in Unix seconds; 0 if not paused.",
        |bot, samples| one(bot, samples, bot.gauges.paused_until.unwrap_or(Timestamp::from_millis(0)))
    ),
    row!(
        Gauge,
        "koreai_upstream_token_up",
        BOT,
        "Whether a token could be created (1) or not (0) for the last call; absent before the first call.",
        |bot, samples| if let Some(up) = bot.gauges.token_up {
            one(bot, samples, u64::from(up))
        }
    ),
    row!(
        Gauge,
        "koreai_upstream_token_expiry_timestamp_seconds",
        &["bot", "kind"],
        "Expiry of the current token, in Unix seconds, by kind: signed by the exporter, or from a file; absent if it has none.",
        token_expiry
    ),
    row!(
        Gauge,
        "koreai_upstream_last_answer_timestamp_seconds",
        BOT,
        "Time of the last answer of the upstream, whatever it was, in Unix seconds; absent before the first.",
        |bot, samples| if let Some(at) = bot.gauges.last_answer {
            one(bot, samples, at)
        }
    ),
    row!(
        Gauge,
        "koreai_exporter_targets",
        &["bot", "source"],
        "Targets currently provided, by source type.",
        |bot, samples| by_source(bot, samples, &bot.gauges.targets)
    ),
    row!(
        Gauge,
        "koreai_exporter_target_source_up",
        &["bot", "source"],
        "Whether every source of the type was last read successfully (1) or not (0).",
        |bot, samples| by_source(bot, samples, &bot.gauges.source_up)
    ),
    row!(
        Gauge,
        "koreai_exporter_polls_overdue",
        BOT,
        "Jobs that are due for a poll and wait for the request budget.",
        |bot, samples| one(bot, samples, bot.gauges.polls_overdue)
    ),
    row!(
        Histogram,
        "koreai_exporter_poll_delay_seconds",
        BOT,
        "Delay from the due time of a poll to its start, in seconds.",
        |bot, samples| samples.histogram(&[bot_label(bot)], &bot.counters.poll_delay)
    ),
    row!(
        Counter,
        "koreai_exporter_unrecognized_total",
        &["bot", "kind"],
        "Unrecognized values in upstream reports, by field.",
        |bot, samples| counters_by_label(bot, samples, "kind", UnrecognizedKind::as_label, &bot.counters.unrecognized)
    ),
    row!(
        Counter,
        "koreai_exporter_inconsistencies_total",
        &["bot", "kind"],
        "Contradictions found in upstream reports, by kind.",
        |bot, samples| counters_by_label(bot, samples, "kind", Inconsistency::as_label, &bot.counters.inconsistencies)
    ),
];

fn notifications(bot: &BotMetrics, samples: &mut Samples<'_>) {
    for (channel, counts) in &bot.counters.notifications {
        let created = bot.counters.created.channels.get(channel).copied();
        for (status, count) in *counts {
            let (channel, status) = (("channel", channel.as_str()), ("status", status.as_label()));
            samples.counter(&[bot_label(bot), channel, status], count, created);
        }
    }
}

fn failures(bot: &BotMetrics, samples: &mut Samples<'_>) {
    for (key, count) in &bot.counters.failures {
        let (channel, reason) = (("channel", key.0.as_str()), ("reason", key.1.as_str()));
        samples.counter(&[bot_label(bot), channel, reason], *count, bot.counters.created.failures.get(key).copied());
    }
}

fn delivery(bot: &BotMetrics, samples: &mut Samples<'_>) {
    for (channel, histogram) in &bot.counters.delivery {
        samples.histogram(&[bot_label(bot), ("channel", channel.as_str())], histogram);
    }
}

fn job_duration(bot: &BotMetrics, samples: &mut Samples<'_>) {
    for (status, histogram) in &bot.counters.job_duration {
        samples.histogram(&[bot_label(bot), ("status", terminal_label(status))], histogram);
    }
}

fn token_expiry(bot: &BotMetrics, samples: &mut Samples<'_>) {
    if let Some((kind, expiry)) = bot.gauges.token_expiry {
        samples.sample(&[bot_label(bot), ("kind", kind.as_label())], expiry);
    }
}

/// Source types that the bot does not have are omitted.
fn by_source<V: Copy + Into<Number>>(
    bot: &BotMetrics,
    samples: &mut Samples<'_>,
    values: &EnumMap<SourceKind, Option<V>>,
) {
    for (kind, value) in values {
        if let Some(value) = *value {
            samples.sample(&[bot_label(bot), ("source", kind.as_label())], value);
        }
    }
}

/// One sample per variant, in the order of the declaration.
fn by_label<K: EnumArray<u64>>(
    bot: &BotMetrics,
    samples: &mut Samples<'_>,
    label: &str,
    as_label: fn(K) -> &'static str,
    counts: &EnumMap<K, u64>,
) {
    for (key, count) in counts {
        samples.sample(&[bot_label(bot), (label, as_label(key))], *count);
    }
}

/// As [`by_label`], for counters.
fn counters_by_label<K: EnumArray<u64>>(
    bot: &BotMetrics,
    samples: &mut Samples<'_>,
    label: &str,
    as_label: fn(K) -> &'static str,
    counts: &EnumMap<K, u64>,
) {
    for (key, count) in counts {
        samples.counter(&[bot_label(bot), (label, as_label(key))], *count, bot.counters.created.all);
    }
}

fn one(bot: &BotMetrics, samples: &mut Samples<'_>, value: impl Into<Number>) {
    samples.sample(&[bot_label(bot)], value);
}

fn terminal_label(status: TerminalStatus) -> &'static str {
    JobStatus::from(status).as_label()
}

fn bot_label(bot: &BotMetrics) -> (&'static str, &str) {
    ("bot", bot.bot.as_str())
}
