//! A YAML tree read with line numbers; every mistake is collected, none ends the reading.

use std::fmt;
use std::path::{Path, PathBuf};

use saphyr::{MarkedYaml, YamlData};

use crate::input::{YamlBounds, load_yaml};

/// The format nests three deep, and a file has at most a mebibyte.
const BOUNDS: YamlBounds = YamlBounds { depth: 16, nodes: 1 << 20 };

/// Everything that is wrong with one file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    file: PathBuf,
    list: Vec<(usize, String)>,
}

impl Mistakes {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    pub(super) fn add(&mut self, line: usize, what: impl Into<String>) {
        self.list.push((line, what.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// `FILE:LINE: KEY: VALUE …`, a mistake a line, in the order of the file.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<_> = self.list.iter().collect();
        sorted.sort_by_key(|(line, _)| *line);
        for (index, (line, what)) in sorted.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{line}: {what}", self.file.display())?;
        }
        Ok(())
    }
}

/// A scalar, as it was written.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) line: usize,
    /// Where it stands: `tls_server_config.cert_file`.
    pub(super) key: String,
    pub(super) value: String,
}

/// A mapping.
pub(super) struct Section {
    pub(super) line: usize,
    path: String,
    entries: Vec<(String, usize, Entry)>,
}

enum Entry {
    /// A key without a value is an absent key, as the toolkit's own reader takes it; it must be a known one all the same.
    Absent,
    Text(String),
    List(Vec<(usize, Option<String>)>),
    Section(Section),
}

impl Section {
    /// Reads a whole file; `None` when it is no YAML mapping. An empty file is an empty mapping.
    pub(super) fn parse(text: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let documents = match load_yaml(text, BOUNDS) {
            Ok(documents) => documents,
            Err(error) => {
                mistakes.add(error.marker().line(), format!("is no YAML: {}", error.info()));
                return None;
            }
        };
        let empty = Self { line: 1, path: String::new(), entries: Vec::new() };
        match documents.as_slice() {
            [] => Some(empty),
            [document] if is_null(document) => Some(empty),
            [document] => match entry(document, "", mistakes)? {
                Entry::Section(section) => Some(section),
                _ => {
                    mistakes
                        .add(line(document), "is no mapping; the file starts with keys such as `tls_server_config:`");
                    None
                }
            },
            [_, second, ..] => {
                mistakes.add(line(second), "is a second YAML document; one is allowed");
                None
            }
        }
    }

    /// Reports every key that is not among `known`.
    pub(super) fn only(&self, known: &[&str], mistakes: &mut Mistakes) {
        for (key, line, _) in &self.entries {
            if !known.contains(&key.as_str()) {
                let key = self.key(key);
                mistakes.add(*line, format!("{key}: unknown key; known are {}", known.join(", ")));
            }
        }
    }

    /// A scalar.
    pub(super) fn text(&self, key: &str, mistakes: &mut Mistakes) -> Option<Text> {
        let (line, entry) = self.find(key)?;
        match entry {
            Entry::Text(value) => Some(Text { line, key: self.key(key), value: value.clone() }),
            _ => {
                mistakes.add(line, format!("{}: is no text", self.key(key)));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str, default: bool, mistakes: &mut Mistakes) -> bool {
        let Some(text) = self.text(key, mistakes) else { return default };
        match text.value.as_str() {
            "true" | "True" | "TRUE" => true,
            "false" | "False" | "FALSE" => false,
            other => {
                mistakes.add(text.line, format!("{}: `{other}` is neither `true` nor `false`", text.key));
                default
            }
        }
    }

    /// A list of scalars; `None` when the key is absent.
    pub(super) fn list(&self, key: &str, mistakes: &mut Mistakes) -> Option<Vec<Text>> {
        let (line, entry) = self.find(key)?;
        let Entry::List(items) = entry else {
            mistakes.add(line, format!("{}: is no list", self.key(key)));
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        for (line, item) in items {
            match item {
                Some(value) => texts.push(Text { line: *line, key: self.key(key), value: value.clone() }),
                None => mistakes.add(*line, format!("{}: an item is no text", self.key(key))),
            }
        }
        Some(texts)
    }

    /// A mapping below this one.
    pub(super) fn section(&self, key: &str, mistakes: &mut Mistakes) -> Option<&Self> {
        let (line, entry) = self.find(key)?;
        match entry {
            Entry::Section(section) => Some(section),
            _ => {
                mistakes.add(line, format!("{}: is no mapping", self.key(key)));
                None
            }
        }
    }

    /// Every entry as a scalar: for mappings whose keys are the user's own.
    pub(super) fn texts(&self, mistakes: &mut Mistakes) -> Vec<(String, Text)> {
        let keys = self.entries.iter().map(|(key, ..)| key.clone());
        keys.filter_map(|key| self.text(&key, mistakes).map(|text| (key, text))).collect()
    }

    fn find(&self, key: &str) -> Option<(usize, &Entry)> {
        let (_, line, entry) = self.entries.iter().find(|(name, ..)| name == key)?;
        (!matches!(entry, Entry::Absent)).then_some((*line, entry))
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn entry(node: &MarkedYaml<'_>, path: &str, mistakes: &mut Mistakes) -> Option<Entry> {
    match &node.data {
        YamlData::Representation(text, ..) => Some(Entry::Text(text.to_string())),
        YamlData::Sequence(items) => Some(Entry::List(items.iter().map(|item| (line(item), scalar(item))).collect())),
        YamlData::Mapping(fields) => {
            let mut entries = Vec::with_capacity(fields.len());
            for (key, value) in fields {
                let Some(name) = scalar(key) else {
                    mistakes.add(line(key), "a key is no text");
                    continue;
                };
                if is_null(value) {
                    entries.push((name, line(key), Entry::Absent));
                    continue;
                }
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if let Some(entry) = entry(value, &below, mistakes) {
                    entries.push((name, line(key), entry));
                }
            }
            Some(Entry::Section(Section { line: line(node), path: path.to_owned(), entries }))
        }
        _ => {
            mistakes.add(line(node), format!("{path}: has a YAML tag or alias that has no place here"));
            None
        }
    }
}

fn line(node: &MarkedYaml<'_>) -> usize {
    node.span.start.line()
}

fn scalar(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        YamlData::Representation(text, ..) => Some(text.to_string()),
        _ => None,
    }
}

fn is_null(node: &MarkedYaml<'_>) -> bool {
    matches!(&node.data, YamlData::Representation(text, saphyr::ScalarStyle::Plain, _)
        if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
}
