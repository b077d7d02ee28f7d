//! A job's script and its truth: both are pure functions of the job and the time, so that a test can compute what an
//! exporter must have counted.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

/// What is said of a notification that arrived (UPSTREAM §7).
pub(super) const DELIVERED: &str = "Notification has been sent successfully";

/// A job, as plain data. Times are by the job clock.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedJob {
    /// `ds-…`.
    pub id: String,
    /// Which of the two APIs knows it; the other answers that there is no such ID.
    pub api: Api,
    /// Since when it exists; before, its ID is unknown.
    pub born: Duration,
    /// How many recipients it has; at most 1,000 at the real upstream.
    pub recipients: u32,
    /// Channels, taken in turn; a name that stands twice is taken twice as often. None: `msteams`.
    pub channels: Vec<String>,
    /// How many of a hundred recipients fail, spread evenly.
    pub failure_percent: u32,
    /// What is said of failures, in turn; `{who}` becomes the recipient. None: the documented text.
    pub comments: Vec<String>,
    /// Which generation of the v1 body is answered; V2 has only one.
    pub shape: Shape,
    /// How it goes on.
    pub plan: Plan,
    /// The label `campaign` at `GET /demo/targets/…`; the upstream itself knows no campaigns.
    pub campaign: Option<String>,
}

impl ScriptedJob {
    /// A v1 job that exists from the start and runs over one minute, without failures, on Teams.
    pub fn new(id: &str, recipients: u32) -> Self {
        Self {
            id: id.to_owned(),
            api: Api::V1,
            born: Duration::ZERO,
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

    /// The same job, where so many of a hundred fail.
    pub fn with_failures(self, failure_percent: u32) -> Self {
        Self { failure_percent, ..self }
    }

    /// The same job over these channels.
    pub fn over_channels(self, channels: &[&str]) -> Self {
        Self { channels: channels.iter().map(|channel| (*channel).to_owned()).collect(), ..self }
    }

    /// The truth at `now`; `None` where there is none: the job is not born yet, or its answers are literal.
    pub fn truth(&self, now: Duration) -> Option<Truth> {
        let age = now.checked_sub(self.born)?;
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
        let finished_at = is_terminal(&status).then(|| self.born + over);
        Some(self.tally(entries, status, gone, finished_at))
    }

    /// The entry at that place in the log.
    pub(super) fn entry(&self, index: u32) -> Entry<'_> {
        let failed = share(index + 1, self.failure_percent) > share(index, self.failure_percent);
        Entry { channel: self.channel(index), comment: if failed { self.failure(index) } else { DELIVERED }, failed }
    }

    /// How long after its birth that entry appears; the inverse of the number of entries at a time.
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

    /// Takes the channels in turn, shifted by one a round, so that evenly spread failures do not all fall on one channel.
    fn channel(&self, index: u32) -> &str {
        let Ok(count) = u32::try_from(self.channels.len()) else { return "msteams" };
        let place =
            index.checked_rem(count).zip(index.checked_div(count)).map(|(place, round)| (place + round) % count);
        in_turn(&self.channels, place.unwrap_or(0)).unwrap_or("msteams")
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

/// Which of the two APIs a job belongs to (UPSTREAM §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `…/notify`, with percentage, times and names.
    V1,
    /// `…/notifyV2`, with the log, its length and the status only.
    V2,
}

/// The two published generations of the v1 body (UPSTREAM §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As observed in 2023: with `countOfDockStatuses` and `store.identitiesCount`.
    Counted,
    /// As in the documentation: without them.
    Plain,
}

/// How a job goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Entries appear evenly over this time; then it has finished, as its entries say.
    Runs {
        /// From birth to end.
        over: Duration,
    },
    /// Runs as if to its end, but comes to a halt and stays `IN_PROGRESS` for ever.
    Stalls {
        /// The time that all of it would have taken.
        over: Duration,
        /// Where it halts, in percent of its recipients.
        at_percent: u32,
    },
    /// Runs, and then says this status: an unknown one, or one that does not fit.
    EndsAs {
        /// From birth to that status.
        over: Duration,
        /// The status, word for word.
        status: String,
    },
    /// Runs, and is forgotten upstream some time after its birth. With `after` zero its ID is unknown from the start.
    Gone {
        /// From birth to end.
        over: Duration,
        /// From birth to being forgotten.
        after: Duration,
    },
    /// Answers what a send answers, for ever: accepted, nothing done.
    Accepted,
    /// Literal answers, one a call; the last one is repeated. None: the ID is unknown.
    Answers(Vec<ScriptedResponse>),
}

impl Plan {
    /// One literal answer for every call: 200 with this body.
    pub fn fixed(body: impl Into<Bytes>) -> Self {
        Self::Answers(vec![ScriptedResponse::ok(body)])
    }
}

/// A literal answer.
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

/// What is true of a job at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The status, word for word.
    pub status: String,
    /// How many recipients it has.
    pub recipients: u32,
    /// How many entries its log has.
    pub entries: u32,
    /// The entries by channel.
    pub channels: BTreeMap<String, Counts>,
    /// Whether the upstream has forgotten it; then nobody can learn the rest any more.
    pub gone: bool,
    /// When it finished, if it has, by the job clock.
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

/// One entry of the log, as far as it depends on the script.
pub(super) struct Entry<'a> {
    pub(super) channel: &'a str,
    pub(super) comment: &'a str,
    pub(super) failed: bool,
}

/// The documented terminal values (UPSTREAM §2).
pub(super) fn is_terminal(status: &str) -> bool {
    matches!(status, "SUCCESS" | "FAILURE" | "PARTIAL_SUCCESS")
}

/// Failure texts: the one documented (with its apostrophes), and the sort of thing that channels say.
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
    let place = usize::try_from(index).ok()?.checked_rem(texts.len())?;
    texts.get(place).map(String::as_str)
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
    fn a_job_runs_evenly_and_finishes_by_its_results() {
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
    fn an_entry_is_counted_from_the_very_moment_that_it_carries() {
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
    fn a_stalled_job_never_gets_beyond_its_share() {
        let job = ScriptedJob::new("ds-1", 50).with_plan(Plan::Stalls { over: at(10), at_percent: 60 });
        let truth = job.truth(at(86_400)).unwrap();
        assert_eq!((truth.status.as_str(), truth.entries, truth.finished_at), ("IN_PROGRESS", 30, None));
    }

    #[test]
    fn an_unknown_status_is_no_end() {
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
