//! What the jobs of one campaign teach about each other: how fast they run, how large they are, and how many they are.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::model::{LabelValue, Timestamp};

/// Campaigns of one bot that are remembered. The one that has learned nothing for longest makes room.
const MAX_CAMPAIGNS: usize = 1000;
/// A campaign that has learned nothing for this long is forgotten.
const MEMORY: Duration = Duration::from_secs(24 * 3600);
/// How often campaigns are searched for ones to forget.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
/// Sizes of finished jobs that are remembered, for each campaign and for the bot.
const MAX_SIZES: usize = 64;
/// A size is foreseen if at least this part of the larger siblings had it, and at least [`MIN_ALIKE`] jobs.
const FORESEEN_SHARE: f64 = 0.25;
const MIN_ALIKE: usize = 2;
/// Sizes that differ by at most this part count as one: a few recipients are left out now and then.
const SAME_SIZE: f64 = 0.02;
/// A speed is foreseen after this many reports.
const MIN_SPEED_REPORTS: u32 = 8;
/// About this many reports of speed are averaged; older ones fade.
const AVERAGED_SPEED_REPORTS: u32 = 64;
/// The standard deviation of a normal distribution, divided by its mean absolute deviation.
const DEVIATION_RATIO: f64 = 1.25;
/// A campaign is running if it has learned something within this time.
const RUNNING_WITHIN: Duration = Duration::from_secs(60);

/// The size with which a job is likely to end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ForeseenSize {
    /// Log entries.
    pub(super) entries: f64,
    /// The part of the larger siblings that ended with it.
    pub(super) share: f64,
}

/// The speed of the jobs of a campaign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ForeseenSpeed {
    /// The mean time of a whole job, in seconds.
    pub(super) seconds_per_job: f64,
    /// The relative standard deviation.
    pub(super) deviation: f64,
}

/// What the jobs of one campaign, or of one bot, have taught.
#[derive(Debug, Clone, Default)]
struct Siblings {
    /// Log entries of finished jobs, oldest first.
    sizes: VecDeque<u32>,
    /// Jobs that are scheduled.
    jobs: u32,
    /// The most jobs that were scheduled at the same time since there was none.
    peak: u32,
    speed_reports: u32,
    /// Mean and mean absolute deviation of the seconds per job.
    seconds_per_job: f64,
    absolute_deviation: f64,
    learned: Timestamp,
}

impl Siblings {
    fn speed(&self) -> Option<ForeseenSpeed> {
        let deviation = self.absolute_deviation * DEVIATION_RATIO / self.seconds_per_job;
        (self.speed_reports >= MIN_SPEED_REPORTS && deviation.is_finite())
            .then_some(ForeseenSpeed { seconds_per_job: self.seconds_per_job, deviation })
    }

    /// The smallest size beyond `entries` that enough jobs had.
    fn size_beyond(&self, entries: u64) -> Option<ForeseenSize> {
        let mut larger: Vec<u32> = self.sizes.iter().copied().filter(|&size| u64::from(size) > entries).collect();
        larger.sort_unstable();
        let alike = |one: u32, other: u32| f64::from(one.abs_diff(other)) <= f64::from(one.max(other)) * SAME_SIZE;
        let needed = ((larger.len() as f64 * FORESEEN_SHARE).ceil() as usize).max(MIN_ALIKE);
        let size = larger.windows(needed).find_map(|group| {
            let (&least, &most) = (group.first()?, group.last()?);
            alike(least, most).then_some(most)
        })?;
        let count = larger.iter().filter(|&&other| alike(size, other)).count();
        Some(ForeseenSize { entries: f64::from(size), share: count as f64 / larger.len() as f64 })
    }

    fn learn_size(&mut self, entries: u64, now: Timestamp) {
        if self.sizes.len() == MAX_SIZES {
            self.sizes.pop_front();
        }
        self.sizes.push_back(u32::try_from(entries).unwrap_or(u32::MAX));
        self.learned = now;
    }

