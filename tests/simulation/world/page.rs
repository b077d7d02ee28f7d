//! A page of metrics, read strictly.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A page, read.
pub(crate) struct Page {
    /// Series, as they are spelt, and their values.
    pub(crate) samples: HashMap<String, f64>,
    /// Family → type.
    types: HashMap<String, String>,
}

impl Page {
    /// Reads a page in either format.
    ///
    /// # Errors
    /// The line that no Prometheus would take.
    pub(crate) fn parse(text: &str, open_metrics: bool) -> Result<Self, String> {
        let mut page = Self { samples: HashMap::new(), types: HashMap::new() };
        let mut current = String::new();
        let mut closed: BTreeSet<String> = BTreeSet::new();
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
                        if page.types.insert(name.to_owned(), kind.to_owned()).is_some() {
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
            if !labels_are_good(&series[name.len()..]) {
                return wrong("bad labels");
            }
            let Some(family) = page.family(name) else { return wrong("a sample without a type") };
            if family != current {
                if !closed.insert(family.clone()) {
                    return wrong("a family in two places");
                }
                current = family;
            }
            if page.samples.insert(in_one_spelling(series), value).is_some() {
                return wrong("a series twice");
            }
        }
        Ok(page)
    }

    fn family(&self, name: &str) -> Option<String> {
        let endings = ["", "_total", "_bucket", "_sum", "_count", "_created"];
        let mut families = endings.iter().filter_map(|ending| name.strip_suffix(ending));
        families.find(|family| self.types.contains_key(*family)).map(str::to_owned)
    }

    /// Series of a counter or histogram that may only grow, and that a restart keeps.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&str, f64)> {
        let grows = |series: &str| {
            let name = series.split('{').next().unwrap_or_default();
            let family = self.family(name).unwrap_or_default();
            matches!(self.types.get(&family).map(String::as_str), Some("counter" | "histogram"))
                && series.contains("bot=\"")
                && !name.ends_with("_created")
        };
        self.samples.iter().filter(move |(series, _)| grows(series)).map(|(series, value)| (series.as_str(), *value))
    }

    /// The samples of a family by the values of their labels.
    pub(crate) fn family_of(&self, name: &str) -> Vec<(BTreeMap<String, String>, f64)> {
        let of_it = self.samples.iter().filter(|(series, _)| {
            series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        });
        of_it.map(|(series, value)| (labels(series), *value)).collect()
    }
}

/// OpenMetrics has `le="1.0"` where the text format has `le="1"`.
fn in_one_spelling(series: &str) -> String {
    series.replace(".0\"}", "\"}")
}

/// `{a="b",c="d"}`, or nothing.
fn labels_are_good(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return false };
    let mut rest = inner;
    loop {
        let name = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count();
        let Some(after) = rest.get(name..).and_then(|after| after.strip_prefix("=\"")) else { return false };
        let mut escaped = false;
        let end = after.char_indices().find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end.filter(|_| name > 0) else { return false };
        match &after[end + 1..] {
            "" => return true,
            more => match more.strip_prefix(',') {
                Some(more) => rest = more,
                None => return false,
            },
        }
    }
}

/// The labels of a series; values here have no escapes.
fn labels(series: &str) -> BTreeMap<String, String> {
    let Some((_, inner)) = series.split_once('{') else { return BTreeMap::new() };
    let pairs = inner.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\""));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned())).collect()
}
