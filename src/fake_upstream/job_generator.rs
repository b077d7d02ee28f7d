//! The jobs of `demo`: at first one of everything that can happen, then a new job every 20 s for as long as it runs.

use std::time::Duration;

use super::job::{Api, Plan, ScriptedJob};

/// Index of the bot `support` in the tenant; its jobs use v1, because an exporter's bot has one API.
pub(super) const SUPPORT: usize = 0;

/// Index of the bot `sales` in the tenant; its jobs use V2.
pub(super) const SALES: usize = 1;

/// Generates the jobs of the demo: first those of a table, then one after another. A pure function of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobGenerator;

/// A job that an exporter should poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueJob {
    /// Index of the bot in the tenant.
    pub bot_index: usize,
    /// `ds-…`.
    pub request_id: String,
    /// The campaign it belongs to.
    pub campaign: String,
}

impl JobGenerator {
    /// The bot IDs of `support` and `sales`.
    pub const BOT_IDS: (&str, &str) =
        ("st-50000001-0000-4000-8000-000000000000", "st-50000002-0000-4000-8000-000000000000");

    /// How long a job exists. It bounds the number of jobs.
    pub const KEPT: Duration = Duration::from_secs(2 * 3600);

    /// The jobs that exist at a time of the job clock, oldest first.
    pub fn due(&self, elapsed: Duration) -> Vec<DueJob> {
        let oldest = elapsed.saturating_sub(Self::KEPT);
        let jobs = self.created_between(None, elapsed).into_iter().filter(|(_, job)| job.created_at >= oldest);
        jobs.map(|(bot_index, job)| DueJob {
            bot_index,
            request_id: job.id,
            campaign: job.campaign.unwrap_or_default(),
        })
        .collect()
    }

    /// Jobs created after `after` (or ever) and not after `until`, each with its bot's index; none older than [`Self::KEPT`].
    pub(super) fn created_between(self, after: Option<Duration>, until: Duration) -> Vec<(usize, ScriptedJob)> {
        let oldest = until.saturating_sub(Self::KEPT);
        let is_new = |created_at: Duration| {
            created_at <= until && created_at >= oldest && after.is_none_or(|after| created_at > after)
        };
        let table = TABLE.iter().zip(0..).map(|(row, number)| row.job(number));
        let first = oldest.as_secs() / SECONDS_PER_JOB;
        let last = until.as_secs() / SECONDS_PER_JOB;
        let later = (first.max(1)..=last).map(generated);
        table.chain(later).filter(|(_, job)| is_new(job.created_at)).collect()
    }
}

/// Seconds between two generated jobs.
const SECONDS_PER_JOB: u64 = 20;

enum Course {
    Ends,
    Stalls,
    Unknown,
    Forgotten,
    NeverKnown,
}

struct Row {
    bot: usize,
    campaign: &'static str,
    created_at: u64,
    recipients: u32,
    over: u64,
    failure_percent: u32,
    course: Course,
}

const fn row(
    bot: usize,
    campaign: &'static str,
    (created_at, over): (u64, u64),
    recipients: u32,
    failure_percent: u32,
    course: Course,
) -> Row {
    Row { bot, campaign, created_at, recipients, over, failure_percent, course }
}

/// The jobs of the first minute; the pair is the second of creation and the duration in seconds.
const TABLE: [Row; 25] = [
    row(SUPPORT, "outage-notice", (0, 60), 1_000, 2, Course::Ends),
    row(SUPPORT, "outage-notice", (0, 90), 1_000, 3, Course::Ends),
    row(SUPPORT, "outage-notice", (0, 150), 1_000, 0, Course::Ends),
    row(SUPPORT, "outage-notice", (2, 180), 800, 30, Course::Ends),
    row(SUPPORT, "outage-notice", (2, 200), 600, 100, Course::Ends),
    row(SUPPORT, "outage-notice", (5, 240), 1_000, 4, Course::Stalls),
    row(SUPPORT, "outage-notice", (5, 90), 120, 5, Course::Unknown),
    row(SUPPORT, "outage-notice", (5, 0), 0, 0, Course::NeverKnown),
    row(SUPPORT, "survey", (0, 120), 250, 0, Course::Ends),
    row(SUPPORT, "survey", (0, 300), 400, 1, Course::Ends),
    row(SUPPORT, "survey", (10, 360), 900, 0, Course::Ends),
    row(SUPPORT, "survey", (15, 420), 750, 6, Course::Ends),
    row(SUPPORT, "survey", (20, 240), 300, 12, Course::Forgotten),
    row(SUPPORT, "survey", (30, 480), 1_000, 2, Course::Ends),
    row(SALES, "spring-sale", (0, 60), 500, 0, Course::Ends),
    row(SALES, "spring-sale", (0, 120), 1_000, 1, Course::Ends),
    row(SALES, "spring-sale", (0, 180), 1_000, 30, Course::Ends),
    row(SALES, "spring-sale", (4, 240), 1_000, 4, Course::Ends),
    row(SALES, "spring-sale", (8, 120), 200, 100, Course::Ends),
    row(SALES, "spring-sale", (12, 300), 700, 3, Course::Stalls),
    row(SALES, "spring-sale", (16, 360), 1_000, 0, Course::Ends),
    row(SALES, "spring-sale", (20, 420), 1_000, 8, Course::Ends),
    row(SALES, "survey", (30, 240), 150, 0, Course::Ends),
    row(SALES, "survey", (40, 480), 320, 5, Course::Ends),
    row(SALES, "survey", (50, 90), 80, 45, Course::Unknown),
];

