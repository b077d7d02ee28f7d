//! Threshold lines on panels equal the thresholds of the alerts.

use super::expression::read;
use super::files::{alerts, dashboards, list, panels};

#[test]
fn thresholds_equal_the_rules() {
    let alerts: Vec<_> =
        alerts().into_iter().map(|alert| (alert["alert"].clone(), read(&alert["expr"]).unwrap())).collect();
    // Panels that show the value of an alert without a common recorded series.
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
