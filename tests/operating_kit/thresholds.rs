//! A line or colour on a panel begins where the alert does: at the value in koreai-settings.yml.

use std::time::Duration;

use koreai_exporter::scheduler::MAX_UNAUTHORIZED_PAUSE;

use super::files::{dashboards, list, panels, records, rules};

/// Board, panel and the settings that it draws.
const PAIRS: &[(&str, &str, &[&str])] = &[
    (
        "koreai-overview",
        "Failure ratio by channel, last hour",
        &["channel_failure_ratio:warning", "channel_failure_ratio:critical"],
    ),
    (
        "koreai-overview",
        "Failure ratio, last hour",
        &["channel_failure_ratio:warning", "channel_failure_ratio:critical"],
    ),
    ("koreai-campaigns", "Failure ratio", &["campaign_failure_ratio:warning", "campaign_failure_ratio:critical"]),
    ("koreai-job", "Failure ratio", &["job_failure_ratio:warning"]),
    ("koreai-job", "Failure ratio by channel over time", &["job_failure_ratio:warning"]),
    ("koreai-job", "Duration", &["job_duration_seconds:warning"]),
    ("koreai-job", "Data age", &["data_age_seconds:warning"]),
    ("koreai-job", "Data age over time", &["data_age_seconds:warning"]),
    ("koreai-exporter-health", "Calls that fail", &["upstream_error_ratio:warning"]),
    (
        "koreai-exporter-health",
        "Token file expires in",
        &["token_expiry_seconds:warning", "token_expiry_seconds:critical"],
    ),
];

/// The value of a setting.
fn setting(name: &str) -> f64 {
    let name = format!("koreai:{name}");
    let records = records();
    let expr = records.iter().find_map(|(record, expr)| (*record == name).then_some(expr));
    let expr = expr.unwrap_or_else(|| panic!("koreai-settings.yml has no {name}"));
    expr.strip_prefix("vector(").and_then(|rest| rest.strip_suffix(')')).unwrap().parse().unwrap()
}

#[test]
fn thresholds_equal_the_settings() {
    let boards = dashboards();
    for (uid, title, settings) in PAIRS {
        let board = boards.iter().find(|board| board["uid"] == *uid).unwrap();
        let panel = panels(board).into_iter().find(|panel| panel["title"] == *title);
        let panel = panel.unwrap_or_else(|| panic!("{uid} has no panel {title}"));
        let steps = list(&panel["fieldConfig"]["defaults"]["thresholds"], "steps");
        let drawn: Vec<f64> = steps.iter().filter_map(|step| step["value"].as_f64()).collect();
        for name in *settings {
            let value = setting(name);
            assert!(drawn.contains(&value), "{uid}: {title} draws {drawn:?}, {name} is {value}");
        }
    }
}

#[test]
fn every_setting_is_read_by_a_rule() {
    let rules = rules();
    for (name, _) in records().iter().filter(|(name, _)| name.starts_with("koreai:")) {
        assert!(rules.iter().any(|rule| rule["expr"].contains(name.as_str())), "no rule reads {name}");
    }
}

/// The window of `increase()` over a selector, in minutes.
fn window_minutes(expr: &str, selector: &str) -> u64 {
    let (_, rest) = expr.split_once(&format!("{selector}[")).unwrap_or_else(|| panic!("no {selector} in {expr}"));
    rest.split_once("m]").unwrap().0.parse().unwrap()
}

#[test]
fn two_refusals_of_the_credential_fit_into_the_window_of_the_alert() {
    let rules = rules();
    let auth = rules.iter().filter(|rule| rule.get("cause").is_some_and(|cause| cause == "auth"));
    let exprs: Vec<_> =
        auth.map(|rule| &rule["expr"]).filter(|expr| expr.contains("outcome=\"unauthorized\"")).collect();
    assert!(!exprs.is_empty(), "no rule with cause: auth counts refusals");
    for expr in exprs {
        let minutes = window_minutes(expr, "koreai_upstream_requests_total{outcome=\"unauthorized\"}");
        assert!(expr.contains("> 1.5"), "it expects two refusals: {expr}");
        // The second call may end late, and the counter must be scraped after it.
        let slack = Duration::from_secs(5 * 60);
        let window = Duration::from_secs(60 * minutes);
        assert!(window >= 2 * MAX_UNAUTHORIZED_PAUSE + slack, "{window:?}, pauses of up to {MAX_UNAUTHORIZED_PAUSE:?}");
    }
}
