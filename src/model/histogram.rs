//! A histogram with fixed bounds; its counts only grow.

/// Upper bounds in seconds of `koreai_job_duration_seconds`.
pub const JOB_DURATION_BOUNDS: &[f64] = &[5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 43200.0];
/// Upper bounds in seconds of `koreai_notification_delivery_seconds`.
pub const DELIVERY_BOUNDS: &[f64] = &[1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 10800.0];
/// Upper bounds in seconds of `koreai_upstream_request_duration_seconds`.
pub const REQUEST_DURATION_BOUNDS: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Upper bounds in seconds of `koreai_exporter_poll_delay_seconds`.
pub const POLL_DELAY_BOUNDS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0];

/// Counts by bucket, not cumulative; the last bucket has the values above every bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    counts: Box<[u64]>,
    sum: f64,
}

impl Histogram {
    /// An empty histogram with ascending upper bounds.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1].into(), sum: 0.0 }
    }

    /// A histogram with stored counts; surplus counts are added to the last bucket.
    pub fn restored(bounds: &'static [f64], counts: &[u64], sum: f64) -> Self {
        let mut histogram = Self::new(bounds);
        for (index, count) in counts.iter().enumerate() {
            histogram.add(index, *count, 0.0);
        }
        histogram.sum = if sum.is_finite() { sum } else { 0.0 };
        histogram
    }

    /// The bucket of a value, for [`Self::add`].
    pub fn bucket(bounds: &[f64], value: f64) -> usize {
        bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len())
    }

    /// Counts one value.
    pub fn observe(&mut self, value: f64) {
        self.add(Self::bucket(self.bounds, value), 1, value);
    }

    /// Counts several values of one bucket at once; `sum` is their sum.
    pub fn add(&mut self, bucket: usize, count: u64, sum: f64) {
        let last = self.counts.len().saturating_sub(1);
        if let Some(slot) = self.counts.get_mut(bucket.min(last)) {
            *slot = slot.saturating_add(count);
            self.sum += sum;
        }
    }

    /// The upper bounds, ascending, without `+Inf`.
    pub fn bounds(&self) -> &'static [f64] {
        self.bounds
    }

    /// The counts by bucket, one more than there are bounds.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The sum of all values.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |all, count| all.saturating_add(*count))
    }
}
