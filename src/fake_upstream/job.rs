//! Scripted jobs. What is true of a job is a pure function of the job and the time, so a test can compute what an exporter
//! must have counted.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

/// `comments` of a delivered notification (docs/UPSTREAM.md#comments-texts).
pub(super) const DELIVERED: &str = "Notification has been sent successfully";

/// A job, as plain data. Times are those of the job clock.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedJob {
    /// `ds-…`.
    pub id: String,
    /// The API that knows the job; the other one rejects its ID.
    pub api: Api,
    /// When it is created; before, its ID is unknown.
    pub created_at: Duration,
    /// Number of recipients; at most 1,000 at the real upstream.
    pub recipients: u32,
    /// Channels, used in turn; a name listed twice is used twice as often. Empty: `msteams`.
    pub channels: Vec<String>,
    /// Percentage of recipients that fail, spread evenly.
    pub failure_percent: u32,
    /// `comments` of failures, used in turn; `{who}` becomes the recipient. Empty: the documented text.
    pub comments: Vec<String>,
    /// The generation of the v1 body; V2 has only one.
    pub shape: Shape,
    /// What happens to it.
    pub plan: Plan,
    /// The label `campaign` of `GET /demo/targets/…`; the upstream itself has no campaigns.
    pub campaign: Option<String>,
}

impl ScriptedJob {
    /// A v1 job on Teams that exists from the start and runs for one minute, without failures.
    pub fn new(id: &str, recipients: u32) -> Self {
        Self {
            id: id.to_owned(),
            api: Api::V1,
            created_at: Duration::ZERO,
            recipients,
            channels: vec!["msteams".to_owned()],
            failure_percent: 0,
            comments: failure_comments(),
            shape: Shape::Counted,
            plan: Plan::Runs { over: Duration::from_secs(60) },
            campaign: None,
        }
    }

    /// The same job with another plan.
    pub fn with_plan(self, plan: Plan) -> Self {
        Self { plan, ..self }
    }

    /// The same job with this percentage of failures.
    pub fn with_failures(self, failure_percent: u32) -> Self {
        Self { failure_percent, ..self }
    }

    /// The same job on these channels.
    pub fn over_channels(self, channels: &[&str]) -> Self {
        Self { channels: channels.iter().map(|channel| (*channel).to_owned()).collect(), ..self }
    }

    /// What is true at `now`; `None` if the job does not exist yet or its responses are literal.
    pub fn truth(&self, now: Duration) -> Option<Truth> {
        let age = now.checked_sub(self.created_at)?;
        let (over, last_status) = match &self.plan {
            Plan::Answers(_) => return None,
            Plan::Accepted => return Some(self.tally(0, "IN_PROGRESS".to_owned(), false, None)),
            Plan::Runs { over } | Plan::Gone { over, .. } => (*over, None),
            Plan::Stalls { over, at_percent } => {
                let entries = self.entries_within(age, *over).min(share(self.recipients, *at_percent));
                return Some(self.tally(entries, "IN_PROGRESS".to_owned(), false, None));
            }
            Plan::EndsAs { over, status } => (*over, Some(status)),
        };
        let entries = self.entries_within(age, over);
        let gone = matches!(self.plan, Plan::Gone { after, .. } if age >= after);
        if age < over {
            return Some(self.tally(entries, "IN_PROGRESS".to_owned(), gone, None));
        }
        let status = last_status.cloned().unwrap_or_else(|| self.result().to_owned());
        let finished_at = is_terminal(&status).then(|| self.created_at + over);
        Some(self.tally(entries, status, gone, finished_at))
    }