    fn learn_speed(&mut self, seconds_per_job: f64, now: Timestamp) {
        self.speed_reports = (self.speed_reports + 1).min(AVERAGED_SPEED_REPORTS);
        let weight = 1.0 / f64::from(self.speed_reports);
        self.seconds_per_job += (seconds_per_job - self.seconds_per_job) * weight;
        let deviation = (seconds_per_job - self.seconds_per_job).abs();
        self.absolute_deviation += (deviation - self.absolute_deviation) * weight;
        self.learned = now;
    }
}

/// What is known about the siblings of one job.
#[derive(Debug, Clone, Copy)]
pub(super) struct SiblingsOf<'a> {
    campaign: Option<&'a Siblings>,
    bot: &'a Siblings,
}

impl SiblingsOf<'_> {
    /// The speed of the campaign. The jobs of a bot differ too much.
    pub(super) fn speed(&self) -> Option<ForeseenSpeed> {
        self.campaign?.speed()
    }

    /// The same, if the campaign is running at `now`.
    pub(super) fn running_speed(&self, now: Timestamp) -> Option<ForeseenSpeed> {
        self.campaign.filter(|campaign| campaign.learned.plus(RUNNING_WITHIN) >= now)?.speed()
    }

    /// The size with which a job that has `entries` is likely to end, from the campaign, or else from the bot.
    pub(super) fn size_beyond(&self, entries: u64) -> Option<ForeseenSize> {
        self.campaign.filter(|campaign| !campaign.sizes.is_empty()).unwrap_or(self.bot).size_beyond(entries)
    }

    /// The most jobs of the campaign that were scheduled at the same time.
    pub(super) fn peak(&self) -> u32 {
        self.campaign.map_or(0, |campaign| campaign.peak)
    }
}

/// The campaigns of one bot, and its finished jobs as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct SiblingTable {
    bot: Siblings,
    campaigns: HashMap<LabelValue, Siblings>,
    next_sweep: Timestamp,
}

