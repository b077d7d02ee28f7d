//! JSON text → tree. Almost all JSON is YAML, but not all of it (surrogate pairs, tabs, long keys), and this is faster.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::{Mistake, Position};
use super::tree::{Key, MAX_NODES, Node, Value};

/// Reads the one value of a text. Nodes have no position; only a mistake of syntax has one.
pub(super) fn parse(text: &str) -> Result<Node, Mistake> {
    let left = Cell::new(MAX_NODES);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = NodeSeed { left: &left }.deserialize(&mut deserializer);
    node.and_then(|node| deserializer.end().map(|()| node)).map_err(|error| {
        let position = (error.line() > 0).then(|| Position { line: error.line(), column: error.column().max(1) });
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        Mistake::of_file(position, format!("this is not JSON that can be read: {what}"))
    })
}

#[derive(Clone, Copy)]
struct NodeSeed<'c> {
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl NodeSeed<'_> {
    fn node<E: Error>(self, value: Value) -> Result<Node, E> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(E::custom(format_args!("there are more than {MAX_NODES} values in it")));
        };
        self.left.set(left);
        Ok(Node { at: None, value })
    }

    fn scalar<E: Error>(self, text: impl Into<Box<str>>, quoted: bool) -> Result<Node, E> {
        self.node(Value::Scalar { text: text.into(), quoted })
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        self.scalar(value.to_string(), false)
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        self.scalar(value.to_string(), false)
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        self.scalar(value.to_string(), false)
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        self.scalar(value.to_string(), false)
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        self.scalar(value, true)
    }
    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        self.node(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        self.node(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(text) = access.next_key::<String>()? {
            let key = Key { text: text.into_boxed_str(), at: None };
            entries.push((key, access.next_value_seed(self)?));
        }
        self.node(Value::Map(entries))
    }
}
