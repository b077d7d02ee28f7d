//! The scenario of `demo`: two bots, three campaigns, one of everything that can happen, and new jobs for as long as it
//! runs.

use std::time::Duration;

use super::fault::{Fault, FaultRule};
use super::job::{Api, Plan, ScriptedJob};
use super::tenant::{RefusalForm, RefusalText, RetryAfter, Tenant, TenantBot};
use super::token::Credential;

/// The bots' places in the tenant: `support`, all on v1, and `sales`, all on V2, as an exporter's bot has one API.
const SUPPORT: usize = 0;
const SALES: usize = 1;

/// The tenant of `demo`, started at that time (milliseconds since the Unix epoch). The first
/// bot, `support`, takes tokens without a `jti`; the second, `sales`, enforces them.
pub fn demo_tenant(started_at_millis: i64, support: Credential, sales: Credential) -> Tenant {
    let mut bots =
        vec![TenantBot::new(JobGenerator::BOT_IDS.0, support), TenantBot::new(JobGenerator::BOT_IDS.1, sales)];
    if let Some(sales) = bots.get_mut(SALES) {
        sales.enforce_jti = true;
    }
    let seconds = Duration::from_secs;
    let refused = RefusalForm { status: 429, retry_after: RetryAfter::Seconds(10), text: RefusalText::NamesWindow };
    let faults = vec![
        FaultRule::always(Fault::RefuseRate(refused)).between(seconds(90), seconds(110)).every(seconds(300)),
        FaultRule::always(Fault::Status(502)).between(seconds(200), seconds(208)).every(seconds(300)),
    ];
    Tenant { faults, newborn: Some(JobGenerator), ..Tenant::new(started_at_millis, bots) }
}

/// The jobs of the demo, first a table and then one after the other for ever; a pure function of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobGenerator;

/// A job that an exporter should follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueJob {
    /// The bot's place in the tenant.
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

    /// How long a job is listed and answered after its birth. It bounds how many there are at a time.
    pub const KEPT: Duration = Duration::from_secs(2 * 3600);

    /// The jobs that exist at that time by the job clock, oldest first.
    pub fn due(&self, elapsed: Duration) -> Vec<DueJob> {
        let oldest = elapsed.saturating_sub(Self::KEPT);
        let jobs = self.born_between(None, elapsed).into_iter().filter(|(_, job)| job.born >= oldest);
        jobs.map(|(bot_index, job)| DueJob {
            bot_index,
            request_id: job.id,
            campaign: job.campaign.unwrap_or_default(),
        })
        .collect()
    }

    /// Jobs born after `after` (or ever) and not after `until`, each with its bot's place; none older than [`Self::KEPT`].
    pub(super) fn born_between(self, after: Option<Duration>, until: Duration) -> Vec<(usize, ScriptedJob)> {
        let oldest = until.saturating_sub(Self::KEPT);
        let is_new = |born: Duration| born <= until && born >= oldest && after.is_none_or(|after| born > after);
        let table = TABLE.iter().zip(0..).map(|(row, number)| row.job(number));
        let first = oldest.as_secs() / BIRTH_EVERY_SECONDS;
        let last = until.as_secs() / BIRTH_EVERY_SECONDS;
        let later = (first.max(1)..=last).map(newborn);
        table.chain(later).filter(|(_, job)| is_new(job.born)).collect()
    }
}

/// A new job is born this often.
const BIRTH_EVERY_SECONDS: u64 = 20;

enum Fate {
    Ends,
    Stalls,
    Unknown,
    Forgotten,
    NeverKnown,
}

struct Row {
    bot: usize,
    campaign: &'static str,
    born: u64,
    recipients: u32,
    over: u64,
    failure_percent: u32,
    fate: Fate,
}

const fn row(
    bot: usize,
    campaign: &'static str,
    (born, over): (u64, u64),
    recipients: u32,
    failure_percent: u32,
    fate: Fate,
) -> Row {
    Row { bot, campaign, born, recipients, over, failure_percent, fate }
}