    /// The log entry at an index.
    pub(super) fn entry(&self, index: u32) -> Entry<'_> {
        let failed = share(index + 1, self.failure_percent) > share(index, self.failure_percent);
        Entry { channel: self.channel(index), comment: if failed { self.failure(index) } else { DELIVERED }, failed }
    }

    /// How long after the job's creation an entry appears; the inverse of the number of entries at a time.
    pub(super) fn entry_age(&self, index: u32) -> Duration {
        let nanos = self.span().as_nanos() * (u128::from(index) + 1);
        nanos_duration(nanos.div_ceil(u128::from(self.recipients.max(1))))
    }

    fn span(&self) -> Duration {
        match &self.plan {
            Plan::Runs { over } | Plan::Stalls { over, .. } | Plan::EndsAs { over, .. } | Plan::Gone { over, .. } => {
                *over
            }
            Plan::Accepted | Plan::Answers(_) => Duration::ZERO,
        }
    }

    fn entries_within(&self, age: Duration, over: Duration) -> u32 {
        if age >= over {
            return self.recipients;
        }
        u32::try_from(u128::from(self.recipients) * age.as_nanos() / over.as_nanos()).unwrap_or(self.recipients)
    }

    fn result(&self) -> &'static str {
        match share(self.recipients, self.failure_percent) {
            0 => "SUCCESS",
            failures if failures >= self.recipients => "FAILURE",
            _ => "PARTIAL_SUCCESS",
        }
    }

    /// The channels in turn, shifted by one per round, so that evenly spread failures do not all fall on one channel.
    fn channel(&self, index: u32) -> &str {
        let Ok(count) = u32::try_from(self.channels.len()) else { return "msteams" };
        let shifted =
            index.checked_rem(count).zip(index.checked_div(count)).map(|(position, round)| (position + round) % count);
        in_turn(&self.channels, shifted.unwrap_or(0)).unwrap_or("msteams")
    }

    fn failure(&self, index: u32) -> &str {
        in_turn(&self.comments, share(index, self.failure_percent))
            .unwrap_or("'Identity is not associated with the channel'")
    }

    fn tally(&self, entries: u32, status: String, gone: bool, finished_at: Option<Duration>) -> Truth {
        let mut channels: BTreeMap<String, Counts> = BTreeMap::new();
        for index in 0..entries {
            let entry = self.entry(index);
            if !channels.contains_key(entry.channel) {
                channels.insert(entry.channel.to_owned(), Counts::default());
            }
            if let Some(counts) = channels.get_mut(entry.channel) {
                if entry.failed { counts.failure += 1 } else { counts.success += 1 }
            }
        }
        Truth { status, recipients: self.recipients, entries, channels, gone, finished_at }
    }
}

/// The API a job belongs to (docs/UPSTREAM.md#status-apis).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `…/notify`: percentage, times and IDs.
    V1,
    /// `…/notifyV2`: only the log, its length and the status.
    V2,
}

/// The two published generations of the v1 body (docs/UPSTREAM.md#field-presence).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As observed in 2023, with `countOfDockStatuses` and `store.identitiesCount`.
    Counted,
    /// As documented, without them.
    Plain,
}

/// How a job goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Entries appear evenly; then the job finishes with the status that its entries imply.
    Runs {
        /// From creation to end.
        over: Duration,
    },
    /// Stops half-way and stays `IN_PROGRESS` forever.
    Stalls {
        /// The time that the whole job would take.
        over: Duration,
        /// Where it stops, in percent of its recipients.
        at_percent: u32,
    },
    /// Runs, and then reports this status: an unknown one, or one that contradicts the entries.
    EndsAs {
        /// From creation to that status.
        over: Duration,
        /// The status, verbatim.
        status: String,
    },
    /// Runs, but the upstream deletes it some time after its creation. With `after` zero its ID is never known.
    Gone {
        /// From creation to end.
        over: Duration,
        /// From creation to deletion.
        after: Duration,
    },
    /// Always answers what a send answers: accepted, nothing done.
    Accepted,
    /// Literal responses, one per call; the last one repeats. Empty: the ID is unknown.
    Answers(Vec<ScriptedResponse>),
}

impl Plan {
    /// The same literal response to every call: 200 with this body.
    pub fn fixed(body: impl Into<Bytes>) -> Self {
        Self::Answers(vec![ScriptedResponse::ok(body)])
    }
}

/// A literal response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedResponse {
    /// The HTTP code.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl ScriptedResponse {
    /// 200 with JSON.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::json(200, body)
    }

    /// Any code with JSON.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Self { status, headers, body: body.into() }
    }
}

/// What is true of a job at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The status, verbatim.
    pub status: String,
    /// Number of recipients.
    pub recipients: u32,
    /// Number of log entries.
    pub entries: u32,
    /// Log entries by channel.
    pub channels: BTreeMap<String, Counts>,
    /// Whether the upstream has deleted it, so that nobody can learn more.
    pub gone: bool,
    /// When it finished, by the job clock; `None` while it has not.
    pub finished_at: Option<Duration>,
}

/// Log entries by their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Entries with `SUCCESS`.
    pub success: u64,
    /// Entries with `FAILURE`.
    pub failure: u64,
}

