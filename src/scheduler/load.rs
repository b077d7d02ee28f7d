//! How busy the bot is, and how long the intervals are because of it.

use std::time::Duration;

use super::budget::Budget;
use super::settings::Settings;
use super::siblings::SiblingsOf;
use crate::model::Timestamp;

/// The interval of a job on a busy bot is this part of a round over all jobs, if the round takes [`USUAL_ROUND`] and the job
/// [`USUAL_JOB`]. Otherwise it grows with the square root of both. The root is a compromise: the longer a job runs, the more
/// calls it gets, and the longer they are apart. So a campaign costs fewer calls, which the bot also needs for sending, and
/// its values are no more stale than if the whole budget was spent and ends were foreseen less precisely.
const SHARE_OF_ROUND: f64 = 0.59;
const USUAL_ROUND: Duration = Duration::from_secs(300);
const USUAL_JOB: Duration = Duration::from_secs(720);
/// The first poll of a job of a running campaign is at most this part of the duration of its siblings away.
const FIRST_WAIT_DIVISOR: u32 = 4;
/// The least part of the interval after which a job of a running campaign is polled first.
const FIRST_WAIT_FLOOR: f64 = 0.9;

/// How busy the bot is, and the siblings of one job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'a> {
    /// The time that one call for each job takes at the rate that the budget sustains. Of a campaign, jobs that have ended
    /// count: its intervals stay the same.
    round: Duration,
    /// The siblings of the job.
    pub(super) siblings: SiblingsOf<'a>,
}

impl<'a> Load<'a> {
    /// The load of a bot with this budget and number of jobs.
    pub(super) fn new(budget: &Budget, jobs: usize, siblings: SiblingsOf<'a>) -> Self {
        let jobs = u32::try_from(jobs).unwrap_or(u32::MAX).max(siblings.peak());
        Self { round: budget.step().saturating_mul(jobs), siblings }
    }

    /// The interval of a job that takes this long, as far as it is due to the load.
    pub(super) fn interval(&self, seconds_per_job: Option<f64>, settings: &Settings) -> Duration {
        let round = self.round.as_secs_f64() / USUAL_ROUND.as_secs_f64();
        let job = seconds_per_job.map_or(1.0, |seconds| seconds / USUAL_JOB.as_secs_f64());
        let interval = Duration::try_from_secs_f64(self.round.as_secs_f64() * (round * job).sqrt() * SHARE_OF_ROUND);
        interval.unwrap_or(Duration::MAX).min(settings.longest_interval().max(self.round))
    }

    /// How long the first poll of a job can wait, because its siblings show that its campaign runs.
    pub(super) fn first_wait(&self, jitter: f64, now: Timestamp, settings: &Settings) -> Duration {
        let Some(speed) = self.siblings.running_speed(now) else { return Duration::ZERO };
        let interval = self.interval(Some(speed.seconds_per_job), settings);
        if interval <= settings.shortest_interval() {
            return Duration::ZERO;
        }
        let job = Duration::try_from_secs_f64(speed.seconds_per_job).unwrap_or(Duration::MAX);
        let longest = interval.min(job / FIRST_WAIT_DIVISOR).min(settings.longest_interval());
        longest.mul_f64(FIRST_WAIT_FLOOR + (1.0 - FIRST_WAIT_FLOOR) * jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::super::siblings::SiblingTable;
    use super::*;
    use crate::model::LabelValue;

    const SETTINGS: Settings = Settings {
        poll_interval: Duration::from_secs(15),
        max_poll_interval: Duration::from_secs(300),
        per_minute: 600,
        per_hour: 18_000,
        max_in_flight: 32,
    };
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn interval(jobs: usize, seconds_per_job: f64) -> Duration {
        let table = SiblingTable::default();
        Load::new(&Budget::new(&SETTINGS), jobs, table.of(None)).interval(Some(seconds_per_job), &SETTINGS)
    }

    #[test]
    fn intervals_grow_with_the_number_of_jobs_and_their_duration() {
        assert!(interval(50, 900.0) < SETTINGS.poll_interval, "{:?}", interval(50, 900.0));
        assert!((150..200).contains(&interval(1000, 720.0).as_secs()), "{:?}", interval(1000, 720.0));
        assert!(interval(1000, 2400.0) > interval(1000, 720.0));
        for (jobs, seconds) in [(1000, f64::MAX), (usize::MAX, 1e9), (0, 1e9), (1000, 0.0), (5000, 720.0)] {
            let round = Load::new(&Budget::new(&SETTINGS), jobs, SiblingTable::default().of(None)).round;
            assert!(interval(jobs, seconds) <= SETTINGS.max_poll_interval.max(round), "{jobs} jobs of {seconds} s");
        }
    }

    #[test]
    fn only_the_first_poll_of_a_running_campaign_waits() {
        let campaign = LabelValue::parse("spring").unwrap();
        let mut table = SiblingTable::default();
        let budget = Budget::new(&SETTINGS);
        let wait = |table: &SiblingTable, jobs, now| {
            Load::new(&budget, jobs, table.of(Some(&campaign))).first_wait(1.0, now, &SETTINGS)
        };
        assert_eq!(wait(&table, 1000, NOW), Duration::ZERO, "nothing is known");
        for _ in 0..20 {
            table.learn_speed(Some(&campaign), 400.0, NOW);
        }
        assert_eq!(wait(&table, 1000, NOW), Duration::from_secs(100), "a quarter of the duration of a job");
        assert_eq!(wait(&table, 20, NOW), Duration::ZERO, "the bot is not busy");
        assert_eq!(wait(&table, 1000, NOW.plus(Duration::from_secs(600))), Duration::ZERO, "the campaign does not run");
    }
}
