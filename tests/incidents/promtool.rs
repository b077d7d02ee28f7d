//! Runs the shipped rules on series with `promtool test rules`, and reads which alerts fired in which minute.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Formatter, Write};
use std::path::PathBuf;
use std::process::Command;

use crate::world::series::Series;

const RULES: [&str; 4] = ["koreai-settings.yml", "koreai-records.yml", "koreai-jobs.yml", "koreai-exporter.yml"];
/// Groups in the order of their files; `the_groups_are_those_of_the_rules` holds it to them.
const GROUPS: [&str; 6] =
    ["koreai-settings", "koreai-records", "koreai-notifications", "koreai-jobs", "koreai-upstream", "koreai-exporter"];
/// Compared with nothing, so promtool prints what fires.
const FIRING: &str = "ALERTS{alertstate=\"firing\"}";

/// An alert that fired.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alert {
    /// Without `Koreai`.
    pub(crate) name: String,
    pub(crate) severity: String,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Display for Alert {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?}", self.name, self.severity, self.labels)
    }
}

/// Which alerts fired, minute by minute.
#[derive(Debug, Default)]
pub(crate) struct Timeline(Vec<BTreeSet<Alert>>);

impl Timeline {
    pub(crate) fn at(&self, minute: u64) -> &BTreeSet<Alert> {
        &self.0[usize::try_from(minute).expect("a minute")]
    }

    /// The last minute.
    pub(crate) fn last(&self) -> u64 {
        self.0.len() as u64 - 1
    }

    /// Every alert once.
    pub(crate) fn distinct(&self) -> impl Iterator<Item = &Alert> {
        self.0.iter().flatten().collect::<BTreeSet<_>>().into_iter()
    }

    /// The first and last minute of an alert, and how many it fired in.
    pub(crate) fn minutes_of(&self, alert: &Alert) -> String {
        let firing: Vec<usize> = (0..self.0.len()).filter(|minute| self.0[*minute].contains(alert)).collect();
        format!("{:?} to {:?}, {} in all", firing.first(), firing.last(), firing.len())
    }

    /// How many alerts there are of each name and severity.
    pub(crate) fn summary(&self, of: impl Fn(&Alert) -> bool) -> Vec<String> {
        let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for alert in self.distinct().filter(|alert| of(alert)) {
            *counts.entry((&alert.name, &alert.severity)).or_default() += 1;
        }
        counts.into_iter().map(|((name, severity), count)| format!("{count} {name} {severity}")).collect()
    }
}

/// The metrics that the rules read: everything else need not be stored.
pub(crate) fn metric_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in RULES {
        let text = std::fs::read_to_string(rules().join(file)).expect("the rules");
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        let read = words.filter(|word| {
            !word.contains(':') && (word.starts_with("koreai_") || *word == "process_start_time_seconds")
        });
        names.extend(read.map(str::to_owned));
    }
    names
}

/// Evaluates the rules every minute.
///
/// # Panics
/// If promtool is not there, or says something else than what fires.
pub(crate) fn fired(key: &str, minutes: u64, series: &Series) -> Timeline {
    let folder = tempfile::tempdir().expect("a directory for the test file");
    let file = folder.path().join(format!("{key}.test.yml"));
    std::fs::write(&file, test_file(minutes, series)).expect("the directory can be written");
    let output = Command::new("promtool").args(["test", "rules"]).arg(&file).output().expect("promtool is installed");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("promtool writes text");
    let mut timeline = Timeline((0..=minutes).map(|_| BTreeSet::new()).collect());
    let (mut minute, mut blocks) = (None, 0);
    for line in text.lines().map(str::trim) {
        if let Some((_, time)) = line.strip_prefix("expr: ").and_then(|rest| rest.rsplit_once(", time: ")) {
            assert!(minute.is_none(), "{key}: {text:.2000}");
            minute = Some(in_minutes(time.trim_end_matches(',')));
        } else if let Some(got) = line.strip_prefix("got: ").or_else(|| line.strip_prefix("got:")) {
            let minute = minute.take().expect("a time before what was got");
            timeline.0[minute] = alerts(got.trim());
            blocks += 1;
        } else {
            let known = line.is_empty() || line.starts_with("exp:") || line == "SUCCESS" || line == "FAILED:";
            assert!(known || line.starts_with("Unit Testing:") || line.starts_with("name:"), "{key}: {line:.2000}");
        }
    }
    assert_eq!(output.status.success(), blocks == 0, "{key}: {text:.2000}");
    timeline
}

fn rules() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/rules"))
}

fn test_file(minutes: u64, series: &Series) -> String {
    let mut text = "rule_files:\n".to_owned();
    for file in RULES {
        let _fits = writeln!(text, "  - {}", rules().join(file).display());
    }
    let _fits = write!(
        text,
        "evaluation_interval: 1m\ngroup_eval_order: [{}]\ntests:\n  - interval: 30s\n    external_labels: {{grafana: 'https://grafana.example.com'}}\n    input_series:\n{}    promql_expr_test:\n",
        GROUPS.join(", "),
        series.input_series()
    );
    for minute in 0..=minutes {
        let _fits = writeln!(text, "      - {{expr: '{FIRING}', eval_time: {minute}m, exp_samples: []}}");
    }
    text
}

/// `1h2m` in minutes.
fn in_minutes(duration: &str) -> usize {
    let (mut minutes, mut number) = (0, 0);
    for c in duration.chars() {
        match c {
            '0'..='9' => number = number * 10 + c.to_digit(10).expect("a digit") as usize,
            'd' => minutes += std::mem::take(&mut number) * 1440,
            'h' => minutes += std::mem::take(&mut number) * 60,
            'm' => minutes += std::mem::take(&mut number),
            _ => number = 0,
        }
    }
    minutes
}

/// `{__name__="ALERTS", alertname="A", …} 1E+00, {…} 1E+00`
fn alerts(got: &str) -> BTreeSet<Alert> {
    let mut alerts = BTreeSet::new();
    for sample in got.split("{__name__=\"ALERTS\", ").skip(1) {
        let labels = sample.rsplit_once('}').map_or(sample, |(labels, _)| labels);
        let pairs = labels.split("\", ").filter_map(|pair| pair.split_once("=\""));
        let mut labels: BTreeMap<String, String> =
            pairs.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned())).collect();
        let name = labels.remove("alertname").unwrap_or_default();
        let severity = labels.remove("severity").unwrap_or_default();
        labels.remove("alertstate");
        alerts.insert(Alert { name: name.trim_start_matches("Koreai").to_owned(), severity, labels });
    }
    alerts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_promtool_is_read() {
        let got = "{__name__=\"ALERTS\", alertname=\"KoreaiA\", alertstate=\"firing\", bot=\"s\", severity=\"info\"} 1E+00, \
                   {__name__=\"ALERTS\", alertname=\"KoreaiB\", alertstate=\"firing\", severity=\"warning\"} 1E+00";
        let read: Vec<String> = alerts(got).iter().map(Alert::to_string).collect();
        assert_eq!(read, ["A info {\"bot\": \"s\"}", "B warning {}"]);
        assert_eq!(["0s", "3m", "1h", "1h2m", "1d1h1m"].map(in_minutes), [0, 3, 60, 62, 1501]);
    }

    #[test]
    fn the_groups_are_those_of_the_rules() {
        let mut groups = Vec::new();
        for file in RULES {
            let text = std::fs::read_to_string(rules().join(file)).expect("the rules");
            groups.extend(text.lines().filter_map(|line| line.strip_prefix("  - name: ")).map(str::to_owned));
        }
        assert_eq!(groups, GROUPS);
    }
}