impl SiblingTable {
    /// The siblings of a job of this campaign.
    pub(super) fn of(&self, campaign: Option<&LabelValue>) -> SiblingsOf<'_> {
        SiblingsOf { campaign: campaign.and_then(|name| self.campaigns.get(name)), bot: &self.bot }
    }

    /// A job is scheduled.
    pub(super) fn enter(&mut self, campaign: Option<&LabelValue>, now: Timestamp) {
        let Some(name) = campaign else { return };
        let siblings = self.entry(name, now);
        siblings.jobs = siblings.jobs.saturating_add(1);
        siblings.peak = if siblings.jobs == 1 { 1 } else { siblings.peak.max(siblings.jobs) };
    }

    /// A job is not scheduled any more.
    pub(super) fn leave(&mut self, campaign: Option<&LabelValue>) {
        if let Some(siblings) = campaign.and_then(|name| self.campaigns.get_mut(name)) {
            siblings.jobs = siblings.jobs.saturating_sub(1);
        }
    }

    /// Learns from the report of a job that runs at this speed.
    pub(super) fn learn_speed(&mut self, campaign: Option<&LabelValue>, seconds_per_job: f64, now: Timestamp) {
        if let Some(name) = campaign {
            self.entry(name, now).learn_speed(seconds_per_job, now);
        }
    }

    /// Learns from the end of a job.
    pub(super) fn learn_size(&mut self, campaign: Option<&LabelValue>, entries: u64, now: Timestamp) {
        self.bot.learn_size(entries, now);
        if let Some(name) = campaign {
            self.entry(name, now).learn_size(entries, now);
        }
    }

    /// The number of remembered campaigns.
    pub(super) fn len(&self) -> usize {
        self.campaigns.len()
    }

    fn entry(&mut self, name: &LabelValue, now: Timestamp) -> &mut Siblings {
        if !self.campaigns.contains_key(name) {
            self.make_room(now);
        }
        self.campaigns.entry(name.clone()).or_insert_with(|| Siblings { learned: now, ..Siblings::default() })
    }

    fn make_room(&mut self, now: Timestamp) {
        if now >= self.next_sweep {
            self.next_sweep = now.plus(SWEEP_INTERVAL);
            self.campaigns.retain(|_, siblings| siblings.jobs > 0 || siblings.learned.plus(MEMORY) > now);
        }
        if self.campaigns.len() >= MAX_CAMPAIGNS {
            let oldest = self.campaigns.iter().min_by_key(|(_, siblings)| siblings.learned);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.campaigns.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn campaign(name: &str) -> LabelValue {
        LabelValue::parse(name).unwrap()
    }

    #[test]
    fn the_size_that_most_siblings_had_is_foreseen() {
        let (mut table, spring) = (SiblingTable::default(), campaign("spring"));
        for entries in [250, 249, 250, 120, 250] {
            table.learn_size(Some(&spring), entries, NOW);
        }
        let size = |entries| table.of(Some(&spring)).size_beyond(entries);
        assert_eq!(size(10), Some(ForeseenSize { entries: 250.0, share: 0.8 }));
        assert_eq!(size(200), Some(ForeseenSize { entries: 250.0, share: 1.0 }));
        assert_eq!(size(250), None, "larger than all siblings");
        let autumn = campaign("autumn");
        assert_eq!(table.of(Some(&autumn)).size_beyond(200), size(200), "a new campaign learns from the bot");
    }

    #[test]
    fn sizes_that_differ_foresee_nothing() {
        let mut table = SiblingTable::default();
        for entries in [100, 200, 300, 400, 500, 600, 700, 800] {
            table.learn_size(None, entries, NOW);
        }
        assert_eq!(table.of(None).size_beyond(50), None);
    }

    #[test]
    fn speed_is_foreseen_for_the_campaign_only_and_while_it_runs() {
        let (mut table, spring) = (SiblingTable::default(), campaign("spring"));
        for seconds in [100.0, 120.0].repeat(8) {
            table.learn_speed(Some(&spring), seconds, NOW);
        }
        let speed = table.of(Some(&spring)).speed().unwrap();
        assert!((speed.seconds_per_job - 110.0).abs() < 1.0, "{speed:?}");
        assert!((0.05..0.15).contains(&speed.deviation), "{speed:?}");
        assert_eq!(table.of(None).speed(), None);
        assert_eq!(table.of(Some(&spring)).running_speed(NOW.plus(RUNNING_WITHIN)), Some(speed));
        assert_eq!(table.of(Some(&spring)).running_speed(NOW.plus(RUNNING_WITHIN * 2)), None);
    }

    #[test]
    fn the_peak_of_a_campaign_lasts_until_it_has_no_jobs() {
        let (mut table, spring) = (SiblingTable::default(), campaign("spring"));
        for _ in 0..3 {
            table.enter(Some(&spring), NOW);
        }
        table.leave(Some(&spring));
        assert_eq!(table.of(Some(&spring)).peak(), 3);
        table.leave(Some(&spring));
        table.leave(Some(&spring));
        table.enter(Some(&spring), NOW);
        assert_eq!(table.of(Some(&spring)).peak(), 1);
    }

    #[test]
    fn campaigns_are_bounded_and_forgotten() {
        let mut table = SiblingTable::default();
        for index in 0..2 * MAX_CAMPAIGNS {
            let now = NOW.plus(Duration::from_secs(index as u64));
            table.learn_size(Some(&campaign(&index.to_string())), 100, now);
        }
        assert_eq!(table.len(), MAX_CAMPAIGNS);
        assert_eq!(table.bot.sizes.len(), MAX_SIZES);
        assert!(!table.campaigns.contains_key(&campaign("0")), "the oldest makes room");
        table.learn_size(Some(&campaign("last")), 100, NOW.plus(MEMORY * 2));
        assert_eq!(table.len(), 1);
    }
}
