//! How a job or a campaign came to its numbers: a bounded list of points, in memory only.

use std::collections::VecDeque;
use std::time::Duration;

use enum_map::EnumMap;

use super::{EntryStatus, JobStatus, Timestamp};

/// Limit of points of a job; the oldest are dropped first. A full list takes 3 KiB.
pub const MAX_JOB_POINTS: usize = 50;

/// Limit of points of a campaign. When there are more, every second one is dropped, so that the list always reaches back
/// to its beginning.
pub const MAX_CAMPAIGN_POINTS: usize = 50;

/// The least time between two points of a campaign, at first.
const CAMPAIGN_INTERVAL: Duration = Duration::from_secs(60);

/// The numbers at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryPoint {
    /// The time of the report.
    pub at: Timestamp,
    /// The status of a job; `None` for a campaign.
    pub status: Option<JobStatus>,
    /// The completed share, 0..=1.
    pub completion: Option<f64>,
    /// Log entries on all channels.
    pub entries: EnumMap<EntryStatus, u64>,
}

/// The reports of one job, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobHistory(VecDeque<HistoryPoint>);

impl JobHistory {
    /// Adds a report.
    pub fn push(&mut self, point: HistoryPoint) {
        if self.0.len() >= MAX_JOB_POINTS {
            self.0.pop_front();
        }
        self.0.push_back(point);
    }

    /// The points, oldest first.
    pub fn points(&self) -> Vec<HistoryPoint> {
        self.0.iter().copied().collect()
    }
}

/// The course of one campaign, oldest first. The last point is the latest change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CampaignHistory {
    points: Vec<HistoryPoint>,
    /// How often the list was thinned; each time the interval doubles.
    thinned: u32,
}

impl CampaignHistory {
    /// Adds a change.
    pub fn push(&mut self, point: HistoryPoint) {
        let interval = CAMPAIGN_INTERVAL.saturating_mul(1_u32.checked_shl(self.thinned).unwrap_or(u32::MAX));
        let before_last = self.points.len().checked_sub(2).and_then(|index| self.points.get(index));
        if before_last.is_some_and(|before| point.at.since(before.at) < interval) {
            self.points.pop();
        }
        self.points.push(point);
        if self.points.len() > MAX_CAMPAIGN_POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.thinned = self.thinned.saturating_add(1);
        }
    }

    /// The points, oldest first.
    pub fn points(&self) -> &[HistoryPoint] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(second: i64) -> HistoryPoint {
        let at = Timestamp::from_millis(second * 1000);
        HistoryPoint { at, status: None, completion: None, entries: EnumMap::default() }
    }

    fn seconds(points: &[HistoryPoint]) -> Vec<i64> {
        points.iter().map(|point| point.at.as_millis() / 1000).collect()
    }

    #[test]
    fn a_job_keeps_its_last_reports() {
        let mut history = JobHistory::default();
        (0..60).for_each(|second| history.push(point(second)));
        assert_eq!(seconds(&history.points()), (10..60).collect::<Vec<_>>());
    }

    #[test]
    fn a_campaign_keeps_its_whole_course_and_its_latest_change() {
        let mut history = CampaignHistory::default();
        (0..100_000).for_each(|second| history.push(point(second)));
        let seen = seconds(history.points());
        assert!(seen.len() <= MAX_CAMPAIGN_POINTS && seen.len() > MAX_CAMPAIGN_POINTS / 3, "{}", seen.len());
        assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&99_999)));
        let widest = seen.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest <= 100_000 / 10, "no gap: {seen:?}");
    }
}
