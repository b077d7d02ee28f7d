//! The expected end of a job, from its progress so far and from its siblings.

use std::time::Duration;

use super::observation::Progress;
use super::siblings::{ForeseenSize, ForeseenSpeed, SiblingsOf};
use crate::model::Timestamp;

/// docs/UPSTREAM.md#send-apis: a send call has at most 1,000 recipients. A job of unknown size is assumed to be full, because nearly all
/// jobs of a campaign are, unless its siblings ended with another size. If it is not full, it is still polled at its interval.
const FULL_JOB: f64 = 1000.0;

/// `percentageComplete` may be a whole number, log entries are finer. Entries are used if the two differ by at most this.
const FINER_WITHIN: f64 = 0.011;

/// The relative uncertainty of the speed, in addition to the variance of each delivery.
const SPEED_DOUBT: f64 = 0.085;

/// The granularity of `percentageComplete`.
const PERCENT: f64 = 0.01;

/// The weight of an earlier report interval relative to the next one.
const DECAY: f64 = 0.9;

/// A job without progress for the time of this many deliveries has stalled. Its speed is measured without that time: when the
/// job resumes, it is as fast as before.
const STALLED_AFTER_DELIVERIES: u32 = 8;

/// The assumed size is relied on if at least this part of the larger siblings had it.
const RELIABLE_SHARE: f64 = 0.75;

/// The progress of one job: how much is done, and how fast.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Forecast {
    last: Option<(Timestamp, f64)>,
    /// Bounds of the number of recipients, derived from percentage and entries.
    size: Option<(f64, f64)>,
    /// The assumed size of a job whose reports have neither percentage nor recipients.
    assumed: Option<ForeseenSize>,
    /// Decayed sum of the fractions completed between reports.
    completed: f64,
    /// Decayed sum of the milliseconds between reports.
    elapsed: f64,
    /// The fraction of the job that one delivery completes.
    granularity: f64,
    /// The speed of the siblings, used until the job has a measured one.
    siblings_speed: Option<ForeseenSpeed>,
}

impl Forecast {
    /// Records a report.
    pub(super) fn observe(&mut self, progress: Progress, siblings: SiblingsOf<'_>, now: Timestamp) {
        self.siblings_speed = siblings.speed();
        self.assume_size(progress, siblings);
        let Some(done) = self.fraction_done(progress) else {
            *self = Self::default();
            return;
        };
        if let Some((at, before)) = self.last {
            let stalled_after = self.delivery_time().saturating_mul(STALLED_AFTER_DELIVERIES);
            if done < before {
                // Upstream's numbers can fall, which invalidates the measured speed.
                (self.completed, self.elapsed) = (0.0, 0.0);
            } else if done > before || stalled_after.is_zero() || now.since(at) <= stalled_after {
                self.completed = self.completed * DECAY + (done - before);
                self.elapsed = self.elapsed * DECAY + millis(now.since(at));
            }
        }
        self.last = Some((now, done));
    }

