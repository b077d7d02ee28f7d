//! A decoder that goes on after a mistake: it notes what is wrong, where and why, and returns nothing for that value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::did_you_mean::nearest;
use super::error::{ConfigErrors, MAX_LISTED_MISTAKES, Mistake, Position};
use super::tree::{Key, Node, Value};
use super::units::{parse_bytes, parse_duration, spell_bytes, spell_duration};

/// Keys under which people elsewhere write a secret itself. Their values are never shown.
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

/// What decoding needs to know of the world, and what it has found out so far.
pub(super) struct Decoder<'a> {
    /// The folder that relative paths start from, absolute.
    pub(super) folder: &'a Path,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    path: Vec<Step>,
    mistakes: Vec<Mistake>,
    unlisted: usize,
}

/// One step of a key path.
enum Step {
    Key(Cow<'static, str>),
    Index(usize),
}

/// The entries of a mapping, known and unique.
pub(super) struct Fields<'t> {
    pub(super) at: Option<Position>,
    entries: Vec<(&'t Key, &'t Node)>,
}

impl<'t> Fields<'t> {
    pub(super) fn get(&self, key: &str) -> Option<&'t Node> {
        self.entries.iter().find(|(known, _)| &*known.text == key).map(|(_, node)| *node)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Where a key stands, or the mapping if it is not there.
    pub(super) fn position_of(&self, key: &str) -> Option<Position> {
        self.get(key).map_or(self.at, |node| node.at)
    }
}

impl<'a> Decoder<'a> {
    pub(super) fn new(folder: &'a Path, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { folder, env, path: Vec::new(), mistakes: Vec::new(), unlisted: 0 }
    }

