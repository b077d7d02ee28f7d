//! A bounded tree of nodes that know where they stand.

use super::error::Position;

/// The deepest nesting. The configuration needs nine levels.
pub(super) const MAX_DEPTH: usize = 32;

/// The most nodes of one file, aliases expanded: room for ten times the default `max_jobs`. It bounds memory where a
/// small file expands to a large tree.
pub(super) const MAX_NODES: usize = 1_000_000;

/// A node.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Option<Position>,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    /// A scalar as it was written; a quoted one is a text even if it looks like a number.
    Scalar {
        text: Box<str>,
        quoted: bool,
    },
    List(Vec<Node>),
    /// Entries in the order of the file, duplicates included.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: Box<str>,
    pub(super) at: Option<Position>,
}

impl Node {
    /// What a copy of it costs, in nodes (a long text costs as much as the nodes that fit into it), and how deep it nests.
    pub(super) fn extent(&self) -> (usize, usize) {
        fn text_cost(text: &str) -> usize {
            1 + text.len() / size_of::<Node>()
        }
        fn sum(extents: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
            extents.fold((1, 1), |(cost, depth), (c, d)| (cost.saturating_add(c), depth.max(d + 1)))
        }
        match &self.value {
            Value::Null => (1, 1),
            Value::Scalar { text, .. } => (text_cost(text), 1),
            Value::List(items) => sum(items.iter().map(Self::extent)),
            Value::Map(entries) => sum(entries.iter().map(|(key, node)| {
                let (cost, depth) = node.extent();
                (cost.saturating_add(text_cost(&key.text)), depth)
            })),
        }
    }

    /// The scalar under a key of a mapping.
    pub(super) fn scalar_at(&self, key: &str) -> Option<(&Node, &str)> {
        let Value::Map(entries) = &self.value else { return None };
        let (_, node) = entries.iter().find(|(known, _)| &*known.text == key)?;
        match &node.value {
            Value::Scalar { text, .. } => Some((node, text)),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}
