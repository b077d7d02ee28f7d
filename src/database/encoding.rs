//! The encoding that all rows share: postcard, with closed sets by their codes.

use std::fmt;
use std::marker::PhantomData;

use enum_map::{EnumArray, EnumMap};
use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codes::Code;
use super::error::RowError;
use crate::model::{Histogram, Timestamp};

/// Decodes a row; all of the bytes must belong to it.
pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, RowError> {
    let (row, rest) = postcard::take_from_bytes(bytes).map_err(RowError::Bytes)?;
    if rest.is_empty() { Ok(row) } else { Err(RowError::TooLong) }
}

/// Encodes a row.
pub(super) fn encode<T: Serialize>(row: &T) -> Result<Vec<u8>, RowError> {
    postcard::to_stdvec(row).map_err(RowError::Bytes)
}

/// The variant with this code.
pub(super) fn variant<T: Code>(code: u8) -> Result<T, RowError> {
    T::from_code(code).ok_or(RowError::Value(T::NAME))
}

/// A map by a closed set, stored as pairs of code and value in any order. Default values are omitted, and a missing code
/// reads as the default: a variant that is added later needs no new row layout.
#[derive(Debug, PartialEq)]
pub(super) struct ByCode<K: EnumArray<V>, V>(pub(super) EnumMap<K, V>);

impl<K: Code + EnumArray<V>, V: Serialize + Default + PartialEq> Serialize for ByCode<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let default = V::default();
        let stored = || self.0.iter().filter(|(_, value)| **value != default);
        let mut pairs = serializer.serialize_seq(Some(stored().count()))?;
        for (key, value) in stored() {
            pairs.serialize_element(&(key.code(), value))?;
        }
        pairs.end()
    }
}

impl<'de, K: Code + EnumArray<V>, V: Deserialize<'de> + Default> Deserialize<'de> for ByCode<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Pairs(PhantomData)).map(Self)
    }
}

struct Pairs<K, V>(PhantomData<(K, V)>);

impl<'de, K: Code + EnumArray<V>, V: Deserialize<'de> + Default> Visitor<'de> for Pairs<K, V> {
    type Value = EnumMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pairs of code and value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut map = EnumMap::default();
        while let Some((code, value)) = pairs.next_element::<(u8, V)>()? {
            map[K::from_code(code).ok_or_else(|| A::Error::custom("unknown code"))?] = value;
        }
        Ok(map)
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn millis(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_millis)
}

/// From milliseconds since the Unix epoch.
pub(super) fn time(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

/// Refuses NaN and infinities.
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