/// What is there at the start and within the first minute; seconds of birth and of running.
const TABLE: [Row; 25] = [
    row(SUPPORT, "outage-notice", (0, 60), 1_000, 2, Fate::Ends),
    row(SUPPORT, "outage-notice", (0, 90), 1_000, 3, Fate::Ends),
    row(SUPPORT, "outage-notice", (0, 150), 1_000, 0, Fate::Ends),
    row(SUPPORT, "outage-notice", (2, 180), 800, 30, Fate::Ends),
    row(SUPPORT, "outage-notice", (2, 200), 600, 100, Fate::Ends),
    row(SUPPORT, "outage-notice", (5, 240), 1_000, 4, Fate::Stalls),
    row(SUPPORT, "outage-notice", (5, 90), 120, 5, Fate::Unknown),
    row(SUPPORT, "outage-notice", (5, 0), 0, 0, Fate::NeverKnown),
    row(SUPPORT, "survey", (0, 120), 250, 0, Fate::Ends),
    row(SUPPORT, "survey", (0, 300), 400, 1, Fate::Ends),
    row(SUPPORT, "survey", (10, 360), 900, 0, Fate::Ends),
    row(SUPPORT, "survey", (15, 420), 750, 6, Fate::Ends),
    row(SUPPORT, "survey", (20, 240), 300, 12, Fate::Forgotten),
    row(SUPPORT, "survey", (30, 480), 1_000, 2, Fate::Ends),
    row(SALES, "spring-sale", (0, 60), 500, 0, Fate::Ends),
    row(SALES, "spring-sale", (0, 120), 1_000, 1, Fate::Ends),
    row(SALES, "spring-sale", (0, 180), 1_000, 30, Fate::Ends),
    row(SALES, "spring-sale", (4, 240), 1_000, 4, Fate::Ends),
    row(SALES, "spring-sale", (8, 120), 200, 100, Fate::Ends),
    row(SALES, "spring-sale", (12, 300), 700, 3, Fate::Stalls),
    row(SALES, "spring-sale", (16, 360), 1_000, 0, Fate::Ends),
    row(SALES, "spring-sale", (20, 420), 1_000, 8, Fate::Ends),
    row(SALES, "survey", (30, 240), 150, 0, Fate::Ends),
    row(SALES, "survey", (40, 480), 320, 5, Fate::Ends),
    row(SALES, "survey", (50, 90), 80, 45, Fate::Unknown),
];

impl Row {
    fn job(&self, number: u64) -> (usize, ScriptedJob) {
        let over = Duration::from_secs(self.over);
        let plan = match self.fate {
            Fate::Ends => Plan::Runs { over },
            Fate::Stalls => Plan::Stalls { over, at_percent: 60 },
            Fate::Unknown => Plan::EndsAs { over, status: "ARCHIVED".to_owned() },
            Fate::Forgotten => Plan::Gone { over, after: over / 2 },
            Fate::NeverKnown => Plan::Gone { over, after: Duration::ZERO },
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
        (self.bot, ScriptedJob { api, born: Duration::from_secs(self.born), campaign, ..job })
    }
}

/// The job born at `number` times the pace: sizes, times and fates go round in cycles of different lengths, so that they
/// mix.
fn newborn(number: u64) -> (usize, ScriptedJob) {
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
        born: number * BIRTH_EVERY_SECONDS,
        recipients: u32::try_from(100 + number * 137 % 900).unwrap_or(100),
        over: 60 + number * 53 % 420,
        failure_percent,
        fate: match number % 37 {
            17 => Fate::Stalls,
            29 => Fate::Unknown,
            _ => Fate::Ends,
        },
    };
    row.job(0x0100_0000 + number)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn jobs_keep_being_born_and_the_old_ones_are_dropped() {
        let ids = |seconds: u64| JobGenerator.due(Duration::from_secs(seconds)).len();
        assert_eq!(ids(1), 8);
        assert_eq!(ids(60), 25 + 3);
        assert_eq!(ids(600), 25 + 30);
        assert_eq!(ids(1_000_000), 361, "two hours of one every 20 s, both ends included");
    }

    #[test]
    fn births_in_steps_are_the_births_at_once() {
        let at = Duration::from_secs;
        let mut steps = JobGenerator.born_between(None, at(7));
        for second in 8..=200 {
            steps.extend(JobGenerator.born_between(Some(at(second - 1)), at(second)));
        }
        let ids = |jobs: &[(usize, ScriptedJob)]| jobs.iter().map(|(_, job)| job.id.clone()).collect::<HashSet<_>>();
        let at_once = JobGenerator.born_between(None, at(200));
        assert_eq!((steps.len(), ids(&steps)), (at_once.len(), ids(&at_once)));
        assert_eq!(ids(&at_once).len(), at_once.len(), "no ID twice");
    }

    #[test]
    fn the_first_minutes_show_one_of_everything() {
        let truths: Vec<_> = JobGenerator
            .born_between(None, Duration::from_secs(400))
            .iter()
            .filter_map(|(_, job)| job.truth(Duration::from_secs(400)))
            .collect();
        for status in ["IN_PROGRESS", "SUCCESS", "PARTIAL_SUCCESS", "FAILURE", "ARCHIVED"] {
            assert!(truths.iter().any(|truth| truth.status == status), "{status}");
        }
        assert!(truths.iter().any(|truth| truth.gone));
    }
}