/// The scripted part of a log entry.
pub(super) struct Entry<'a> {
    pub(super) channel: &'a str,
    pub(super) comment: &'a str,
    pub(super) failed: bool,
}

/// Whether a status is one of the documented terminal values (docs/UPSTREAM.md#status-values).
pub(super) fn is_terminal(status: &str) -> bool {
    matches!(status, "SUCCESS" | "FAILURE" | "PARTIAL_SUCCESS")
}

/// Failure texts: the documented one (with its apostrophes), and plausible errors of channels.
fn failure_comments() -> Vec<String> {
    [
        "'Identity is not associated with the channel'",
        "'Identity is not associated with the channel'",
        "Unable to resolve identity {who}",
        "Forbidden: {who} has blocked the bot",
        "Request to the channel timed out",
        "Too many requests: the channel is rate limited",
        "Channel answered with status code 500: \"upstream connect error\"",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn share(of: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(of) * u64::from(percent.min(100)) / 100).unwrap_or(of)
}

fn in_turn(texts: &[String], index: u32) -> Option<&str> {
    let index = usize::try_from(index).ok()?.checked_rem(texts.len())?;
    texts.get(index).map(String::as_str)
}

fn nanos_duration(nanos: u128) -> Duration {
    u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_job_runs_evenly_and_its_entries_decide_its_final_status() {
        let job = ScriptedJob::new("ds-1", 200).with_failures(30);
        let half = job.truth(at(30)).unwrap();
        assert_eq!((half.status.as_str(), half.entries, half.finished_at), ("IN_PROGRESS", 100, None));
        let end = job.truth(at(60)).unwrap();
        assert_eq!((end.status.as_str(), end.entries, end.finished_at), ("PARTIAL_SUCCESS", 200, Some(at(60))));
        assert_eq!(end.channels["msteams"], Counts { success: 140, failure: 60 });
        assert_eq!(job.clone().with_failures(0).truth(at(60)).unwrap().status, "SUCCESS");
        assert_eq!(job.with_failures(100).truth(at(60)).unwrap().status, "FAILURE");
    }

    #[test]
    fn an_entry_counts_from_exactly_its_own_time() {
        let job = ScriptedJob::new("ds-1", 7).with_plan(Plan::Runs { over: Duration::from_millis(1_000) });
        for index in 0..7 {
            let appears = job.entry_age(index);
            assert_eq!(job.truth(appears).unwrap().entries, index + 1);
            assert_eq!(job.truth(appears - Duration::from_nanos(1)).unwrap().entries, index);
        }
    }

    #[test]
    fn failures_are_spread_over_all_channels() {
        let job = ScriptedJob::new("ds-1", 1_000).with_failures(50).over_channels(&["msteams", "slack"]);
        let channels = job.truth(at(60)).unwrap().channels;
        assert_eq!(channels["msteams"], Counts { success: 250, failure: 250 });
        assert_eq!(channels["slack"], Counts { success: 250, failure: 250 });
    }

    #[test]
    fn a_stalled_job_never_exceeds_its_share() {
        let job = ScriptedJob::new("ds-1", 50).with_plan(Plan::Stalls { over: at(10), at_percent: 60 });
        let truth = job.truth(at(86_400)).unwrap();
        assert_eq!((truth.status.as_str(), truth.entries, truth.finished_at), ("IN_PROGRESS", 30, None));
    }

    #[test]
    fn an_unknown_status_is_not_an_end() {
        let job = ScriptedJob::new("ds-1", 5).with_plan(Plan::EndsAs { over: at(1), status: "ARCHIVED".to_owned() });
        let truth = job.truth(at(2)).unwrap();
        assert_eq!((truth.status.as_str(), truth.entries, truth.finished_at), ("ARCHIVED", 5, None));
    }

    #[test]
    fn strange_scripts_do_not_panic() {
        let mut job = ScriptedJob::new("ds-1", 0).with_failures(1_000).over_channels(&[]);
        job.comments.clear();
        assert_eq!(job.truth(Duration::MAX).unwrap().entries, 0);
        job.recipients = 3;
        assert_eq!(job.truth(Duration::MAX).unwrap().channels["msteams"], Counts { success: 0, failure: 3 });
        job.plan = Plan::Runs { over: Duration::ZERO };
        assert_eq!(job.truth(Duration::ZERO).unwrap().entries, 3);
        job.plan = Plan::Runs { over: Duration::MAX };
        assert_eq!(job.truth(at(1)).unwrap().entries, 0);
    }
}
