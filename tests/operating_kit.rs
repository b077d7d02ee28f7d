//! Dashboards, rules, runbook and catalogue say the same: a name that drifts in one of them fails here.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use promql_parser::label::Matchers;
use promql_parser::parser::{Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

type Labels = BTreeSet<String>;

/// Name, whether it is a histogram, labels.
fn catalogue() -> impl Iterator<Item = (&'static str, bool, &'static [&'static str])> {
    use koreai_exporter::exposition::{Kind, families};
    families().map(|family| (family.name, family.kind == Kind::Histogram, family.labels))
}

const ALERT_LABELS: &[&str] =
    &["alertname", "alertstate", "severity", "bot", "campaign", "channel", "request_id", "kind", "reason", "window"];

/// Every series that an expression may name, with its labels: the catalogue's, Prometheus' own, the recorded ones.
fn known() -> BTreeMap<String, Labels> {
    let target = ["job", "instance"];
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
    for (name, expr) in records() {
        let read = read(&expr).unwrap_or_else(|error| panic!("{name}: {error}"));
        known.insert(name, read.by.first().cloned().unwrap_or_default());
    }
    known
}

/// What an expression names: its selectors, and the label lists of its aggregations and matchings.
#[derive(Default)]
struct Read {
    selectors: Vec<(String, Labels)>,
    by: Vec<Labels>,
    /// Recorded or served names that stand alone on the left of a comparison with a number.
    limits: Vec<(String, f64)>,
    /// Numbers that anything is compared with.
    numbers: BTreeSet<u64>,
}

impl ExprVisitor for Read {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        match expr {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs),
            Expr::Aggregate(aggregate) => {
                if let Some(LabelModifier::Include(labels)) = &aggregate.modifier {
                    self.by.push(labels.labels.iter().cloned().collect());
                }
            }
            Expr::Binary(binary) => {
                if let Some(LabelModifier::Include(labels)) = binary.modifier.as_ref().and_then(|m| m.matching.as_ref())
                {
                    self.by.push(labels.labels.iter().cloned().collect());
                }
                if let (true, Expr::NumberLiteral(number)) = (binary.op.is_comparison_operator(), binary.rhs.as_ref()) {
                    self.numbers.insert(number.val.to_bits());
                    if let Expr::VectorSelector(selector) = binary.lhs.as_ref() {
                        self.limits.push((selector.name.clone().unwrap_or_default(), number.val));
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

impl Read {
    fn select(&mut self, selector: &VectorSelector) {
        let Matchers { matchers, .. } = &selector.matchers;
        let labels = matchers.iter().map(|matcher| matcher.name.clone()).filter(|name| name != "__name__").collect();
        self.selectors.push((selector.name.clone().unwrap_or_default(), labels));
    }
}

fn read(expr: &str) -> Result<Read, String> {
    let parsed = promql_parser::parser::parse(expr).map_err(|error| format!("{error}\n{expr}"))?;
    let mut read = Read::default();
    walk_expr(&mut read, &parsed)?;
    Ok(read)
}

/// What is wrong with the names in an expression; empty where all is well.
fn strangers(expr: &str, known: &BTreeMap<String, Labels>) -> Vec<String> {
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

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display())).collect();
    names.sort();
    names
}

fn rules() -> Vec<BTreeMap<String, String>> {
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

/// Keys are unique over a rule's levels, so labels and annotations may stand beside `alert` and `expr`.
fn flatten(node: &Yaml<'_>, into: &mut BTreeMap<String, String>) {
    for (key, value) in node.as_mapping().unwrap() {
        match value.as_str() {
            Some(text) => drop(into.insert(key.as_str().unwrap().to_owned(), text.trim().to_owned())),
            None => flatten(value, into),
        }
    }
}

fn records() -> Vec<(String, String)> {
    rules().into_iter().filter_map(|rule| Some((rule.get("record")?.clone(), rule["expr"].clone()))).collect()
}

fn alerts() -> Vec<BTreeMap<String, String>> {
    rules().into_iter().filter(|rule| rule.contains_key("alert")).collect()
}

fn dashboards() -> Vec<Value> {
    files("dashboards").iter().map(|file| serde_json::from_str(&text(file)).unwrap()).collect()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// Every panel, also those in collapsed rows, the rows themselves included.
fn panels(dashboard: &Value) -> Vec<&Value> {
    list(dashboard, "panels").iter().flat_map(|panel| std::iter::once(panel).chain(list(panel, "panels"))).collect()
}

fn variables(dashboard: &Value) -> Vec<&str> {
    list(&dashboard["templating"], "list").iter().map(|v| v["name"].as_str().unwrap()).collect()
}

/// Puts values in the place of Grafana's variables; the longest names first, so that no name eats another's head.
fn filled(expr: &str, dashboard: &Value) -> String {
    let mut names = variables(dashboard);
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let expr = expr.replace("$__rate_interval", "5m").replace("$__range", "1h");
    names.iter().fold(expr, |expr, name| expr.replace(&format!("${name}"), "x"))
}

#[test]
fn every_expression_parses_and_names_only_what_is_served() {
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
fn a_name_that_drifts_is_found() {
    let known = known();
    for drifted in
        ["koreai_job_state", "koreai_job_status{state=\"x\"}", "sum by (chanel) (koreai_job_status)", "sum(("]
    {
        assert!(!strangers(drifted, &known).is_empty(), "{drifted}");
    }
}

#[test]
fn panels_have_unique_ids_and_do_not_overlap() {
    for dashboard in dashboards() {
        let mut ids = BTreeSet::new();
        let mut cells = BTreeSet::new();
        for panel in panels(&dashboard) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: {}", dashboard["uid"], panel["title"]);
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(x + w <= 24 && w > 0 && h > 0, "{}", panel["title"]);
            for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
                assert!(cells.insert(cell), "{}: {} overlaps", dashboard["uid"], panel["title"]);
            }
        }
    }
}

#[test]
fn panels_explain_themselves() {
    for dashboard in dashboards() {
        for panel in panels(&dashboard).into_iter().filter(|panel| panel["type"] != "row") {
            let name = format!("{}: {}", dashboard["uid"], panel["title"]);
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}: description");
            if panel["type"] == "text" {
                continue;
            }
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(defaults["unit"].is_string(), "{name}: unit");
            assert!(defaults["noValue"].is_string(), "{name}: noValue");
            for part in std::iter::once(panel).chain(list(panel, "targets")) {
                assert_eq!(part["datasource"]["uid"], "${datasource}", "{name}");
            }
        }
    }
}

#[test]
fn boards_share_a_tag_and_keep_variables_and_time() {
    let boards = dashboards();
    let uids: BTreeSet<_> = boards.iter().map(|board| board["uid"].as_str().unwrap()).collect();
    assert_eq!(uids, BTreeSet::from(["koreai-overview", "koreai-job", "koreai-exporter-health"]));
    for board in &boards {
        assert_eq!(board["tags"], serde_json::json!(["koreai"]));
        let link = &board["links"][0];
        assert_eq!(
            (&link["type"], &link["includeVars"], &link["keepTime"]),
            (&"dashboards".into(), &true.into(), &true.into())
        );
        assert_eq!(link["tags"], board["tags"]);
    }
}

/// What is wrong with a path like `/d/UID?var-NAME=…`.
fn lost(url: &str, boards: &[Value]) -> Option<String> {
    let path = url.strip_prefix("/d/").unwrap_or_default();
    let (uid, query) = path.split_once('?').unwrap_or((path, ""));
    let Some(board) = boards.iter().find(|board| board["uid"] == uid) else {
        return Some(format!("no dashboard: {url}"));
    };
    let mut names = query.split('&').filter_map(|pair| pair.strip_prefix("var-")?.split('=').next());
    let unknown = names.find(|name| !variables(board).contains(name))?;
    Some(format!("{uid} has no variable {unknown}: {url}"))
}

fn links<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("url").and_then(Value::as_str).filter(|url| url.starts_with("/d/")));
            map.values().for_each(|value| links(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| links(value, found)),
        _ => {}
    }
}

#[test]
fn links_lead_to_a_board_and_its_variables() {
    let boards = dashboards();
    let mut urls = Vec::new();
    boards.iter().for_each(|board| links(board, &mut urls));
    assert!(!urls.is_empty());
    let lost: Vec<_> = urls.iter().filter_map(|url| lost(url, &boards)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    for gone in ["/d/koreai-jobs", "/d/koreai-job?var-request=x"] {
        assert!(self::lost(gone, &boards).is_some(), "{gone}");
    }
}

#[test]
fn every_alert_has_a_chapter_a_board_and_a_test() {
    const RUNBOOK: &str = "https://github.com/koreai-exporter/koreai_exporter/blob/main/docs/runbook.md#";
    let boards = dashboards();
    let runbook = text("docs/runbook.md");
    let chapters: BTreeSet<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let tests: String = files("deploy/prometheus/tests").iter().map(text).collect();
    let alerts = alerts();
    for alert in &alerts {
        let name = alert["alert"].as_str();
        assert!(["critical", "warning"].contains(&alert["severity"].as_str()), "{name}");
        assert!(alert["summary"].ends_with('.') && !alert["summary"].contains("{{"), "{name}: one constant sentence");
        assert!(alert["description"].ends_with('.'), "{name}");
        assert_eq!(alert["runbook_url"], format!("{RUNBOOK}{}", name.to_lowercase()));
        assert!(chapters.contains(name), "{name} has no chapter in docs/runbook.md");
        assert_eq!(lost(&alert["dashboard_url"], &boards), None, "{name}");
        for outcome in ["exp_alerts: []", "exp_alerts:\n          - exp_labels"] {
            assert!(tests.contains(&format!("alertname: {name}\n        {outcome}")), "{name}: no test with {outcome}");
        }
    }
    let names: BTreeSet<_> = alerts.iter().map(|alert| alert["alert"].as_str()).collect();
    assert_eq!(chapters, names, "chapters of alerts that are gone");
}

#[test]
fn inhibition_names_only_alerts_that_there_are() {
    let alerts = alerts();
    let config = text("deploy/alertmanager/alertmanager.yml");
    let named = config.lines().filter_map(|line| line.split_once("alertname=")?.1.split('"').nth(1));
    for name in named.flat_map(|regex| {
        let (head, rest) = regex.split_once('(').unwrap_or(("", regex));
        rest.trim_end_matches(')').split('|').map(move |tail| format!("{head}{tail}")).collect::<Vec<_>>()
    }) {
        let start = name.trim_end_matches(".+");
        let fits = |alert: &str| if start == name { alert == name } else { alert.starts_with(start) };
        assert!(alerts.iter().any(|alert| fits(&alert["alert"])), "no alert is called {name}");
    }
}

#[test]
fn thresholds_equal_the_rules() {
    let alerts: Vec<_> =
        alerts().into_iter().map(|alert| (alert["alert"].clone(), read(&alert["expr"]).unwrap())).collect();
    // Panels that show what an alert compares, where no recorded series ties them together.
    let pairs = [
        ("Failure ratio by channel, last hour", "KoreaiChannelFailureRatioHigh"),
        ("Oldest data", "KoreaiDataStale"),
        ("Data age", "KoreaiDataStale"),
        ("Data age over time", "KoreaiDataStale"),
        ("Failure ratio by channel over time", "KoreaiJobFailureRatioHigh"),
        ("Duration", "KoreaiJobNotFinishing"),
    ];
    let boards = dashboards();
    for panel in boards.iter().flat_map(panels) {
        let title = panel["title"].as_str().unwrap();
        let steps = list(&panel["fieldConfig"]["defaults"]["thresholds"], "steps");
        let drawn: Vec<f64> = steps.iter().filter_map(|step| step["value"].as_f64()).collect();
        for expr in list(panel, "targets").iter().filter_map(|target| target["expr"].as_str()) {
            let limits = alerts.iter().flat_map(|(_, read)| &read.limits);
            for (name, limit) in limits.filter(|(name, _)| name.contains(":ratio") && expr.contains(name.as_str())) {
                assert!(drawn.contains(limit), "{title}: {name} is compared with {limit}, the panel draws {drawn:?}");
            }
        }
        if let Some((_, alert)) = pairs.iter().find(|(paired, _)| *paired == title) {
            let last = drawn.last().unwrap_or_else(|| panic!("{title} draws no threshold"));
            let compared = alerts.iter().any(|(name, read)| name == alert && read.numbers.contains(&last.to_bits()));
            assert!(compared, "{title}: {alert} does not compare with {last}");
        }
    }
    for (paired, _) in pairs {
        assert!(boards.iter().flat_map(panels).any(|panel| panel["title"] == paired), "no panel is called {paired}");
    }
}
