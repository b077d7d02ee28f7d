//! A decoder that continues after a mistake: it records what is wrong and where, and returns `None` for that value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::did_you_mean::nearest;
use super::error::{ConfigErrors, MAX_LISTED_MISTAKES, Mistake, Position};
use super::tree::{Key, Node, Value};
use super::units::{format_bytes, format_duration, parse_bytes, parse_duration};

/// Keys that hold an inline secret in other programs. Their values are never shown.
const INLINE_SECRETS: [&str; 11] = [
    "api_key",
    "bearer_token",
    "client_secret",
    "credentials",
    "jwt",
    "password",
    "private_key",
    "secret",
    "signing_key",
    "token",
    "secret_key",
];

/// The state of decoding one file: the key path of the current value, and the mistakes so far.
pub(crate) struct Decoder<'a> {
    /// The base of relative paths; absolute.
    pub(crate) directory: &'a Path,
    /// Looks up an environment variable.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    path: Vec<Step>,
    mistakes: Vec<Mistake>,
    unlisted: usize,
    warnings: Vec<Mistake>,
}

/// One step of a key path.
enum Step {
    Key(Cow<'static, str>),
    Index(usize),
}

/// The entries of a mapping; each key is known and unique.
pub(crate) struct Fields<'t> {
    pub(crate) at: Option<Position>,
    entries: Vec<(&'t Key, &'t Node)>,
}

/// Whether a key is there, but nothing after it.
fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Scalar { text, .. } => text.trim().is_empty(),
        Value::List(_) | Value::Map(_) => false,
    }
}

impl<'t> Fields<'t> {
    pub(crate) fn get(&self, key: &str) -> Option<&'t Node> {
        self.entries.iter().find(|(known, _)| &*known.text == key).map(|(_, node)| *node)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Treats a key without a value as absent.
    pub(crate) fn without_nulls(mut self) -> Self {
        self.entries.retain(|(_, node)| !matches!(node.value, Value::Null));
        self
    }

    /// Treats these keys as absent where their text is empty.
    pub(crate) fn without_empty(mut self, keys: &[&str]) -> Self {
        let is_empty = |node: &Node| matches!(&node.value, Value::Scalar { text, .. } if text.is_empty());
        self.entries.retain(|(key, node)| !(keys.contains(&&*key.text) && is_empty(node)));
        self
    }

    /// The position of a key's value, or of the mapping if the key is absent.
    pub(crate) fn position_of(&self, key: &str) -> Option<Position> {
        self.get(key).map_or(self.at, |node| node.at)
    }
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(directory: &'a Path, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { directory, env, path: Vec::new(), mistakes: Vec::new(), unlisted: 0, warnings: Vec::new() }
    }

