//! The shipped configuration and rules, with shorter times so that hours take seconds. Nothing else is changed: expressions,
//! thresholds, minimum volumes, routes and inhibitions are those of `deploy/`. Every replacement must find its text, so that
//! none is forgotten when the files change.

use std::path::{Path, PathBuf};

/// The addresses of exporter and Alertmanager, and the shorter times of the test.
const PROMETHEUS_PACE: &[(&str, &str)] =
    &[("scrape_interval: 30s", "scrape_interval: 1s"), ("evaluation_interval: 30s", "evaluation_interval: 1s")];

/// An hour becomes fifteen seconds: the window of the counters, and for how long a job's last change matters.
const SETTINGS_PACE: &[(&str, &str)] = &[("vector(7200)", "vector(15)")];
const JOB_RULES_PACE: &[(&str, &str)] = &[
    // Longer than the one or two scrapes by which a new counter series is later than the job.
    (" for: 2m\n        keep_firing_for: 15m", " for: 5s\n        keep_firing_for: 15m"),
    (" for: 5m", " for: 5s"),
    ("offset 4m", "offset 1s"),
    (" for: 2m", " for: 1s"),
    ("keep_firing_for: 15m", "keep_firing_for: 2s"),
    ("keep_firing_for: 10m", "keep_firing_for: 2s"),
];
/// The window of campaigns is as long as a job's last change matters, as in production: otherwise the campaign's alert would
/// begin when that of its jobs ends.
const RECORDS_PACE: &[(&str, &str)] = &[("[1h]", "[15s]"), ("[2h]", "[15s]")];

const ROUTES_PACE: &[(&str, &str)] = &[
    ("group_wait: 30s", "group_wait: 2s"),
    ("group_wait: 10s", "group_wait: 1s"),
    ("group_interval: 5m", "group_interval: 1s"),
];

/// Prometheus' configuration with its rules; returns the file.
pub(super) fn prometheus(folder: &Path, exporter: &str, alertmanager: &str) -> PathBuf {
    let to = folder.join("prometheus");
    std::fs::create_dir_all(to.join("rules")).unwrap();
    let places = [("localhost:10047", exporter), ("localhost:9093", alertmanager)];
    copy("prometheus/rules/koreai-settings.yml", folder, SETTINGS_PACE);
    copy("prometheus/rules/koreai-jobs.yml", folder, JOB_RULES_PACE);
    copy("prometheus/rules/koreai-records.yml", folder, RECORDS_PACE);
    copy("prometheus/rules/koreai-exporter.yml", folder, &[]);
    copy("prometheus/prometheus.yml", folder, &[PROMETHEUS_PACE, &places].concat())
}

/// Alertmanager's configuration with its template; returns the file.
pub(super) fn alertmanager(folder: &Path, webhook: &str) -> PathBuf {
    std::fs::create_dir_all(folder.join("alertmanager")).unwrap();
    copy("alertmanager/koreai.tmpl", folder, &[]);
    copy("alertmanager/alertmanager.yml", folder, &[ROUTES_PACE, &[("localhost:9095", webhook)]].concat())
}

fn copy(file: &str, folder: &Path, replacements: &[(&str, &str)]) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
    let mut text = std::fs::read_to_string(&from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for (shipped, ours) in replacements {
        assert!(text.contains(shipped), "{file} no longer has {shipped:?}: change the table in {}", file!());
        text = text.replace(shipped, ours);
    }
    let to = folder.join(file);
    std::fs::write(&to, text).unwrap();
    to
}
