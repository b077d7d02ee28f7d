//! An incident: its world, and what must be told of it.

use crate::promtool::{Alert, Timeline};
use crate::world::World;

/// An incident. Times are minutes of its world.
pub(crate) struct Incident {
    /// For `INCIDENT=key`.
    pub(crate) key: &'static str,
    /// The row of the table.
    pub(crate) title: &'static str,
    pub(crate) world: World,
    pub(crate) begins: u64,
    /// When its cause ends; later alerts may still fire, but gaps do not count.
    pub(crate) ends: u64,
    /// What must be told; empty: silence.
    pub(crate) expected: Vec<Expected>,
    /// What else may fire: names without `Koreai`, and severities.
    pub(crate) may_fire: &'static [(&'static str, &'static str)],
    /// The most alerts in all.
    pub(crate) most: usize,
}

/// An alert that must fire.
pub(crate) struct Expected {
    /// The name without `Koreai`.
    pub(crate) alert: &'static str,
    pub(crate) severity: &'static str,
    /// Minutes from the beginning.
    pub(crate) within: u64,
    /// Labels that it must have.
    pub(crate) labels: &'static [(&'static str, &'static str)],
    /// With how many sets of labels.
    pub(crate) count: usize,
    /// Whether it must fire without a gap until the incident ends.
    pub(crate) lasts: bool,
    /// Minutes after the end of the incident within which it must have resolved.
    pub(crate) resolves: Option<u64>,
}

impl Expected {
    /// One alert that lasts.
    pub(crate) fn new(alert: &'static str, severity: &'static str, within: u64) -> Self {
        Self { alert, severity, within, labels: &[], count: 1, lasts: true, resolves: None }
    }

    /// With labels of this name and value.
    pub(crate) fn naming(self, labels: &'static [(&'static str, &'static str)]) -> Self {
        Self { labels, ..self }
    }

    /// About a moment, so that it may resolve before the end.
    pub(crate) fn once(self) -> Self {
        Self { lasts: false, ..self }
    }

    /// Resolves by itself within these minutes of the end.
    pub(crate) fn resolving(self, minutes: u64) -> Self {
        Self { resolves: Some(minutes), ..self }
    }

    fn is_by_name(&self, alert: &Alert) -> bool {
        alert.name == self.alert && alert.severity == self.severity
    }

    fn is(&self, alert: &Alert) -> bool {
        self.is_by_name(alert)
            && self.labels.iter().all(|(name, value)| alert.labels.get(*name).is_some_and(|is| is == value))
    }
}

impl Incident {
    /// An incident that must be told.
    pub(crate) fn new(
        key: &'static str,
        title: &'static str,
        world: World,
        time: (u64, u64),
        expected: Vec<Expected>,
    ) -> Self {
        let most = expected.iter().map(|expected| expected.count).sum();
        Self { key, title, world, begins: time.0, ends: time.1, expected, may_fire: &[], most }
    }

    /// An incident of which nothing must be told.
    pub(crate) fn silent(key: &'static str, title: &'static str, world: World) -> Self {
        let ends = world.length.as_secs() / 60;
        Self::new(key, title, world, (0, ends), Vec::new())
    }

    /// With alerts that may fire as well, and so many alerts in all.
    pub(crate) fn allowing(self, may_fire: &'static [(&'static str, &'static str)], most: usize) -> Self {
        Self { may_fire, most, ..self }
    }
}

/// The row of an incident in the table, and what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) row: String,
    pub(crate) wrong: Vec<String>,
}

/// Compares what fired with what must be told.
pub(crate) fn judge(incident: &Incident, timeline: &Timeline) -> Verdict {
    let (mut wrong, mut told, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
    for expected in &incident.expected {
        let name = format!("{} {}", expected.alert, expected.severity);
        let firing = |minute: u64| timeline.at(minute).iter().any(|alert| expected.is(alert));
        let fired: Vec<u64> = (0..=timeline.last()).filter(|minute| firing(*minute)).collect();
        let (Some(first), Some(last)) = (fired.first().copied(), fired.last().copied()) else {
            wrong.push(format!("{name} never fires"));
            told.push("never".to_owned());
            continue;
        };
        if first < incident.begins {
            wrong.push(format!("{name} fires at minute {first}, before the incident"));
        }
        let after = first.saturating_sub(incident.begins);
        if after > expected.within {
            wrong.push(format!("{name} fires after {after} min"));
        }
        told.push(format!("{after} min"));
        if expected.lasts {
            let missing: Vec<u64> = (first..=incident.ends).filter(|minute| !firing(*minute)).collect();
            if !missing.is_empty() {
                wrong.push(format!("{name} has gaps at minutes {missing:?}"));
            }
            gaps.push(format!("{} in {} min", missing.len(), incident.ends.saturating_sub(first)));
        }
        let count = timeline.distinct().filter(|alert| expected.is(alert)).count();
        if count != expected.count {
            wrong.push(format!("{name} has {count} sets of labels instead of {}", expected.count));
        }
        if let Some(resolves) = expected.resolves
            && last >= incident.ends + resolves
        {
            wrong.push(format!("{name} still fires {} min after the end", last - incident.ends));
        }
    }
    for alert in timeline.distinct() {
        let expected = incident.expected.iter().any(|expected| expected.is(alert));
        let may = incident.may_fire.contains(&(alert.name.as_str(), alert.severity.as_str()));
        if !expected && !may {
            wrong.push(format!("{alert} fires at minutes {}", timeline.minutes_of(alert)));
        }
    }
    let count = timeline.distinct().count();
    if count > incident.most {
        wrong.push(format!("{count} alerts instead of at most {}", incident.most));
    }
    Verdict { row: row(incident, timeline, &told, &gaps), wrong }
}

fn row(incident: &Incident, timeline: &Timeline, told: &[String], gaps: &[String]) -> String {
    let must: Vec<String> = incident.expected.iter().map(must_be_told).collect();
    let within: Vec<String> = incident.expected.iter().map(|expected| format!("{} min", expected.within)).collect();
    let is_expected = |alert: &&Alert| incident.expected.iter().any(|expected| expected.is_by_name(alert));
    let count = timeline.distinct().filter(is_expected).count();
    let others: Vec<String> = timeline.summary(|alert| !is_expected(&alert));
    let cell = |parts: &[String], empty: &str| match parts {
        [] => empty.to_owned(),
        parts => parts.join("; "),
    };
    let told = if incident.expected.is_empty() { "silent".to_owned() } else { told.join("; ") };
    format!(
        "| {} | {} | {} | {told} | {} | {count} | {} |\n",
        incident.title,
        cell(&must, "silence"),
        cell(&within, "–"),
        cell(gaps, "–"),
        cell(&others, "–"),
    )
}

fn must_be_told(expected: &Expected) -> String {
    let mut text = format!("{} {}", expected.alert, expected.severity);
    if expected.count > 1 {
        text = format!("{} {text}", expected.count);
    }
    let names: Vec<&str> = expected.labels.iter().map(|(name, _)| *name).filter(|name| *name != "bot").collect();
    if !names.is_empty() {
        text += &format!(", with {}", names.join(" and "));
    }
    text
}
