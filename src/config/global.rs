//! `global`: settings of all bots.

use std::time::Duration;

use super::auth::Auth;
use crate::model::JobSeries;
use crate::yaml::{Decoder, Node, format_duration};

/// `global`. Every key is optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// `poll_interval`, 2s to 1h, default 15s: the minimum time between two polls of a job that makes progress. Upstream
    /// allows one call per two seconds for one request ID (docs/UPSTREAM.md#rate-limits).
    pub poll_interval: Duration,
    /// `max_poll_interval`, `poll_interval` to 1d, default 5m (or `poll_interval`, if that is longer): the maximum time
    /// between two polls of a job that makes no progress.
    pub max_poll_interval: Duration,
    /// `poll_timeout`, 100ms to 5m, default 10s: the timeout of one call, including the body.
    pub poll_timeout: Duration,
    /// `job_deadline`, 1m to 365d, default 1d: an unfinished job is abandoned after it.
    pub job_deadline: Duration,
    /// `retention`, 1m to 365d, default 6h: how long the series of an ended job are kept. Those of a gone job are kept at
    /// least until its `job_deadline`, because it is polled until then.
    pub retention: Duration,
    /// `campaign_retention`, 1h to 365d, default 7d: how long a campaign is kept after its last change.
    pub campaign_retention: Duration,
    /// `job_series`, default `all`: which jobs have series of their own.
    pub job_series: JobSeries,
    /// `max_jobs`, 1 to 1000000, default 100000: further jobs are dropped and counted.
    pub max_jobs: usize,
    /// `max_body_bytes`, 64KiB to 1GiB, default 64MiB: a longer response body is an error, before or after
    /// decompression. Bodies over 1 MiB are parsed as a stream, so this bounds time and traffic rather than memory.
    pub max_body_bytes: u64,
    /// `auth`: the credential of every bot that has no `auth`, such as an app for all bots of an account. Default: none.
    pub auth: Option<Auth>,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(15),
            max_poll_interval: Duration::from_secs(5 * 60),
            poll_timeout: Duration::from_secs(10),
            job_deadline: DAY,
            retention: Duration::from_secs(6 * 3600),
            campaign_retention: 7 * DAY,
            job_series: JobSeries::All,
            max_jobs: 100_000,
            max_body_bytes: 64 << 20,
            auth: None,
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
const KEYS: &[&str] = &[
    "poll_interval",
    "max_poll_interval",
    "poll_timeout",
    "job_deadline",
    "retention",
    "campaign_retention",
    "job_series",
    "max_jobs",
    "max_body_bytes",
    "auth",
];

fn job_series(d: &mut Decoder<'_>, node: &Node) -> Option<JobSeries> {
    const WANTED: &str = "all, unfinished or none";
    let text = d.text(node, WANTED)?;
    let found = JobSeries::ALL.into_iter().find(|series| series.as_label() == text);
    if found.is_none() {
        d.invalid(node, "value", format_args!("must be {WANTED}"));
    }
    found
}

impl Global {
    pub(super) fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, KEYS)?;
        let default = Self::default();
        let minute = Duration::from_secs(60);
        let mut duration = |key: &'static str, range| d.optional(&fields, key, |d, node| d.duration(node, range));
        let poll_interval = duration("poll_interval", Duration::from_secs(2)..=Duration::from_secs(3600));
        let max_poll_interval = duration("max_poll_interval", Duration::from_secs(2)..=DAY);
        let poll_timeout = duration("poll_timeout", Duration::from_millis(100)..=5 * minute);
        let job_deadline = duration("job_deadline", minute..=YEAR);
        let retention = duration("retention", minute..=YEAR);
        let campaign_retention = duration("campaign_retention", 60 * minute..=YEAR);
        let job_series = d.optional(&fields, "job_series", job_series);
        let max_jobs = d.optional(&fields, "max_jobs", |d, node| d.whole_number(node, 1..=1_000_000));
        let max_body_bytes = d.optional(&fields, "max_body_bytes", |d, node| d.bytes(node, (64 << 10)..=(1 << 30)));

        let auth = d.optional(&fields, "auth", Auth::decode);

        let poll_interval = poll_interval.unwrap_or(default.poll_interval);
        if max_poll_interval.is_some_and(|most| most < poll_interval) {
            d.under_key("max_poll_interval", |d| {
                d.mistake(fields.position_of("max_poll_interval"), || {
                    format!("must be at least poll_interval ({})", format_duration(poll_interval))
                });
            });
        }
        Some(Self {
            poll_interval,
            max_poll_interval: max_poll_interval.unwrap_or(default.max_poll_interval.max(poll_interval)),
            poll_timeout: poll_timeout.unwrap_or(default.poll_timeout),
            job_deadline: job_deadline.unwrap_or(default.job_deadline),
            retention: retention.unwrap_or(default.retention),
            campaign_retention: campaign_retention.unwrap_or(default.campaign_retention),
            job_series: job_series.unwrap_or(default.job_series),
            max_jobs: max_jobs.and_then(|jobs| usize::try_from(jobs).ok()).unwrap_or(default.max_jobs),
            max_body_bytes: max_body_bytes.unwrap_or(default.max_body_bytes),
            auth,
        })
    }
}
