//! A tree of nodes with positions.

use super::error::Position;

/// What one file may hold. The bounds protect memory and the stack from a hostile file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Levels of nesting.
    pub(crate) depth: usize,
    /// Nodes, aliases expanded: a small file can expand to a large tree.
    pub(crate) nodes: usize,
}

/// A node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Option<Position>,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
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
pub(crate) struct Key {
    pub(crate) text: Box<str>,
    pub(crate) at: Option<Position>,
}

impl Node {
    /// The cost of a copy in nodes, and its depth. A long text costs as much as the nodes that fit into its memory.
    pub(crate) fn extent(&self) -> (usize, usize) {
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

    /// Whether it is a map with this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        matches!(&self.value, Value::Map(entries) if entries.iter().any(|(known, _)| &*known.text == key))
    }

    /// The scalar under a key of a mapping.
    pub(crate) fn scalar_at(&self, key: &str) -> Option<(&Node, &str)> {
        let Value::Map(entries) = &self.value else { return None };
        let (_, node) = entries.iter().find(|(known, _)| &*known.text == key)?;
        match &node.value {
            Value::Scalar { text, .. } => Some((node, text)),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}
