//! What the rows have in common.

use serde::{Deserialize, Serialize};

use super::RowError;
use crate::model::{Histogram, Timestamp};

/// Reads a row; all of the bytes must belong to it.
pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, RowError> {
    let (row, rest) = postcard::take_from_bytes(bytes).map_err(RowError::Bytes)?;
    if rest.is_empty() { Ok(row) } else { Err(RowError::TooLong) }
}

/// Writes a row.
pub(super) fn encode<T: Serialize>(row: &T) -> Result<Vec<u8>, RowError> {
    postcard::to_stdvec(row).map_err(RowError::Bytes)
}

/// An enum value as its place in `ALL`.
pub(super) fn place_of<T: PartialEq>(all: &[T], value: &T) -> u8 {
    all.iter().position(|known| known == value).and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

/// The enum value at that place in `ALL`.
pub(super) fn value_at<T: Copy>(all: &[T], place: u8, name: &'static str) -> Result<T, RowError> {
    all.get(usize::from(place)).copied().ok_or(RowError::Value(name))
}

pub(super) fn millis(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_millis)
}

pub(super) fn time(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

pub(super) fn finite(value: f64, name: &'static str) -> Result<f64, RowError> {
    if value.is_finite() { Ok(value) } else { Err(RowError::Value(name)) }
}

/// Counts and sum; the bounds belong to the format.
#[derive(Serialize, Deserialize)]
pub(super) struct HistogramRow {
    counts: Vec<u64>,
    sum: f64,
}

impl From<&Histogram> for HistogramRow {
    fn from(histogram: &Histogram) -> Self {
        Self { counts: histogram.counts().to_vec(), sum: histogram.sum() }
    }
}

impl HistogramRow {
    pub(super) fn read(&self, bounds: &'static [f64]) -> Result<Histogram, RowError> {
        if self.counts.len() != bounds.len() + 1 {
            return Err(RowError::Value("histogram"));
        }
        Ok(Histogram::restored(bounds, &self.counts, finite(self.sum, "histogram's sum")?))
    }
}
