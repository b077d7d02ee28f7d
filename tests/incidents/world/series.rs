//! What Prometheus stores of scrapes: series with a slot per scrape interval, and their staleness markers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A slot of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Slot {
    Missing,
    Stale,
    Value(f64),
}

/// Series by their spelling, such as `up{job="…",instance="…"}`.
#[derive(Default)]
pub(crate) struct Series(BTreeMap<String, Vec<Slot>>);

/// The series that one target had at its last scrape.
#[derive(Default)]
pub(crate) struct Current(BTreeSet<String>);

impl Series {
    /// Stores what one scrape of a target has: series that it no longer has become stale.
    pub(crate) fn store(&mut self, tick: usize, current: &mut Current, samples: Vec<(String, f64)>) {
        let mut seen = BTreeSet::new();
        for (series, value) in samples {
            self.put(tick, &series, Slot::Value(value));
            seen.insert(series);
        }
        for gone in current.0.difference(&seen) {
            self.put(tick, gone, Slot::Stale);
        }
        current.0 = seen;
    }

    fn put(&mut self, tick: usize, series: &str, slot: Slot) {
        if !self.0.contains_key(series) {
            self.0.insert(series.to_owned(), Vec::new());
        }
        if let Some(slots) = self.0.get_mut(series) {
            slots.resize(tick.max(slots.len()), Slot::Missing);
            match slots.get_mut(tick) {
                Some(taken) => *taken = slot,
                None => slots.push(slot),
            }
        }
    }

    /// `input_series` of a unit test of promtool.
    pub(crate) fn input_series(&self) -> String {
        let mut text = String::new();
        for (series, slots) in &self.0 {
            let _fits = writeln!(text, "      - series: '{series}'\n        values: '{}'", notation(slots));
        }
        text
    }
}

/// Slots in the notation of promtool, repeated values and constant steps in one word.
fn notation(slots: &[Slot]) -> String {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(slot) = slots.get(at) {
        let mut run = slots[at..].iter().take_while(|other| *other == slot).count();
        words.push(match (slot, run) {
            (Slot::Stale, _) => {
                run = 1;
                "stale".to_owned()
            }
            (Slot::Missing, 1) => "_".to_owned(),
            (Slot::Missing, _) => format!("_x{run}"),
            (Slot::Value(value), 1) => format!("{value}"),
            (Slot::Value(value), _) => format!("{value}x{}", run - 1),
        });
        at += run;
    }
    words.join(" ")
}

/// The samples of a page that the rules read, with the labels that Prometheus adds. Times become those of promtool's clock,
/// which begins at 0.
pub(crate) fn samples(page: &str, names: &BTreeSet<String>, labels: &str, begin_seconds: f64) -> Vec<(String, f64)> {
    let mut samples = Vec::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let (name, own) = series.split_once('{').unwrap_or((series, "}"));
        let Ok(value) = value.parse::<f64>() else { continue };
        if !names.contains(name) {
            continue;
        }
        let separator = if own == "}" { "" } else { "," };
        let value = if name.contains("_timestamp_seconds") { value - begin_seconds } else { value };
        // Milliseconds are enough, and make the same number of the same time.
        let value = (value * 1_000.0).round() / 1_000.0;
        samples.push((format!("{name}{{{labels}{separator}{own}"), value));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_written_as_promtool_reads_them() {
        let (mut series, mut current) = (Series::default(), Current::default());
        for (tick, value) in [(0, Some(1.0)), (1, Some(1.0)), (2, Some(2.5)), (3, None), (4, None), (6, Some(-3.0))] {
            series.store(
                tick,
                &mut current,
                value.map(|value| ("up{a=\"b\"}".to_owned(), value)).into_iter().collect(),
            );
        }
        assert_eq!(series.input_series(), "      - series: 'up{a=\"b\"}'\n        values: '1x1 2.5 stale _x2 -3'\n");
    }

    #[test]
    fn samples_get_the_labels_of_the_target_and_the_clock_of_promtool() {
        let names = ["koreai_a_timestamp_seconds", "koreai_b"].map(str::to_owned).into();
        let page = "# HELP koreai_b x\nkoreai_b 1\nkoreai_c 2\nkoreai_a_timestamp_seconds{bot=\"s\"} 1005.5\n";
        let expected = [
            ("koreai_b{job=\"j\"}".to_owned(), 1.0),
            ("koreai_a_timestamp_seconds{job=\"j\",bot=\"s\"}".to_owned(), 5.5),
        ];
        assert_eq!(samples(page, &names, "job=\"j\"", 1_000.0), expected);
    }
}
