//! The families of jobs. All are gauges: upstream's numbers can fall, and the series of a job end with it.

use super::row::{Row, row};
use super::sample::{Number, Samples};
use crate::model::{EntryStatus, Job, JobNumber, JobState, JobStatus, LabelValue};

const JOB: &[&str] = &["bot", "request_id", "campaign"];

/// The row of a [`JobNumber`]; absent if the upstream does not send the field.
macro_rules! number {
    ($number:ident, $name:literal, $help:literal) => {
        row!(Gauge, $name, JOB, $help, |job, samples| optional(job, samples, job.numbers[JobNumber::$number]))
    };
}

/// The families of jobs, in the order of the page.
pub static JOB_FAMILIES: &[Row<Job>] = &[
    row!(
        Gauge,
        "koreai_job_info",
        &["bot", "request_id", "campaign", "api", "job_type", "action"],
        "Information about a job, including the labels of its target; always 1.",
        info
    ),
    row!(
        Gauge,
        "koreai_job_completion_ratio",
        JOB,
        "Completed share of the job, 0 to 1; absent if the upstream does not send it (V2).",
        |job, samples| optional(job, samples, job.completion)
    ),
    row!(
        Gauge,
        "koreai_job_status",
        &["bot", "request_id", "campaign", "status"],
        "Status of the job: 1 for the current status, 0 for the others; UNKNOWN until the first report.",
        status
    ),
    row!(
        Gauge,
        "koreai_job_notifications",
        &["bot", "request_id", "campaign", "channel", "status"],
        "Log entries in the last report, by channel and status. Channel ivr is the webhook channel.",
        notifications
    ),
    row!(
        Gauge,
        "koreai_job_failures",
        &["bot", "request_id", "campaign", "channel", "reason"],
        "FAILURE log entries in the last report, by channel and reason.",
        failures
    ),
    number!(
        Recipients,
        "koreai_job_recipients",
        "Recipients that were submitted with the job; absent if the upstream does not send it."
    ),
    number!(
        ReportedEntries,
        "koreai_job_reported_entries",
        "Number of log entries that the upstream reports; koreai_job_notifications counts the entries themselves."
    ),
    row!(
        Gauge,
        "koreai_job_created_timestamp_seconds",
        JOB,
        "Creation time of the job, in Unix seconds; absent if the upstream does not send it (V2).",
        |job, samples| optional(job, samples, job.created)
    ),
    row!(
        Gauge,
        "koreai_job_requested_timestamp_seconds",
        JOB,
        "Request time of the job, in Unix seconds; absent if the upstream does not send it (V2).",
        |job, samples| optional(job, samples, job.requested)
    ),
    row!(
        Gauge,
        "koreai_job_last_notification_timestamp_seconds",
        JOB,
        "Time of the latest log entry, in Unix seconds.",
        |job, samples| optional(job, samples, job.last_notification)
    ),
    row!(
        Gauge,
        "koreai_job_last_change_timestamp_seconds",
        JOB,
        "Time of the last poll whose report differed from the one before, in Unix seconds.",
        |job, samples| optional(job, samples, job.last_change)
    ),
    row!(
        Gauge,
        "koreai_job_finished_timestamp_seconds",
        JOB,
        "Time of the poll that found the job finished, in Unix seconds; absent until then.",
        |job, samples| optional(job, samples, job.finished)
    ),
    row!(
        Gauge,
        "koreai_job_expected_end_timestamp_seconds",
        JOB,
        "Expected end of a polled job at its current speed, in Unix seconds; absent if it cannot be foreseen.",
        |job, samples| optional(job, samples, job.expected_end)
    ),
    row!(
        Gauge,
        "koreai_job_polling",
        JOB,
        "Whether the job is polled regularly (1), or has finished, is gone (polled rarely) or was abandoned (0).",
        |job, samples| optional(job, samples, Some(job.state == JobState::Polling))
    ),
    row!(
        Gauge,
        "koreai_job_poll_up",
        JOB,
        "Whether the last poll of the job succeeded (1) or failed (0); absent before the first poll.",
        |job, samples| optional(job, samples, job.poll_up)
    ),
    row!(
        Gauge,
        "koreai_job_last_poll_success_timestamp_seconds",
        JOB,
        "Time of the last successful poll of the job, in Unix seconds.",
        |job, samples| optional(job, samples, job.last_poll_success)
    ),
];

fn info(job: &Job, samples: &mut Samples<'_>) {
    let mut line = samples.line("");
    line.labels(&job_labels(job));
    line.label("api", job.api.as_label());
    line.label("job_type", text(job.job_type.as_ref()));
    line.label("action", text(job.action.as_ref()));
    let mut previous = "";
    for (name, value) in job.labels.iter() {
        // A repeated name would make the whole scrape invalid; the names are sorted, so repetitions are adjacent.
        if name.as_str() != previous {
            line.label(name.as_str(), value.as_str());
        }
        previous = name.as_str();
    }
    line.end(1_u64);
}

fn status(job: &Job, samples: &mut Samples<'_>) {
    let [bot, id, campaign] = job_labels(job);
    for status in JobStatus::ALL {
        samples.sample(&[bot, id, campaign, ("status", status.as_label())], status == job.status);
    }
}

fn notifications(job: &Job, samples: &mut Samples<'_>) {
    let [bot, id, campaign] = job_labels(job);
    for tally in &job.tallies {
        for (status, count) in tally.entries {
            if status == EntryStatus::Unknown && count == 0 {
                continue;
            }
            let (channel, status) = (("channel", tally.channel.as_str()), ("status", status.as_label()));
            samples.sample(&[bot, id, campaign, channel, status], count);
        }
    }
}

fn failures(job: &Job, samples: &mut Samples<'_>) {
    let [bot, id, campaign] = job_labels(job);
    for tally in &job.tallies {
        for (reason, count) in &tally.failures {
            let (channel, reason) = (("channel", tally.channel.as_str()), ("reason", reason.as_str()));
            samples.sample(&[bot, id, campaign, channel, reason], *count);
        }
    }
}

fn optional(job: &Job, samples: &mut Samples<'_>, value: Option<impl Into<Number>>) {
    if let Some(value) = value {
        samples.sample(&job_labels(job), value);
    }
}

fn job_labels(job: &Job) -> [(&'static str, &str); 3] {
    [("bot", job.key.bot.as_str()), ("request_id", job.key.id.as_str()), ("campaign", text(job.campaign.as_ref()))]
}

fn text(label: Option<&LabelValue>) -> &str {
    label.map_or("", LabelValue::as_str)
}
