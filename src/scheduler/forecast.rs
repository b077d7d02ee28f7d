//! When a job will end, from how it moved so far.

use std::time::Duration;

use super::observation::Progress;
use crate::model::Timestamp;

/// UPSTREAM §1: a call sends to at most 1,000 recipients. A job that does not say how many it has is taken to be a full
/// one, for in a campaign nearly all are; if it is not, it is still asked at its interval.
const FULL_JOB: f64 = 1000.0;

/// `percentageComplete` may be a whole number, log entries are finer; where the two agree to this, entries are used.
const FINER_WITHIN: f64 = 0.011;

/// How much of the remaining time is doubtful besides the chance in each delivery.
const SPEED_DOUBT: f64 = 0.05;

/// The grain of `percentageComplete`.
const PERCENT: f64 = 0.01;

/// What an earlier stretch of time weighs beside a later one of the same length.
const FADING: f64 = 0.7;

/// The movement of one job: where it is, and how fast it has been.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Forecast {
    last: Option<(Timestamp, f64)>,
    /// Between these lies the number of recipients, if percentage and entries grow together.
    size: Option<(f64, f64)>,
    /// Parts done, and milliseconds passed, between reports; earlier ones fade.
    grown: f64,
    passed: f64,
    /// The part that one delivery is.
    grain: f64,
}

impl Forecast {
    /// Takes in a report.
    pub(super) fn observe(&mut self, progress: Progress, now: Timestamp) {
        let Some(done) = self.part_done(progress) else {
            *self = Self::default();
            return;
        };
        if let Some((at, before)) = self.last {
            if done < before {
                // Upstream's numbers can fall; what was learnt from them is void then.
                (self.grown, self.passed) = (0.0, 0.0);
            } else {
                self.grown = self.grown * FADING + (done - before);
                self.passed = self.passed * FADING + millis(now.since(at));
            }
        }
        self.last = Some((now, done));
    }

    /// How long one delivery takes; zero where that is not known.
    pub(super) fn delivery_time(&self) -> Duration {
        Duration::try_from_secs_f64(self.grain * self.passed / self.grown / 1000.0).unwrap_or_default()
    }

    /// How long after the last report the job will end, if it goes on as it did, and how sure that is: its deviation.
    /// `None` where that is not known.
    pub(super) fn remaining(&self) -> Option<(Duration, Duration)> {
        let (_, done) = self.last?;
        if done >= 1.0 {
            return Some((Duration::ZERO, Duration::ZERO));
        }
        if self.grown <= 0.0 || self.passed <= 0.0 {
            return None;
        }
        let pace = self.passed / self.grown / 1000.0;
        let left = (1.0 - done) * pace;
        let deviation = (left * pace * self.grain).sqrt() + left * SPEED_DOUBT;
        Some((Duration::try_from_secs_f64(left).ok()?, Duration::try_from_secs_f64(deviation).ok()?))
    }

    /// The part of the job that is done, as finely as the report tells it; `None` where it cannot be told.
    fn part_done(&mut self, progress: Progress) -> Option<f64> {
        let completion = progress.completion.filter(|part| part.is_finite()).map(|part| part.clamp(0.0, 1.0));
        let entries = progress.entries as f64;
        let size = progress.recipients.map(|count| count as f64).or_else(|| self.learn_size(completion?, entries));
        self.grain = size.map_or(PERCENT, |size| 1.0 / size.max(1.0));
        let by_entries = part_of(entries, size.unwrap_or(FULL_JOB));
        match (completion, by_entries) {
            (Some(rough), Some(fine)) if (fine - rough).abs() <= FINER_WITHIN => Some(fine),
            (Some(rough), _) => Some(rough),
            (None, fine) => fine,
        }
    }

    /// The number of recipients, from what whole percentages and log entries of all reports so far have in common.
    fn learn_size(&mut self, completion: f64, entries: f64) -> Option<f64> {
        if completion <= 0.0 || entries <= 0.0 {
            return None;
        }
        let (least, most) = (entries / (completion + PERCENT), entries / completion);
        let both = self.size.map_or((least, most), |(low, high)| (low.max(least), high.min(most)));
        // Where they have nothing in common, the last report is what counts.
        let (low, high) = if both.0 <= both.1 { both } else { (least, most) };
        self.size = Some((low, high));
        Some((low + high) / 2.0)
    }
}

fn part_of(entries: f64, size: f64) -> Option<f64> {
    (size > 0.0 && entries <= size).then_some(entries / size)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remaining(reports: &[(i64, Progress)]) -> Option<u64> {
        let mut forecast = Forecast::default();
        for &(second, progress) in reports {
            forecast.observe(progress, Timestamp::from_millis(second * 1000));
        }
        forecast.remaining().map(|(left, _)| left.as_secs())
    }

    fn v1(completion: f64, entries: u64) -> Progress {
        Progress { completion: Some(completion), entries, recipients: None }
    }

    fn v2(entries: u64, recipients: Option<u64>) -> Progress {
        Progress { completion: None, entries, recipients }
    }

    #[test]
    fn two_reports_foresee_the_end() {
        assert_eq!(remaining(&[(0, v1(0.2, 0))]), None);
        assert_eq!(remaining(&[(0, v1(0.2, 0)), (60, v1(0.4, 0))]), Some(180));
        assert_eq!(remaining(&[(0, v2(100, Some(400))), (60, v2(200, Some(400)))]), Some(120));
        assert_eq!(remaining(&[(0, v2(100, None)), (60, v2(200, None))]), Some(480));
    }

    #[test]
    fn log_entries_are_finer_than_a_whole_percentage() {
        assert_eq!(remaining(&[(0, v1(0.0, 0)), (10, v1(0.0, 8))]), Some(1240));
    }

    #[test]
    fn what_cannot_be_foreseen_is_not_guessed() {
        assert_eq!(remaining(&[(0, v1(0.5, 0)), (60, v1(0.5, 0))]), None, "stands still");
        assert_eq!(remaining(&[(0, v1(0.5, 0)), (60, v1(0.3, 0))]), None, "goes back");
        assert_eq!(remaining(&[(0, v2(1500, None)), (60, v2(1600, None))]), None, "no full job is that big");
        assert_eq!(remaining(&[(0, v1(f64::NAN, 2000)), (60, v1(f64::INFINITY, 3000))]), None);
        assert_eq!(remaining(&[(0, v2(5, Some(0))), (60, v2(6, Some(0)))]), None);
    }

    #[test]
    fn all_done_but_not_finished_ends_at_once() {
        assert_eq!(remaining(&[(0, v1(1.0, 1000))]), Some(0));
    }
}