impl Row {
    fn job(&self, number: u64) -> (usize, ScriptedJob) {
        let over = Duration::from_secs(self.over);
        let plan = match self.course {
            Course::Ends => Plan::Runs { over },
            Course::Stalls => Plan::Stalls { over, at_percent: 60 },
            Course::Unknown => Plan::EndsAs { over, status: "ARCHIVED".to_owned() },
            Course::Forgotten => Plan::Gone { over, after: over / 2 },
            Course::NeverKnown => Plan::Gone { over, after: Duration::ZERO },
        };
        let channels: &[&str] = match self.bot {
            SUPPORT => &["msteams", "msteams", "slack"],
            _ => &["whatsapp", "whatsapp", "ivr", "hangouts"],
        };
        let id = format!("ds-{number:08x}-0000-4000-8000-de0000000000");
        let job = ScriptedJob::new(&id, self.recipients).with_plan(plan).with_failures(self.failure_percent);
        let job = job.over_channels(channels);
        let api = if self.bot == SUPPORT { Api::V1 } else { Api::V2 };
        let campaign = Some(self.campaign.to_owned());
        (self.bot, ScriptedJob { api, created_at: Duration::from_secs(self.created_at), campaign, ..job })
    }
}

/// The job created at `number` times [`SECONDS_PER_JOB`]. Sizes, durations and courses repeat in cycles of different lengths,
/// so that they mix.
fn generated(number: u64) -> (usize, ScriptedJob) {
    let bot = if number.is_multiple_of(3) { SALES } else { SUPPORT };
    let failure_percent = match number % 11 {
        4 => 30,
        9 => 100,
        few => u32::try_from(few % 4).unwrap_or(0),
    };
    let row = Row {
        bot,
        campaign: match number % 4 {
            0 => "survey",
            _ if bot == SALES => "spring-sale",
            _ => "outage-notice",
        },
        created_at: number * SECONDS_PER_JOB,
        recipients: u32::try_from(100 + number * 137 % 900).unwrap_or(100),
        over: 60 + number * 53 % 420,
        failure_percent,
        course: match number % 37 {
            17 => Course::Stalls,
            29 => Course::Unknown,
            _ => Course::Ends,
        },
    };
    row.job(0x0100_0000 + number)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn jobs_are_created_at_a_steady_pace_and_old_ones_are_dropped() {
        let ids = |seconds: u64| JobGenerator.due(Duration::from_secs(seconds)).len();
        assert_eq!(ids(1), 8);
        assert_eq!(ids(60), 25 + 3);
        assert_eq!(ids(600), 25 + 30);
        assert_eq!(ids(1_000_000), 361, "two hours of one every 20 s, both ends included");
    }

    #[test]
    fn generation_in_steps_gives_the_same_jobs_as_at_once() {
        let at = Duration::from_secs;
        let mut steps = JobGenerator.created_between(None, at(7));
        for second in 8..=200 {
            steps.extend(JobGenerator.created_between(Some(at(second - 1)), at(second)));
        }
        let ids = |jobs: &[(usize, ScriptedJob)]| jobs.iter().map(|(_, job)| job.id.clone()).collect::<HashSet<_>>();
        let at_once = JobGenerator.created_between(None, at(200));
        assert_eq!((steps.len(), ids(&steps)), (at_once.len(), ids(&at_once)));
        assert_eq!(ids(&at_once).len(), at_once.len(), "no ID twice");
    }

    #[test]
    fn the_first_minutes_show_every_status() {
        let truths: Vec<_> = JobGenerator
            .created_between(None, Duration::from_secs(400))
            .iter()
            .filter_map(|(_, job)| job.truth(Duration::from_secs(400)))
            .collect();
        for status in ["IN_PROGRESS", "SUCCESS", "PARTIAL_SUCCESS", "FAILURE", "ARCHIVED"] {
            assert!(truths.iter().any(|truth| truth.status == status), "{status}");
        }
        assert!(truths.iter().any(|truth| truth.gone));
    }
}
