//! Visits the objects and lists of a body; values of another shape are skipped without an error.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Bytes of one key or known value in a streamed body. No published value has more than 100.
pub(super) const MAX_VALUE_BYTES: usize = 1024 * 1024;
/// Bytes of one skipped value in a streamed body: its nesting takes up to one byte of memory per byte.
const MAX_IGNORED_BYTES: usize = 16 * MAX_VALUE_BYTES;

/// Bytes that may still be read of the current value; `None` between values.
pub(super) type ByteAllowance = Cell<Option<usize>>;

/// The shape of a value where an object or a list is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Expected,
    Null,
    Other,
}

/// An object whose fields are read one by one.
pub(super) trait Object<'de> {
    type Field;
    fn field(key: &[u8]) -> Option<Self::Field>;
    fn take<A: MapAccess<'de>>(&mut self, field: Self::Field, map: &mut A) -> Result<(), A::Error>;
    fn allowance(&self) -> &ByteAllowance;
}

/// A list whose elements are read one by one.
pub(super) trait List<'de> {
    /// Reads the next element; false at the end.
    fn take<A: SeqAccess<'de>>(&mut self, seq: &mut A) -> Result<bool, A::Error>;
    fn allowance(&self) -> &ByteAllowance;
}

/// Reads an object; skips any other value.
pub(super) struct Lenient<'f, T>(pub(super) &'f mut T);
/// Reads a list; skips any other value.
pub(super) struct LenientList<'f, T>(pub(super) &'f mut T);

macro_rules! skip_scalars {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
        fn visit_unit<E: Error>(self) -> Result<Shape, E> {
            Ok(Shape::Null)
        }
        fn visit_bool<E: Error>(self, _: bool) -> Result<Shape, E> {
            Ok(Shape::Other)
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Shape, E> {
            Ok(Shape::Other)
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Shape, E> {
            Ok(Shape::Other)
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Shape, E> {
            Ok(Shape::Other)
        }
        fn visit_str<E: Error>(self, _: &str) -> Result<Shape, E> {
            Ok(Shape::Other)
        }
    };
}

impl<'de, T: Object<'de>> DeserializeSeed<'de> for Lenient<'_, T> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        self.0.allowance().set(Some(MAX_VALUE_BYTES));
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for Lenient<'_, T> {
    type Value = Shape;

    skip_scalars!();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let object = self.0;
        loop {
            object.allowance().set(Some(MAX_VALUE_BYTES));
            match map.next_key_seed(Key(PhantomData::<T>))? {
                None => break,
                Some(Some(field)) => {
                    object.allowance().set(Some(MAX_VALUE_BYTES));
                    object.take(field, &mut map)?;
                }
                Some(None) => {
                    object.allowance().set(Some(MAX_IGNORED_BYTES));
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        object.allowance().set(None);
        Ok(Shape::Expected)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Shape, A::Error> {
        self.0.allowance().set(Some(MAX_IGNORED_BYTES));
        IgnoredAny.visit_seq(seq).map(|_| Shape::Other)
    }
}

impl<'de, T: List<'de>> DeserializeSeed<'de> for LenientList<'_, T> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: List<'de>> Visitor<'de> for LenientList<'_, T> {
    type Value = Shape;

    skip_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let list = self.0;
        list.allowance().set(Some(MAX_VALUE_BYTES));
        while list.take(&mut seq)? {
            list.allowance().set(Some(MAX_VALUE_BYTES));
        }
        Ok(Shape::Expected)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
        self.0.allowance().set(Some(MAX_IGNORED_BYTES));
        IgnoredAny.visit_map(map).map(|_| Shape::Other)
    }
}

/// Reads a key as bytes: without a copy, without checking its text, and without errors.
struct Key<T>(PhantomData<T>);

impl<'de, T: Object<'de>> DeserializeSeed<'de> for Key<T> {
    type Value = Option<T::Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for Key<T> {
    type Value = Option<T::Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(T::field(key))
    }
}
