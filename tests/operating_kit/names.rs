//! Every name in an expression is exported.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expression::{Labels, labels, read};
use super::files::{dashboards, list, panels, rules, variables};

#[test]
fn every_expression_parses_and_uses_only_exported_names() {
    let known = known();
    let mut wrong = Vec::new();
    for dashboard in dashboards() {
        let targets = panels(&dashboard).into_iter().flat_map(|panel| list(panel, "targets"));
        let annotations = list(&dashboard["annotations"], "list");
        for expr in targets.chain(annotations).filter_map(|target| target["expr"].as_str()) {
            wrong.extend(strangers(&filled(expr, &dashboard), &known));
        }
        for variable in list(&dashboard["templating"], "list") {
            let Some(query) = variable["query"]["query"].as_str() else { continue };
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (expr, label) = inner.rsplit_once(", ").unwrap();
            wrong.extend(strangers(&format!("count by ({label}) ({})", filled(expr, &dashboard)), &known));
        }
    }
    wrong.extend(rules().iter().flat_map(|rule| strangers(&rule["expr"], &known)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn duplicated_series_count_once() {
    let mut wrong = Vec::new();
    for dashboard in dashboards() {
        for target in panels(&dashboard).into_iter().flat_map(|panel| list(panel, "targets")) {
            let expr = filled(target["expr"].as_str().unwrap(), &dashboard);
            wrong.extend(read(&expr).unwrap().doubled.into_iter().map(|name| format!("{name}: {expr}")));
        }
    }
    for rule in rules() {
        wrong.extend(read(&rule["expr"]).unwrap().doubled.into_iter().map(|name| format!("{name}: {rule:?}")));
    }
    assert!(wrong.is_empty(), "a sum without a max before it:\n{}", wrong.join("\n"));
    assert_eq!(read("sum(koreai_job_status)").unwrap().doubled, ["koreai_job_status"]);
    assert!(read("sum(max by (bot) (koreai_job_status))").unwrap().doubled.is_empty());
}

#[test]
fn an_unknown_name_is_found() {
    let known = known();
    for drifted in
        ["koreai_job_state", "koreai_job_status{state=\"x\"}", "sum by (chanel) (koreai_job_status)", "sum(("]
    {
        assert!(!strangers(drifted, &known).is_empty(), "{drifted}");
    }
}

/// Name, whether it is a histogram, labels.
fn catalogue() -> impl Iterator<Item = (&'static str, bool, &'static [&'static str])> {
    use koreai_exporter::exposition::{Kind, families};
    families().map(|family| (family.name, family.kind == Kind::Histogram, family.labels))
}

const ALERT_LABELS: &[&str] = &[
    "alertname",
    "alertstate",
    "severity",
    "bot",
    "campaign",
    "channel",
    "request_id",
    "kind",
    "reason",
    "window",
    "state",
];

/// Every series that an expression may name, with its labels: the catalogue's, Prometheus' own, the recorded ones.
pub(super) fn known() -> BTreeMap<String, Labels> {
    // `cluster` and `namespace` are there where a scrape configuration sets them.
    let target = ["cluster", "namespace", "job", "instance"];
    let with = |labels: &[&str]| -> Labels { labels.iter().chain(&target).map(|l| l.to_string()).collect() };
    let mut known = BTreeMap::new();
    for (name, is_histogram, labels) in catalogue() {
        if is_histogram {
            known.insert(format!("{name}_sum"), with(labels));
            known.insert(format!("{name}_count"), with(labels));
            known.insert(format!("{name}_bucket"), with(&[labels, &["le"]].concat()));
        } else {
            known.insert(name.to_owned(), with(labels));
        }
    }
    known.insert("ALERTS".into(), with(ALERT_LABELS));
    for name in ["up", "scrape_duration_seconds", "scrape_samples_scraped"] {
        known.insert(name.into(), with(&[]));
    }
    for name in ["cpu_seconds_total", "resident_memory_bytes", "start_time_seconds", "open_fds", "max_fds"] {
        known.insert(format!("process_{name}"), with(&[]));
    }
    for rule in rules().into_iter().filter(|rule| rule.contains_key("record")) {
        let parsed = promql_parser::parser::parse(&rule["expr"]).unwrap_or_else(|error| panic!("{error}: {rule:?}"));
        let produced = labels(&parsed, &known);
        let fixed = rule.keys().filter(|key| !["record", "expr"].contains(&key.as_str())).cloned();
        known.entry(rule["record"].clone()).or_default().extend(produced.into_iter().chain(fixed));
    }
    known
}

/// What is wrong with the names in an expression; empty where all is well.
pub(super) fn strangers(expr: &str, known: &BTreeMap<String, Labels>) -> Vec<String> {
    let read = match read(expr) {
        Ok(read) => read,
        Err(error) => return vec![error],
    };
    let mut wrong = Vec::new();
    let mut all = Labels::new();
    for (name, labels) in &read.selectors {
        match known.get(name) {
            None => wrong.push(format!("nobody serves {name}")),
            Some(has) => {
                wrong.extend(labels.difference(has).map(|label| format!("{name} has no label {label}")));
                all.extend(has.iter().cloned());
            }
        }
    }
    for label in read.by.iter().flatten().filter(|label| !all.contains(*label)) {
        wrong.push(format!("no series here has the label {label}: {expr}"));
    }
    wrong
}

/// Replaces the variables of Grafana by values, the longest names first, so that no name matches the start of another.
fn filled(expr: &str, dashboard: &Value) -> String {
    let mut names = variables(dashboard);
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let expr = expr.replace("$__rate_interval", "5m").replace("$__range_s", "3600").replace("$__range", "1h");
    names.iter().fold(expr, |expr, name| expr.replace(&format!("${name}"), "x"))
}
