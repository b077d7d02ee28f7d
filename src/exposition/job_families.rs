//! The families of jobs. All are gauges: upstream's numbers can fall, and a job's series end with it.

use super::Row;
use super::catalogue::{kept, row};
use super::sample::{Number, Samples};
use crate::model::{EntryStatus, Job, JobStatus, LabelValue};

const JOB: &[&str] = &["bot", "request_id", "campaign"];

/// The families of jobs, in the order of the page.
pub static JOB_FAMILIES: &[Row<Job>] = &[
    row!(
        Gauge,
        "koreai_job_info",
        &["bot", "request_id", "campaign", "api", "job_type", "action"],
        kept!("What a job is, and the labels its target brought: always 1."),
        info
    ),
    row!(
        Gauge,
        "koreai_job_completion_ratio",
        JOB,
        kept!("How much of the job is done, 0 to 1; absent where the upstream does not say (V2)."),
        |job, samples| optional(job, samples, job.completion)
    ),
    row!(
        Gauge,
        "koreai_job_status",
        &["bot", "request_id", "campaign", "status"],
        kept!("The status of the job: 1 for the present one, 0 for the others; UNKNOWN until the first report."),
        status
    ),
    row!(
        Gauge,
        "koreai_job_notifications",
        &["bot", "request_id", "campaign", "channel", "status"],
        kept!(
            "Log entries of the last report, by channel and status. The channel ivr is the upstream's word for webhook."
        ),
        notifications
    ),
    row!(
        Gauge,
        "koreai_job_failures",
        &["bot", "request_id", "campaign", "channel", "reason"],
        kept!("FAILURE entries of the last report, by a closed set of reasons."),
        failures
    ),
    row!(
        Gauge,
        "koreai_job_recipients",
        JOB,
        kept!("Recipients that were submitted with the job; absent where the upstream does not say."),
        |job, samples| optional(job, samples, job.recipients)
    ),
    row!(
        Gauge,
        "koreai_job_reported_entries",
        JOB,
        kept!("How many log entries the upstream says there are; koreai_job_notifications has those that were there."),
        |job, samples| optional(job, samples, job.reported_entries)
    ),
    row!(
        Gauge,
        "koreai_job_created_timestamp_seconds",
        JOB,
        kept!("When the upstream created the job; absent where it does not say (V2)."),
        |job, samples| optional(job, samples, job.created)
    ),
    row!(
        Gauge,
        "koreai_job_requested_timestamp_seconds",
        JOB,
        kept!("When the job was requested; absent where the upstream does not say (V2)."),
        |job, samples| optional(job, samples, job.requested)
    ),
    row!(
        Gauge,
        "koreai_job_last_notification_timestamp_seconds",
        JOB,
        kept!("When the newest log entry was made."),
        |job, samples| optional(job, samples, job.last_notification)
    ),
    row!(
        Gauge,
        "koreai_job_last_change_timestamp_seconds",
        JOB,
        kept!("When a report was first seen to differ from the one before it."),
        |job, samples| optional(job, samples, job.last_change)
    ),
    row!(
        Gauge,
        "koreai_job_finished_timestamp_seconds",
        JOB,
        kept!("When the job was first seen finished; absent until then."),
        |job, samples| optional(job, samples, job.finished)
    ),
    row!(
        Gauge,
        "koreai_job_poll_up",
        JOB,
        kept!("Whether the last poll of the job told something; absent before the first poll."),
        |job, samples| optional(job, samples, job.poll_up)
    ),
    row!(
        Gauge,
        "koreai_job_last_poll_success_timestamp_seconds",
        JOB,
        kept!("When a poll of the job last told something: the age of everything else that is said about it."),
        |job, samples| optional(job, samples, job.last_poll_success)
    ),
];

fn info(job: &Job, samples: &mut Samples<'_>) {
    let mut line = samples.line("");
    line.labels(&own_labels(job));
    line.label("api", job.api.as_label());
    line.label("job_type", text(job.job_type.as_ref()));
    line.label("action", text(job.action.as_ref()));
    let mut previous = "";
    for (name, value) in job.labels.iter() {
        // They are sorted: a name that comes twice comes in a row, and would make the whole scrape unreadable.
        if name.as_str() != previous {
            line.label(name.as_str(), value.as_str());
        }
        previous = name.as_str();
    }
    line.end(1_u64);
}

fn status(job: &Job, samples: &mut Samples<'_>) {
    let [bot, id, campaign] = own_labels(job);
    for status in JobStatus::ALL {
        samples.sample(&[bot, id, campaign, ("status", status.as_label())], status == job.status);
    }
}

fn notifications(job: &Job, samples: &mut Samples<'_>) {
    let [bot, id, campaign] = own_labels(job);
    for tally in &job.tallies {
        for status in EntryStatus::ALL {
            let count = tally.count(status);
            if status == EntryStatus::Unknown && count == 0 {
                continue;
            }
            let (channel, status) = (("channel", tally.channel.as_str()), ("status", status.as_label()));
            samples.sample(&[bot, id, campaign, channel, status], count);
        }
    }
}

fn failures(job: &Job, samples: &mut Samples<'_>) {
    let [bot, id, campaign] = own_labels(job);
    for tally in &job.tallies {
        for (reason, count) in &tally.failures {
            let (channel, reason) = (("channel", tally.channel.as_str()), ("reason", reason.as_str()));
            samples.sample(&[bot, id, campaign, channel, reason], *count);
        }
    }
}

fn optional(job: &Job, samples: &mut Samples<'_>, value: Option<impl Into<Number>>) {
    if let Some(value) = value {
        samples.sample(&own_labels(job), value);
    }
}

fn own_labels(job: &Job) -> [(&'static str, &str); 3] {
    [("bot", job.key.bot.as_str()), ("request_id", job.key.id.as_str()), ("campaign", text(job.campaign.as_ref()))]
}

fn text(label: Option<&LabelValue>) -> &str {
    label.map_or("", LabelValue::as_str)
}
