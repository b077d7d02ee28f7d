//! A page of metrics, read strictly.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

/// A page, read.
pub(crate) struct Page {
    samples: Vec<Sample>,
    families: HashMap<String, Family>,
    /// The hashes of all series.
    series: HashSet<u64>,
}

struct Sample {
    /// The series, as it is spelt in the text format.
    series: String,
    /// The length of its name.
    name: usize,
    value: f64,
}

struct Family {
    grows: bool,
    /// Where its samples are, once there is one.
    samples: Option<Range<usize>>,
}

impl Page {
    /// Reads a page in either format.
    ///
    /// # Errors
    /// The line that no Prometheus would take.
    pub(crate) fn parse(text: &str, open_metrics: bool) -> Result<Self, String> {
        let mut page = Self { samples: Vec::new(), families: HashMap::new(), series: HashSet::new() };
        // The family of the sample before, and the name of that sample.
        let mut current = (String::new(), String::new());
        if open_metrics && !text.ends_with("# EOF\n") {
            return Err("the page does not end in # EOF".to_owned());
        }
        for line in text.lines() {
            let wrong = |why: &str| Err(format!("{why}: {line:.200}"));
            if let Some(rest) = line.strip_prefix("# ") {
                let mut words = rest.splitn(3, ' ');
                match (words.next(), words.next(), words.next()) {
                    (Some("EOF"), None, None) => {}
                    (Some("HELP" | "UNIT"), Some(_), _) => {}
                    (Some("TYPE"), Some(name), Some(kind)) => {
                        let family = Family { grows: matches!(kind, "counter" | "histogram"), samples: None };
                        if page.families.insert(name.to_owned(), family).is_some() {
                            return wrong("a second type");
                        }
                    }
                    _ => return wrong("no comment that is known"),
                }
                continue;
            }
            let Some((series, value)) = line.rsplit_once(' ') else { return wrong("no sample") };
            let Ok(value) = value.parse::<f64>() else { return wrong("no value") };
            let name = series.split('{').next().unwrap_or_default();
            if !labels_are_good(&series.as_bytes()[name.len()..]) {
                return wrong("bad labels");
            }
            let place = page.samples.len();
            if name != current.1 {
                let Some(family) = page.family(name).map(str::to_owned) else {
                    return wrong("a sample without a type");
                };
                if family != current.0 {
                    let opened = page.families.get_mut(&family).map(|family| family.samples.replace(place..place));
                    if !matches!(opened, Some(None)) {
                        return wrong("a family in two places");
                    }
                }
                current = (family, name.to_owned());
            }
            if let Some(range) = page.families.get_mut(&current.0).and_then(|family| family.samples.as_mut()) {
                range.end = place + 1;
            }
            let series = in_one_spelling(series);
            if !page.series.insert(xxh3_64(series.as_bytes())) {
                return wrong("a series twice");
            }
            page.samples.push(Sample { series, name: name.len(), value });
        }
        Ok(page)
    }

    /// The name of the family of a sample.
    fn family<'a>(&self, name: &'a str) -> Option<&'a str> {
        let endings = ["", "_total", "_bucket", "_sum", "_count", "_created"];
        let mut families = endings.iter().filter_map(|ending| name.strip_suffix(ending));
        families.find(|family| self.families.contains_key(*family))
    }

    /// Whether the page has a series.
    pub(crate) fn has(&self, series: &str) -> bool {
        self.series.contains(&xxh3_64(series.as_bytes()))
    }

    /// Series of a counter or histogram that may only grow, and that a restart keeps.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&str, f64)> {
        let growing = self.families.values().filter(|family| family.grows);
        let samples = growing.filter_map(|family| self.samples.get(family.samples.clone()?)).flatten();
        let kept =
            |sample: &&Sample| sample.series.contains("bot=\"") && !sample.series[..sample.name].ends_with("_created");
        samples.filter(kept).map(|sample| (sample.series.as_str(), sample.value))
    }

    /// The samples with a name, and their labels.
    pub(crate) fn family_of(&self, name: &str) -> impl Iterator<Item = (Labels<'_>, f64)> {
        let family = self.family(name).and_then(|family| self.families.get(family));
        let samples = family.and_then(|family| self.samples.get(family.samples.clone()?)).unwrap_or_default();
        let named = samples.iter().filter(move |sample| sample.series[..sample.name] == *name);
        named.map(|sample| (Labels(&sample.series[sample.name..]), sample.value))
    }
}

/// The labels of a sample, as they are spelt; values here have no escapes.
pub(crate) struct Labels<'a>(&'a str);

impl<'a> Labels<'a> {
    /// The value of a label; empty if there is none.
    pub(crate) fn get(&self, label: &str) -> &'a str {
        let inner = self.0.trim_start_matches('{').trim_end_matches('}');
        let mut pairs = inner.split("\",").filter_map(|pair| pair.split_once("=\""));
        let value = pairs.find(|(name, _)| *name == label).map(|(_, value)| value.trim_end_matches('"'));
        value.unwrap_or_default()
    }
}

/// OpenMetrics has `le="1.0"` where the text format has `le="1"`.
fn in_one_spelling(series: &str) -> String {
    match series.strip_suffix(".0\"}") {
        Some(start) => format!("{start}\"}}"),
        None => series.to_owned(),
    }
}

/// `{a="b",c="d"}`, or nothing.
fn labels_are_good(text: &[u8]) -> bool {
    if text.is_empty() {
        return true;
    }
    let Some(mut rest) = text.strip_prefix(b"{").and_then(|text| text.strip_suffix(b"}")) else { return false };
    loop {
        let name = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == b'_').count();
        let Some(after) = rest.get(name..).and_then(|after| after.strip_prefix(b"=\"")) else { return false };
        let mut escaped = false;
        let end = after.iter().position(|c| {
            let ends = *c == b'"' && !escaped;
            escaped = *c == b'\\' && !escaped;
            ends
        });
        let Some(end) = end.filter(|_| name > 0) else { return false };
        match after.get(end + 1..) {
            None | Some([]) => return true,
            Some([b',', more @ ..]) => rest = more,
            Some(_) => return false,
        }
    }
}
