//! Alerts: each has a chapter in the runbook, a board, tests; inhibition knows them by name.

use std::collections::BTreeSet;

use super::files::{alerts, dashboards, files, lost, text};

/// The version that a release tags: links lead to the runbook of the rules that were installed.
const RUNBOOK: &str = concat!(
    "https://github.com/koreai-exporter/koreai_exporter/blob/v",
    env!("CARGO_PKG_VERSION"),
    "/docs/runbook.md#"
);

#[test]
fn every_alert_has_a_chapter_a_board_and_a_test() {
    let boards = dashboards();
    let runbook = text("docs/runbook.md");
    let chapters: BTreeSet<_> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ").filter(|name| name.starts_with("Koreai"))).collect();
    let tests: String = files("deploy/prometheus/tests").iter().map(text).collect();
    let alerts = alerts();
    for alert in &alerts {
        let (name, severity) = (alert["alert"].as_str(), alert["severity"].as_str());
        assert!(["critical", "warning", "info"].contains(&severity), "{name}");
        assert!(alert["summary"].ends_with('.') && !alert["summary"].contains("{{"), "{name}: one constant sentence");
        assert!(alert["description"].trim_end_matches("{{ end }}").ends_with('.'), "{name}");
        assert_eq!(alert["runbook_url"], format!("{RUNBOOK}{}", name.to_lowercase()));
        assert!(chapters.contains(name), "{name} has no chapter in docs/runbook.md");
        let url = alert["dashboard_url"].strip_prefix("{{ $externalLabels.grafana }}");
        let url = url.unwrap_or_else(|| panic!("{name}: dashboard_url begins with the address of Grafana"));
        for path in url.match_indices("/d/").map(|(start, _)| url[start..].split("{{ else").next().unwrap()) {
            assert_eq!(lost(path.trim_end_matches("{{ end }}"), &boards), None, "{name}");
        }
        let fires = format!("alertname=\"{name}\", severity=\"{severity}\"}}'");
        assert!(tests.contains(&fires), "{name}: no test expects {severity} to fire");
        let told = format!("alertname: {name}\n        exp_alerts:\n");
        assert!(tests.contains(&told), "{name}: no test reads its labels and annotations");
    }
    let names: BTreeSet<_> = alerts.iter().map(|alert| alert["alert"].as_str()).collect();
    assert_eq!(chapters, names, "chapters of alerts that are gone");
}

/// `promtool` passes `exp_alerts: []` for a name that no rule has.
#[test]
fn tests_name_only_alerts_that_there_are() {
    let alerts = alerts();
    let known: BTreeSet<_> = alerts.iter().map(|alert| alert["alert"].as_str()).collect();
    for file in files("deploy/prometheus/tests") {
        for line in text(&file).lines() {
            let name = line.trim().strip_prefix("alertname: ").or_else(|| line.split("alertname=\"").nth(1));
            let name = name.map(|rest| rest.split('"').next().unwrap());
            assert!(name.is_none_or(|name| known.contains(name)), "{file}: {line}");
        }
    }
}

#[test]
fn inhibition_rules_name_only_existing_alerts() {
    let alerts = alerts();
    let config = text("deploy/alertmanager/koreai.yml");
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

/// The example is somebody's configuration with ours added to it, line by line.
#[test]
fn the_example_contains_what_is_to_be_added() {
    let flat = |text: &str| -> String {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).fold(String::new(), |all, line| all + line + "\n")
    };
    let addition = text("deploy/alertmanager/koreai.yml");
    let example = flat(&text("deploy/alertmanager/alertmanager.yml"));
    let mut parts = 0;
    for (start, heading) in ["\ntemplates:\n", "\nroutes:\n", "\nreceivers:\n", "\ninhibit_rules:\n"]
        .iter()
        .map(|heading| (addition.find(heading).unwrap_or_else(|| panic!("koreai.yml has no {heading:?}")), heading))
    {
        let lines = addition[start + heading.len()..].lines();
        let part: String = lines
            .take_while(|line| line.is_empty() || line.starts_with(' '))
            .fold(String::new(), |all, line| all + line + "\n");
        assert!(example.contains(&flat(&part)), "alertmanager.yml lacks, of {heading:?}:\n{part}");
        parts += 1;
    }
    assert_eq!(parts, 4);
}
