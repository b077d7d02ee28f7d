//! Every line belongs to a family of the catalogue and has exactly its labels.

use std::collections::BTreeSet;

use koreai_exporter::exposition::{Family, Format, Kind, families, render};
use koreai_exporter::model::LabelName;

use crate::world;

/// Families that are absent without a value.
const OPTIONAL: [&str; 3] = ["campaign", "job_type", "action"];

/// Name, label names and value of a sample line.
fn parse(line: &str) -> (&str, Vec<String>, &str) {
    let Some((name, rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ').unwrap();
        return (name, Vec::new(), value);
    };
    let (mut rest, mut labels) = (rest, Vec::new());
    loop {
        let (label, after) = rest.split_once("=\"").unwrap();
        labels.push(label.to_owned());
        let mut escaped = false;
        let end = after.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        rest = &after[end.unwrap() + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (name, labels, rest.strip_prefix("} ").unwrap()),
        }
    }
}

fn family_of(sample: &str) -> &'static Family {
    families()
        .find(|family| match family.kind {
            Kind::Histogram => {
                ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", family.name)).contains(&sample.to_owned())
            }
            Kind::Counter => {
                let created = sample.strip_suffix("_created");
                family.name == sample || created.is_some_and(|bare| family.name.strip_suffix("_total") == Some(bare))
            }
            Kind::Gauge => family.name == sample,
        })
        .unwrap_or_else(|| panic!("{sample} is not in the catalogue"))
}

fn pages() -> [String; 2] {
    Format::ALL.map(|format| {
        render(
            world::jobs().iter(),
            &world::campaigns().iter().collect::<Vec<_>>(),
            &world::bots(),
            Some(&world::exporter()),
            format,
        )
    })
}

#[test]
fn every_sample_belongs_to_a_family_and_has_exactly_its_labels() {
    for page in pages() {
        let mut series = BTreeSet::new();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let (name, labels, value) = parse(line);
            let family = family_of(name);
            value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
            assert!(series.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "{line} comes twice");
            let mut expected: Vec<&str> = family
                .labels
                .iter()
                .copied()
                .filter(|label| !OPTIONAL.contains(label) || labels.iter().any(|given| given == label))
                .collect();
            if name.ends_with("_bucket") {
                expected.push("le");
            }
            let own = labels.iter().filter(|label| {
                family.name != "koreai_job_info"
                    || family.labels.contains(&label.as_str())
                    || LabelName::parse(label).is_err()
            });
            assert_eq!(own.collect::<Vec<_>>(), expected, "{line}");
        }
    }
}

#[test]
fn the_test_world_has_a_sample_of_every_family_under_its_header() {
    let [text, openmetrics] = pages();
    for family in families() {
        let bare = family.name.strip_suffix("_total").unwrap_or(family.name);
        for (page, name) in [(&text, family.name), (&openmetrics, bare)] {
            let header = format!("# HELP {name} {}\n# TYPE {name} {}\n", family.help, family.kind.as_type());
            let after = page.split_once(&header).unwrap_or_else(|| panic!("{name} is missing")).1;
            assert!(after.starts_with(family.name), "{name} has no sample");
        }
    }
}

#[test]
fn openmetrics_ends_with_eof_and_writes_bounds_as_floats() {
    let [text, openmetrics] = pages();
    assert!(openmetrics.ends_with("\n# EOF\n") && !text.contains("# EOF"));
    assert!(openmetrics.contains("le=\"1.0\"") && !openmetrics.contains("le=\"1\""));
    assert!(text.contains("le=\"1\"") && !text.contains("le=\"1.0\""));
}
