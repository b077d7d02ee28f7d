//! Reads the shipped files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display())).collect();
    names.sort();
    names
}

pub(super) fn rules() -> Vec<BTreeMap<String, String>> {
    let mut rules = Vec::new();
    for file in files("deploy/prometheus/rules") {
        let yaml = text(&file);
        for group in Yaml::load_from_str(&yaml).unwrap()[0]["groups"].as_vec().unwrap() {
            for rule in group["rules"].as_vec().unwrap() {
                let mut flat = BTreeMap::new();
                flatten(rule, &mut flat);
                rules.push(flat);
            }
        }
    }
    rules
}

/// Keys are unique over all levels of a rule, so labels and annotations can be merged with `alert` and `expr`.
fn flatten(node: &Yaml<'_>, into: &mut BTreeMap<String, String>) {
    for (key, value) in node.as_mapping().unwrap() {
        match value.as_str() {
            Some(text) => drop(into.insert(key.as_str().unwrap().to_owned(), text.trim().to_owned())),
            None => flatten(value, into),
        }
    }
}

pub(super) fn records() -> Vec<(String, String)> {
    rules().into_iter().filter_map(|rule| Some((rule.get("record")?.clone(), rule["expr"].clone()))).collect()
}

pub(super) fn alerts() -> Vec<BTreeMap<String, String>> {
    rules().into_iter().filter(|rule| rule.contains_key("alert")).collect()
}

pub(super) fn dashboards() -> Vec<Value> {
    files("dashboards").iter().map(|file| serde_json::from_str(&text(file)).unwrap()).collect()
}

pub(super) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// All panels, including rows and panels in collapsed rows.
pub(super) fn panels(dashboard: &Value) -> Vec<&Value> {
    list(dashboard, "panels").iter().flat_map(|panel| std::iter::once(panel).chain(list(panel, "panels"))).collect()
}

pub(super) fn variables(dashboard: &Value) -> Vec<&str> {
    list(&dashboard["templating"], "list").iter().map(|v| v["name"].as_str().unwrap()).collect()
}

/// The mistake in a path like `/d/UID?var-NAME=…`, if any.
pub(super) fn lost(url: &str, boards: &[Value]) -> Option<String> {
    let path = url.strip_prefix("/d/").unwrap_or_default();
    let (uid, query) = path.split_once('?').unwrap_or((path, ""));
    let Some(board) = boards.iter().find(|board| board["uid"] == uid) else {
        return Some(format!("no dashboard: {url}"));
    };
    let mut names = query.split('&').filter_map(|pair| pair.strip_prefix("var-")?.split('=').next());
    let unknown = names.find(|name| !variables(board).contains(name))?;
    Some(format!("{uid} has no variable {unknown}: {url}"))
}
