//! Dashboards: a valid grid, described panels, working links.

use std::collections::BTreeSet;

use serde_json::Value;

use super::files::{dashboards, list, lost, panels};

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
fn every_panel_has_a_description() {
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
fn dashboards_share_a_tag_and_pass_on_variables_and_time() {
    let boards = dashboards();
    let uids: BTreeSet<_> = boards.iter().map(|board| board["uid"].as_str().unwrap()).collect();
    assert_eq!(uids, BTreeSet::from(["koreai-campaigns", "koreai-overview", "koreai-job", "koreai-exporter-health"]));
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

/// Without a value of its own, `All` is the list of this exporter's jobs and instances; `.+` would be every target there is.
#[test]
fn all_jobs_and_instances_are_those_of_this_exporter() {
    for board in dashboards() {
        for variable in list(&board["templating"], "list") {
            if ["job", "instance"].contains(&variable["name"].as_str().unwrap()) {
                assert!(variable["allValue"].is_null(), "{}: {}", board["uid"], variable["name"]);
                let query = variable["query"]["query"].as_str().unwrap();
                assert!(query.starts_with("label_values(koreai_exporter_build_info"), "{}: {query}", board["uid"]);
            }
        }
    }
}

/// A subquery ends at its last whole step: what is younger would be missing, such as the jobs of the last half hour.
#[test]
fn panels_that_read_the_past_read_the_present_first() {
    for board in dashboards() {
        for panel in panels(&board) {
            for target in list(panel, "targets") {
                let expr = target["expr"].as_str().unwrap();
                for (at, _) in expr.match_indices("[$__range:") {
                    let begin = expr[..at].rfind("last_over_time(").unwrap_or_else(|| panic!("{expr}"));
                    let selector = &expr[begin + "last_over_time(".len()..at];
                    let present = format!("{selector} or ");
                    assert!(expr[..begin].ends_with(&present), "{}: {}: {selector}", board["uid"], panel["title"]);
                }
            }
        }
    }
}

#[test]
fn firing_alerts_are_listed_by_severity() {
    let boards = dashboards();
    let board = boards.iter().find(|board| board["uid"] == "koreai-overview").unwrap();
    let panel = panels(board).into_iter().find(|panel| panel["title"] == "What fires now").unwrap();
    let expr = panel["targets"][0]["expr"].as_str().unwrap();
    for (order, severity) in [(1, "critical"), (2, "warning"), (3, "info")] {
        assert!(expr.contains(&format!(r#""order", "{order}", "severity", "{severity}""#)), "{expr}");
    }
    let sort = list(panel, "transformations").iter().find(|step| step["id"] == "sortBy").unwrap();
    assert_eq!(sort["options"]["sort"][0], serde_json::json!({"field": "order", "desc": false}));
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
fn links_lead_to_a_dashboard_and_its_variables() {
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