    /// The average time of one delivery; zero if unknown.
    pub(super) fn delivery_time(&self) -> Duration {
        let seconds = self.measured_seconds_per_job().unwrap_or_default() * self.granularity;
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// The time that the whole job takes at its measured speed, in seconds; `None` if unknown.
    pub(super) fn measured_seconds_per_job(&self) -> Option<f64> {
        let seconds = self.elapsed / self.completed / 1000.0;
        (self.completed > 0.0 && self.elapsed > 0.0 && seconds.is_finite()).then_some(seconds)
    }

    /// The time that the whole job takes, in seconds, at its measured speed or that of its siblings.
    pub(super) fn seconds_per_job(&self) -> Option<f64> {
        self.measured_seconds_per_job().or_else(|| Some(self.siblings_speed?.seconds_per_job))
    }

    /// Whether the size of the job is known or reliably assumed. Otherwise it may end at any time.
    pub(super) fn has_reliable_size(&self) -> bool {
        self.assumed.is_none_or(|size| size.share >= RELIABLE_SHARE)
    }

    /// The remaining time after the last report, and its standard deviation; `None` if unknown.
    pub(super) fn remaining(&self) -> Option<(Duration, Duration)> {
        let (_, done) = self.last?;
        if done >= 1.0 {
            return Some((Duration::ZERO, Duration::ZERO));
        }
        let seconds_per_job = self.seconds_per_job()?;
        let left = (1.0 - done) * seconds_per_job;
        let doubt = match (self.measured_seconds_per_job(), self.siblings_speed) {
            (None, Some(speed)) => speed.deviation.max(SPEED_DOUBT),
            _ => SPEED_DOUBT,
        };
        let deviation = (left * seconds_per_job * self.granularity).sqrt().hypot(left * doubt);
        Some((Duration::try_from_secs_f64(left).ok()?, Duration::try_from_secs_f64(deviation).ok()?))
    }

    /// Assumes the size of a job whose reports do not tell it, and converts what was measured with another assumption.
    fn assume_size(&mut self, progress: Progress, siblings: SiblingsOf<'_>) {
        let told = progress.completion.is_some() || progress.recipients.is_some();
        let full = ForeseenSize { entries: FULL_JOB, share: 0.0 };
        let size = (!told).then(|| siblings.size_beyond(progress.entries).unwrap_or(full));
        if let (Some(before), Some(size)) = (self.assumed, size) {
            let factor = before.entries / size.entries;
            self.completed *= factor;
            self.last = self.last.map(|(at, done)| (at, done * factor));
        }
        self.assumed = size;
    }

    /// The completed fraction of the job, as precise as the report allows; `None` if unknown.
    fn fraction_done(&mut self, progress: Progress) -> Option<f64> {
        let completion = progress.completion.filter(|part| part.is_finite()).map(|part| part.clamp(0.0, 1.0));
        let entries = progress.entries as f64;
        let told = progress.recipients.map(|count| count as f64);
        let size = told.or_else(|| self.learn_size(completion?, entries)).or(self.assumed.map(|size| size.entries));
        self.granularity = size.map_or(PERCENT, |size| 1.0 / size.max(1.0));
        let by_entries = fraction_of(entries, size.unwrap_or(FULL_JOB));
        match (completion, by_entries) {
            (Some(rough), Some(fine)) if (fine - rough).abs() <= FINER_WITHIN => Some(fine),
            (Some(rough), _) => Some(rough),
            (None, fine) => fine,
        }
    }

    /// Estimates the number of recipients: intersects the ranges that the percentage and the entries of each report allow.
    fn learn_size(&mut self, completion: f64, entries: f64) -> Option<f64> {
        if completion <= 0.0 || entries <= 0.0 {
            return None;
        }
        let (least, most) = (entries / (completion + PERCENT), entries / completion);
        let both = self.size.map_or((least, most), |(low, high)| (low.max(least), high.min(most)));
        // If the intersection is empty, only the last report counts.
        let (low, high) = if both.0 <= both.1 { both } else { (least, most) };
        self.size = Some((low, high));
        Some((low + high) / 2.0)
    }
}

fn fraction_of(entries: f64, size: f64) -> Option<f64> {
    (size > 0.0 && entries <= size).then_some(entries / size)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::siblings::SiblingTable;
    use super::*;

    fn remaining(reports: &[(i64, Progress)]) -> Option<u64> {
        let mut forecast = Forecast::default();
        for &(second, progress) in reports {
            forecast.observe(progress, SiblingTable::default().of(None), Timestamp::from_millis(second * 1000));
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
    fn two_reports_predict_the_end() {
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
    fn an_unpredictable_end_is_not_guessed() {
        assert_eq!(remaining(&[(0, v1(0.5, 0)), (60, v1(0.5, 0))]), None, "no progress");
        assert_eq!(remaining(&[(0, v1(0.5, 0)), (60, v1(0.3, 0))]), None, "progress decreased");
        assert_eq!(remaining(&[(0, v2(1500, None)), (60, v2(1600, None))]), None, "more entries than a full job has");
        assert_eq!(remaining(&[(0, v1(f64::NAN, 2000)), (60, v1(f64::INFINITY, 3000))]), None);
        assert_eq!(remaining(&[(0, v2(5, Some(0))), (60, v2(6, Some(0)))]), None);
    }

    #[test]
    fn a_job_of_unknown_size_is_expected_to_end_with_the_size_of_its_siblings() {
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        let (mut siblings, mut forecast) = (SiblingTable::default(), Forecast::default());
        forecast.observe(v2(50, None), siblings.of(None), at(0));
        assert!(!forecast.has_reliable_size());
        forecast.observe(v2(100, None), siblings.of(None), at(60));
        for _ in 0..2 {
            siblings.learn_size(None, 250, at(60));
        }
        forecast.observe(v2(150, None), siblings.of(None), at(120));
        assert_eq!(
            forecast.remaining().unwrap().0.as_secs(),
            120,
            "what was measured before the size was known counts"
        );
        assert!(forecast.has_reliable_size());
    }

    #[test]
    fn a_job_that_resumes_after_a_stall_is_as_fast_as_before() {
        let reports = [(0, v1(0.2, 200)), (60, v1(0.4, 400)), (1800, v1(0.4, 400)), (1860, v1(0.6, 600))];
        assert!(matches!(remaining(&reports), Some(118..=121)), "{:?}", remaining(&reports));
    }

    #[test]
    fn a_complete_but_unfinished_job_ends_at_once() {
        assert_eq!(remaining(&[(0, v1(1.0, 1000))]), Some(0));
    }
}
