//! YAML text → tree, from the parser's events: no recursion, so no depth of nesting can exhaust the stack.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::error::{Mistake, Position};
use super::tree::{Key, MAX_DEPTH, MAX_NODES, Node, Value};

/// Reads the one document of a text; `None` if there is nothing in it but comments.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Mistake> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => builder.take(event, position(&span.start))?,
            Err(error) => {
                let text = format!("this is not YAML: {}", error.info());
                return Err(Mistake::of_file(Some(position(error.marker())), text));
            }
        }
    }
    Ok(builder.root.filter(|root| !matches!(root.value, Value::Null)))
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

struct Open {
    node: Node,
    anchor: usize,
    key: Option<Key>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), Mistake> {
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(false)
            | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(true) if self.root.is_none() => Ok(()),
            Event::DocumentStart(true) => {
                Err(Mistake::of_file(Some(at), "a second YAML document begins here; one file holds one"))
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(Mistake::of_file(Some(at), "this alias stands inside the node that it names"));
                };
                let (count, depth) = node.extent();
                if self.open.len().saturating_add(depth) > MAX_DEPTH {
                    return Err(too_deep(at));
                }
                self.count(count, at)?;
                self.place(node, 0, at)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = known_tag(tag.as_deref(), at)?;
                let quoted = text_tag || style != ScalarStyle::Plain;
                let is_null = !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if is_null { Value::Null } else { Value::Scalar { text: Box::from(&*text), quoted } };
                self.count(1, at)?;
                self.place(Node { at: Some(at), value }, anchor, at)
            }
            Event::SequenceStart(anchor, tag) => {
                known_tag(tag.as_deref(), at)?;
                self.begin(Value::List(Vec::new()), anchor, at)
            }
            Event::MappingStart(anchor, tag) => {
                known_tag(tag.as_deref(), at)?;
                self.begin(Value::Map(Vec::new()), anchor, at)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let at = open.node.at.unwrap_or(at);
                    self.place(open.node, open.anchor, at)
                }
                None => Ok(()),
            },
        }
    }

    fn begin(&mut self, value: Value, anchor: usize, at: Position) -> Result<(), Mistake> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        self.count(1, at)?;
        self.open.push(Open { node: Node { at: Some(at), value }, anchor, key: None });
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize, at: Position) -> Result<(), Mistake> {
        if anchor > 0 {
            self.count(node.extent().0, at)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match (open.key.take(), node.value) {
                (Some(key), value) => entries.push((key, Node { at: node.at, value })),
                (None, Value::Scalar { text, .. }) => open.key = Some(Key { text, at: Some(at) }),
                (None, Value::Null) => open.key = Some(Key { text: Box::from("null"), at: Some(at) }),
                (None, Value::List(_) | Value::Map(_)) => {
                    return Err(Mistake::of_file(Some(at), "a list or a mapping cannot be a key"));
                }
            },
            Value::Null | Value::Scalar { .. } => {}
        }
        Ok(())
    }

    /// Takes copies for anchors and aliases into account, so that a small file cannot become a large tree.
    fn count(&mut self, nodes: usize, at: Position) -> Result<(), Mistake> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(Mistake::of_file(Some(at), format!("the file has more than {MAX_NODES} values in it")));
        }
        Ok(())
    }
}

/// Whether the tag makes a text of the scalar. Tags beyond YAML's own would be ignored in silence, so they are refused.
fn known_tag(tag: Option<&Tag>, at: Position) -> Result<bool, Mistake> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() => Ok(tag.suffix == "str"),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(true),
        Some(_) => Err(Mistake::of_file(Some(at), "a YAML tag (`!…`) has no meaning here; leave it out")),
    }
}

fn too_deep(at: Position) -> Mistake {
    Mistake::of_file(Some(at), format!("the nesting is deeper than {MAX_DEPTH} levels"))
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col().saturating_add(1) }
}
