//! Builds the tree from the parser's events, without recursion: deep nesting cannot exhaust the stack.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::error::{Mistake, Position};
use super::tree::{Bounds, Key, Node, Value};

/// Reads the one document of a text; `None` if the text has only comments. A byte order mark is skipped.
///
/// # Errors
/// Invalid YAML, a second document, an unknown tag, or an exceeded bound.
pub(crate) fn parse(text: &str, bounds: Bounds) -> Result<Option<Node>, Mistake> {
    let mut builder = Builder { bounds, open: Vec::new(), root: None, anchors: HashMap::new(), nodes: 0 };
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => builder.take(event, position(&span.start))?,
            Err(error) => {
                let text = format!("invalid YAML: {}", error.info());
                return Err(Mistake::of_file(Some(position(error.marker())), text));
            }
        }
    }
    Ok(builder.root.filter(|root| !matches!(root.value, Value::Null)))
}

struct Builder {
    bounds: Bounds,
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
                Err(Mistake::of_file(Some(at), "a second YAML document starts here; only one is allowed"))
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(Mistake::of_file(Some(at), "recursive alias: it refers to a node that contains it"));
                };
                let (count, depth) = node.extent();
                if self.open.len().saturating_add(depth) > self.bounds.depth {
                    return Err(self.too_deep(at));
                }
                self.count(count, at)?;
                self.place(node, 0, at)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let string_tag = is_string_tag(tag.as_deref(), at)?;
                let quoted = string_tag || style != ScalarStyle::Plain;
                let is_null = !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if is_null { Value::Null } else { Value::Scalar { text: Box::from(&*text), quoted } };
                self.count(1, at)?;
                self.place(Node { at: Some(at), value }, anchor, at)
            }
            Event::SequenceStart(anchor, tag) => {
                is_string_tag(tag.as_deref(), at)?;
                self.begin(Value::List(Vec::new()), anchor, at)
            }
            Event::MappingStart(anchor, tag) => {
                is_string_tag(tag.as_deref(), at)?;
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
        if self.open.len() >= self.bounds.depth {
            return Err(self.too_deep(at));
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
                    return Err(Mistake::of_file(
                        Some(at),
                        "invalid key: a key must be a single value, not a list or a mapping",
                    ));
                }
            },
            Value::Null | Value::Scalar { .. } => {}
        }
        Ok(())
    }

    /// Counts the copies that anchors and aliases make too.
    fn count(&mut self, nodes: usize, at: Position) -> Result<(), Mistake> {
        self.nodes = self.nodes.saturating_add(nodes);
        let most = self.bounds.nodes;
        if self.nodes > most {
            return Err(Mistake::of_file(Some(at), format!("too many values: at most {most} are allowed in one file")));
        }
        Ok(())
    }

    fn too_deep(&self, at: Position) -> Mistake {
        Mistake::of_file(Some(at), format!("nested too deeply: at most {} levels are allowed", self.bounds.depth))
    }
}

/// Whether the tag turns the scalar into a string. Custom tags are an error: ignoring them would be silent.
fn is_string_tag(tag: Option<&Tag>, at: Position) -> Result<bool, Mistake> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() => Ok(tag.suffix == "str"),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(true),
        Some(_) => Err(Mistake::of_file(Some(at), "unsupported YAML tag (`!…`); remove it")),
    }
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col().saturating_add(1) }
}