    /// The value, if there was no mistake on the way to it.
    pub(super) fn finish<T>(self, file: &Path, value: Option<T>) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.mistakes.is_empty() => Ok(value),
            _ => Err(ConfigErrors::new(file, self.mistakes, self.unlisted)),
        }
    }

    /// Notes a mistake at the present key. The text is made only if it will be listed.
    pub(super) fn mistake(&mut self, at: Option<Position>, text: impl FnOnce() -> String) {
        if self.mistakes.len() >= MAX_LISTED_MISTAKES {
            self.unlisted = self.unlisted.saturating_add(1);
            return;
        }
        let key = self.key_path();
        self.mistakes.push(Mistake { position: at, key, text: text() });
    }

    /// Notes a mistake about a value that may be shown.
    pub(super) fn wrong(&mut self, node: &Node, what: impl std::fmt::Display) {
        self.mistake(node.at, || match &node.value {
            Value::Scalar { text, .. } => format!("{} {what}", shown(text)),
            Value::Null | Value::List(_) | Value::Map(_) => format!("this {what}"),
        });
    }

    pub(super) fn under_key<T>(&mut self, key: impl Into<Cow<'static, str>>, decode: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Key(key.into()));
        let value = decode(self);
        self.path.pop();
        value
    }

    pub(super) fn under_index<T>(&mut self, index: usize, decode: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Index(index));
        let value = decode(self);
        self.path.pop();
        value
    }

    /// The entries of a mapping with these keys; every other key, and every key that comes twice, is a mistake.
    pub(super) fn fields<'t>(&mut self, node: &'t Node, known: &'static [&'static str]) -> Option<Fields<'t>> {
        let entries = self.entries(node, || format!("a mapping with the keys {}", known.join(", ")))?;
        let (known_entries, unknown): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(key, _)| known.contains(&&*key.text));
        for (key, _) in unknown {
            // What follows the word may be a secret: `client_secret:abc`, without the space, is a key as a whole.
            let (word, rest) = key.text.split_at(key.text.find(|c| !is_plain(c)).unwrap_or(key.text.len()));
            let name = if rest.is_empty() { word.to_owned() } else { format!("{word}…") };
            self.under_key(name, |d| d.mistake(key.at, || unknown_key(word, rest, known)));
        }
        Some(Fields { at: node.at, entries: known_entries })
    }

    /// The entries of a mapping with any keys, each once.
    pub(super) fn entries<'t>(
        &mut self,
        node: &'t Node,
        wanted: impl Fn() -> String,
    ) -> Option<Vec<(&'t Key, &'t Node)>> {
        let Value::Map(all) = &node.value else {
            self.mistake(node.at, || format!("{}; give {}", not_a(&node.value, "a mapping"), wanted()));
            return None;
        };
        let mut first: HashMap<&str, Option<Position>> = HashMap::with_capacity(all.len());
        let mut entries = Vec::with_capacity(all.len());
        for (key, value) in all {
            match first.get(&*key.text) {
                Some(earlier) => {
                    let earlier = earlier.map_or(String::new(), |at| format!("; first in line {}", at.line));
                    let name = key.text.to_string();
                    self.under_key(name, |d| d.mistake(key.at, || format!("this key is given twice{earlier}")));
                }
                None => {
                    first.insert(&key.text, key.at);
                    entries.push((key, value));
                }
            }
        }
        Some(entries)
    }

    /// Decodes the value of a key, if the key is there.
    pub(super) fn optional<'t, T>(
        &mut self,
        fields: &Fields<'t>,
        key: &'static str,
        decode: impl FnOnce(&mut Self, &'t Node) -> Option<T>,
    ) -> Option<T> {
        let node = fields.get(key)?;
        self.under_key(key, |d| {
            if matches!(node.value, Value::Null) {
                d.mistake(node.at, || "has no value; give one, or leave the key out".to_owned());
                return None;
            }
            decode(d, node)
        })
    }

    /// Decodes the value of a key that must be there.
    pub(super) fn required<'t, T>(
        &mut self,
        fields: &Fields<'t>,
        key: &'static str,
        wanted: &str,
        decode: impl FnOnce(&mut Self, &'t Node) -> Option<T>,
    ) -> Option<T> {
        if !fields.has(key) {
            self.under_key(key, |d| d.mistake(fields.at, || format!("this key is missing; give {wanted}")));
        }
        self.optional(fields, key, decode)
    }

    /// Decodes each item of a list; the ones with mistakes are not among the result.
    pub(super) fn items<'t, T>(
        &mut self,
        node: &'t Node,
        mut decode: impl FnMut(&mut Self, &'t Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(items) = &node.value else {
            self.mistake(node.at, || {
                format!("{}; write [a, b], or one item a line after `-`", not_a(&node.value, "a list"))
            });
            return None;
        };
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            values.extend(self.under_index(index, |d| decode(d, item)));
        }
        Some(values)
    }

    /// A text, or a number or word that may stand for one. The value is not shown when it is something else.
    pub(super) fn text<'t>(&mut self, node: &'t Node, wanted: &str) -> Option<&'t str> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text),
            value => {
                self.mistake(node.at, || format!("{}; give {wanted}", not_a(value, "a single value")));
                None
            }
        }
    }

    pub(super) fn whole_number(&mut self, node: &Node, range: RangeInclusive<u64>) -> Option<u64> {
        let wanted = || format!("a whole number from {} to {}", range.start(), range.end());
        let text = self.text(node, &wanted())?;
        let quoted = matches!(node.value, Value::Scalar { quoted: true, .. });
        match text.parse::<u64>() {
            Ok(number) if !quoted && range.contains(&number) => return Some(number),
            Ok(_) if quoted => self.wrong(node, format_args!("is a text; write {} without quotes", wanted())),
            Ok(_) => self.wrong(node, format_args!("is out of range; give {}", wanted())),
            Err(_) => self.wrong(node, format_args!("is not a whole number; give {}", wanted())),
        }
        None
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match (self.text(node, "true or false")?, &node.value) {
            ("true", Value::Scalar { quoted: false, .. }) => Some(true),
            ("false", Value::Scalar { quoted: false, .. }) => Some(false),
            _ => {
                self.wrong(node, "is neither true nor false");
                None
            }
        }
    }

    pub(super) fn duration(&mut self, node: &Node, range: RangeInclusive<Duration>) -> Option<Duration> {
        let (least, most) = (spell_duration(*range.start()), spell_duration(*range.end()));
        let text = self.text(node, &format!("a duration from {least} to {most}"))?;
        match parse_duration(text) {
            Some(duration) if range.contains(&duration) => return Some(duration),
            Some(_) => self.wrong(node, format_args!("is out of range; give a duration from {least} to {most}")),
            None => self.wrong(
                node,
                format_args!("is not a duration; give one like 15s, 1m30s or 500ms, from {least} to {most}"),
            ),
        }
        None
    }

    pub(super) fn bytes(&mut self, node: &Node, range: RangeInclusive<u64>) -> Option<u64> {
        let (least, most) = (spell_bytes(*range.start()), spell_bytes(*range.end()));
        let text = self.text(node, &format!("a size from {least} to {most}"))?;
        match parse_bytes(text) {
            Some(bytes) if range.contains(&bytes) => return Some(bytes),
            Some(_) => self.wrong(node, format_args!("is out of range; give a size from {least} to {most}")),
            None => self.wrong(
                node,
                format_args!("is not a size; give bytes, or a number with KiB, MiB or GiB, from {least} to {most}"),
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
                    path.push_str(&if plain { key.clone() } else { Cow::Owned(shown(key)) });
                }
            }
        }
        path
    }
}

/// A value in quotes, control characters escaped, cut where it is long.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn not_a(value: &Value, wanted: &str) -> String {
    let is = match value {
        Value::Null => "nothing",
        Value::Scalar { .. } => "a single value",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    };
    format!("this is {is} where {wanted} belongs")
}

fn unknown_key(key: &str, rest: &str, known: &[&str]) -> String {
    if rest.starts_with(':') {
        return "this key is unknown; write a space after the colon".to_owned();
    }
    let lower = key.to_ascii_lowercase().replace('-', "_");
    if INLINE_SECRETS.contains(&lower.as_str()) {
        let files: Vec<&str> = known.iter().copied().filter(|known| known.ends_with("_file")).collect();
        let from_env = known.iter().find(|known| known.ends_with("_env"));
        let env = from_env.map_or(String::new(), |key| format!(", or from an environment variable: {key}"));
        let files = if files.is_empty() { "see auth".to_owned() } else { files.join(", ") };
        return format!("a secret does not stand in this file; secrets are read from a file: {files}{env}");
    }
    match nearest(key, known) {
        Some(nearest) => format!("this key is unknown; did you mean {nearest}?"),
        None => format!("this key is unknown; known here: {}", known.join(", ")),
    }
}
