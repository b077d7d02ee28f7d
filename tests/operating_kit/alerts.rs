//! Every alert has a chapter in the runbook, a dashboard and tests; inhibition rules use existing alerts.

use std::collections::BTreeSet;

use super::files::{alerts, dashboards, files, lost, text};

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
fn inhibition_rules_name_only_existing_alerts() {
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