    /// Returns the value if there was no mistake.
    pub(crate) fn finish<T>(self, file: &Path, value: Option<T>) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.mistakes.is_empty() => Ok(value),
            _ => Err(ConfigErrors::new(file, self.mistakes, self.unlisted)),
        }
    }

    /// Records a mistake at the current key. `text` is called only if the mistake will be listed.
    pub(crate) fn mistake(&mut self, at: Option<Position>, text: impl FnOnce() -> String) {
        if self.mistakes.len() >= MAX_LISTED_MISTAKES {
            self.unlisted = self.unlisted.saturating_add(1);
            return;
        }
        let key = self.key_path();
        self.mistakes.push(Mistake { position: at, key, text: text() });
    }

    /// Records that the value at the current key is accepted but has no or another effect.
    pub(crate) fn warning(&mut self, at: Option<Position>, text: impl FnOnce() -> String) {
        if self.warnings.len() < MAX_LISTED_MISTAKES {
            let key = self.key_path();
            self.warnings.push(Mistake { position: at, key, text: text() });
        }
    }

    /// The warnings so far, at most [`MAX_LISTED_MISTAKES`].
    pub(crate) fn take_warnings(&mut self) -> Vec<Mistake> {
        std::mem::take(&mut self.warnings)
    }

    /// Records `invalid NOUN VALUE: WHY`. Only for values that may be shown.
    pub(crate) fn invalid(&mut self, node: &Node, noun: &str, why: impl std::fmt::Display) {
        self.mistake(node.at, || match &node.value {
            Value::Scalar { text, .. } => format!("invalid {noun} {}: {why}", excerpt(text)),
            Value::Null | Value::List(_) | Value::Map(_) => format!("invalid {noun}: {why}"),
        });
    }

    pub(crate) fn under_key<T>(&mut self, key: impl Into<Cow<'static, str>>, decode: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Key(key.into()));
        let value = decode(self);
        self.path.pop();
        value
    }

    pub(crate) fn under_index<T>(&mut self, index: usize, decode: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Index(index));
        let value = decode(self);
        self.path.pop();
        value
    }

    /// The entries of a mapping with these keys. Any other key and any duplicate key is a mistake.
    pub(crate) fn fields<'t>(&mut self, node: &'t Node, known: &'static [&'static str]) -> Option<Fields<'t>> {
        let entries = self.entries(node, || {
            format!("a mapping with keys such as {}", known.iter().take(3).copied().collect::<Vec<_>>().join(", "))
        })?;
        let (known_entries, unknown): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(key, _)| known.contains(&&*key.text));
        for (key, _) in unknown {
            // Without a space after the colon, `client_secret:abc` is one key: the rest of it may be a secret.
            let (word, rest) = key.text.split_at(key.text.find(|c| !is_plain(c)).unwrap_or(key.text.len()));
            let name = if rest.is_empty() { word.to_owned() } else { format!("{word}…") };
            self.under_key(name, |d| d.mistake(key.at, || unknown_key(word, rest, known)));
        }
        Some(Fields { at: node.at, entries: known_entries })
    }

    /// The entries of a mapping with any keys. A duplicate key is a mistake.
    pub(crate) fn entries<'t>(
        &mut self,
        node: &'t Node,
        wanted: impl Fn() -> String,
    ) -> Option<Vec<(&'t Key, &'t Node)>> {
        let Value::Map(all) = &node.value else {
            self.mistake(node.at, || unexpected(&node.value, &wanted()));
            return None;
        };
        let mut first: HashMap<&str, Option<Position>> = HashMap::with_capacity(all.len());
        let mut entries = Vec::with_capacity(all.len());
        for (key, value) in all {
            match first.get(&*key.text) {
                Some(earlier) => {
                    let earlier = earlier.map_or(String::new(), |at| format!("; first defined in line {}", at.line));
                    let name = key.text.to_string();
                    self.under_key(name, |d| d.mistake(key.at, || format!("duplicate key{earlier}")));
                }
                None => {
                    first.insert(&key.text, key.at);
                    entries.push((key, value));
                }
            }
        }
        Some(entries)
    }

    /// Decodes the value of a key, if the key is present.
    pub(crate) fn optional<'t, T>(
        &mut self,
        fields: &Fields<'t>,
        key: &'static str,
        decode: impl FnOnce(&mut Self, &'t Node) -> Option<T>,
    ) -> Option<T> {
        let node = fields.get(key)?;
        self.under_key(key, |d| {
            if matches!(node.value, Value::Null) {
                d.mistake(node.at, || "key has no value; set one or remove the key".to_owned());
                return None;
            }
            decode(d, node)
        })
    }

    /// Decodes the value of a required key.
    pub(crate) fn required<'t, T>(
        &mut self,
        fields: &Fields<'t>,
        key: &'static str,
        wanted: &str,
        decode: impl FnOnce(&mut Self, &'t Node) -> Option<T>,
    ) -> Option<T> {
        if !fields.has(key) {
            self.under_key(key, |d| d.mistake(fields.at, || format!("required key is missing; set it to {wanted}")));
        }
        if let Some(node) = fields.get(key).filter(|node| is_empty(node)) {
            let text = || format!("required key is empty; set it to {wanted}");
            self.under_key(key, |d| d.mistake(node.at, text));
            return None;
        }
        self.optional(fields, key, decode)
    }

    /// Decodes each item of a list; items with mistakes are left out of the result.
    pub(crate) fn items<'t, T>(
        &mut self,
        node: &'t Node,
        mut decode: impl FnMut(&mut Self, &'t Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(items) = &node.value else {
            self.mistake(node.at, || {
                format!("{}; write [a, b], or one item per line after `-`", unexpected(&node.value, "a list"))
            });
            return None;
        };
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            values.extend(self.under_index(index, |d| decode(d, item)));
        }
        Some(values)
    }

    /// A string; unquoted numbers and words count as strings. A value of another type is not shown.
    pub(crate) fn text<'t>(&mut self, node: &'t Node, wanted: &str) -> Option<&'t str> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text),
            value => {
                self.mistake(node.at, || unexpected(value, wanted));
                None
            }
        }
    }

    pub(crate) fn whole_number(&mut self, node: &Node, range: RangeInclusive<u64>) -> Option<u64> {
        let wanted = || format!("a whole number from {} to {}", range.start(), range.end());
        let text = self.text(node, &wanted())?;
        let quoted = matches!(node.value, Value::Scalar { quoted: true, .. });
        match text.parse::<u64>() {
            Ok(number) if !quoted && range.contains(&number) => return Some(number),
            Ok(_) if quoted => self.invalid(node, "number", "remove the quotes"),
            _ => self.invalid(node, "number", format_args!("expected {}", wanted())),
        }
        None
    }

    pub(crate) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match (self.text(node, "true or false")?, &node.value) {
            ("true", Value::Scalar { quoted: false, .. }) => Some(true),
            ("false", Value::Scalar { quoted: false, .. }) => Some(false),
            _ => {
                self.invalid(node, "boolean", "expected true or false");
                None
            }
        }
    }

    pub(crate) fn duration(&mut self, node: &Node, range: RangeInclusive<Duration>) -> Option<Duration> {
        let (least, most) = (format_duration(*range.start()), format_duration(*range.end()));
        let text = self.text(node, &format!("a duration from {least} to {most}"))?;
        match parse_duration(text) {
            Some(duration) if range.contains(&duration) => return Some(duration),
            Some(_) => self.invalid(node, "duration", format_args!("must be from {least} to {most}")),
            None => self.invalid(
                node,
                "duration",
                format_args!("expected a number with a unit, such as 15s, 1m30s or 500ms, from {least} to {most}"),
            ),
        }
        None
    }

    pub(crate) fn bytes(&mut self, node: &Node, range: RangeInclusive<u64>) -> Option<u64> {
        let (least, most) = (format_bytes(*range.start()), format_bytes(*range.end()));
        let text = self.text(node, &format!("a size from {least} to {most}"))?;
        match parse_bytes(text) {
            Some(bytes) if range.contains(&bytes) => return Some(bytes),
            Some(_) => self.invalid(node, "size", format_args!("must be from {least} to {most}")),
            None => self.invalid(
                node,
                "size",
                format_args!("expected bytes, or a number with KiB, MiB or GiB, from {least} to {most}"),
            ),
        }
        None
    }

    fn key_path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Index(index) => path.push_str(&format!("[{index}]")),
                Step::Key(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    let plain = !key.is_empty() && key.len() <= 64 && key.trim_end_matches('…').chars().all(is_plain);
                    path.push_str(&if plain { key.clone() } else { Cow::Owned(excerpt(key)) });
                }
            }
        }
        path
    }
}

/// A value in quotes, with control characters escaped, shortened if it is long.
pub(crate) fn excerpt(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn unexpected(value: &Value, wanted: &str) -> String {
    let got = match value {
        Value::Null => "no value",
        Value::Scalar { .. } => "a single value",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    };
    format!("expected {wanted}, got {got}")
}

fn unknown_key(key: &str, rest: &str, known: &[&str]) -> String {
    if rest.starts_with(':') {
        return "unknown key; add a space after the colon".to_owned();
    }
    let lower = key.to_ascii_lowercase().replace('-', "_");
    let files: Vec<&str> = known.iter().copied().filter(|known| known.ends_with("_file")).collect();
    if INLINE_SECRETS.contains(&lower.as_str()) && !files.is_empty() {
        let files = files.join(", ");
        let from_env = known.iter().find(|known| known.ends_with("_env"));
        let env = from_env.map_or(String::new(), |key| format!(", or an environment variable with {key}"));
        return format!("secrets are not allowed in this file; read them from a file with {files}{env}");
    }
    match nearest(key, known) {
        Some(nearest) => format!("unknown key; did you mean {nearest}?"),
        None => format!("unknown key; known keys are {}", known.join(", ")),
    }
}
