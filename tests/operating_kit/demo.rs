//! `deploy/demo/run` replaces ports and intervals in the shipped files; the replaced text must exist.

use super::files::text;

#[test]
fn every_replacement_of_the_demo_finds_its_text() {
    let script = text("deploy/demo/run");
    for (file, replaced) in [
        ("deploy/prometheus/prometheus.yml", "localhost:10047"),
        ("deploy/prometheus/prometheus.yml", "localhost:9093"),
        ("deploy/prometheus/prometheus.yml", "_interval: 30s"),
        ("deploy/alertmanager/alertmanager.yml", "    webhook_configs:"),
        ("deploy/grafana/provisioning/dashboards/koreai.yml", "/var/lib/grafana/dashboards/koreai"),
        ("deploy/grafana/provisioning/datasources/prometheus.yml", "timeInterval: 30s"),
    ] {
        assert!(script.contains(replaced), "the demo no longer replaces {replaced:?}");
        assert!(text(file).contains(replaced), "{file} no longer has {replaced:?}, which the demo replaces");
    }
}
