//! The result of a scrape.

use std::collections::BTreeSet;

/// The text of a page, with access to its samples.
#[derive(Clone)]
pub(crate) struct Samples(pub(crate) String);

impl Samples {
    /// The value of one sample; `labels` is the literal text between the braces, empty for none.
    pub(crate) fn value(&self, name: &str, labels: &str) -> Option<f64> {
        let series = if labels.is_empty() { name.to_owned() } else { format!("{name}{{{labels}}}") };
        self.lines().find_map(|line| line.strip_prefix(&series)?.strip_prefix(' ')?.parse().ok())
    }

    /// A sample of the bot `support`. Panics if it is missing.
    pub(crate) fn of_bot(&self, name: &str, further: &str) -> f64 {
        let labels =
            if further.is_empty() { r#"bot="support""#.to_owned() } else { format!(r#"bot="support",{further}"#) };
        self.value(name, &labels).unwrap_or_else(|| panic!("no {name}{{{labels}}} in\n{}", self.0))
    }

    /// Number of calls with this outcome.
    pub(crate) fn calls(&self, outcome: &str) -> f64 {
        self.of_bot("koreai_upstream_requests_total", &format!(r#"outcome="{outcome}""#))
    }

    /// Number of jobs in this state.
    pub(crate) fn jobs(&self, state: &str) -> f64 {
        self.of_bot("koreai_jobs", &format!(r#"state="{state}""#))
    }

    /// The statuses of a job whose value is 1; all five must exist.
    pub(crate) fn statuses(&self, request_id: &str) -> Vec<&str> {
        let prefix = format!("koreai_job_status{{{},status=\"", super::of(request_id));
        let all: Vec<_> = self.lines().filter_map(|line| line.strip_prefix(&prefix)?.split_once("\"} ")).collect();
        assert_eq!(all.len(), 5, "{request_id}: {all:?}");
        all.into_iter().filter(|(_, value)| *value == "1").map(|(status, _)| status).collect()
    }

    /// The samples of one job except the times of polls.
    pub(crate) fn values_of(&self, request_id: &str) -> BTreeSet<String> {
        let labels = super::of(request_id);
        let told = self.lines().filter(|line| line.contains(&labels));
        let about_polls = ["koreai_job_poll", "koreai_job_last_poll", "koreai_job_expected_end"];
        told.filter(|line| !about_polls.iter().any(|family| line.starts_with(family))).map(str::to_owned).collect()
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.lines().filter(|line| !line.starts_with('#'))
    }
}
