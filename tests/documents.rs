//! What the documents say is what the program has. `UPDATE_GOLDEN=1` writes the generated parts anew.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says so when it fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use koreai_exporter::exposition::families;
use koreai_exporter::model::{DropReason, Inconsistency, JobState, Outcome, UnrecognizedKind};
use koreai_exporter::upstream::failure_reasons;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Holds the text between two markers of a document against what it should be.
fn hold(document: &str, marker: &str, expected: &str) {
    let path = root(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {marker}:begin -->\n"), format!("<!-- {marker}:end -->"));
    let (head, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{document} has no {begin:?}"));
    let (found, tail) = rest.split_once(&end).unwrap_or_else(|| panic!("{document} has no {end:?}"));
    if found != expected && std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{head}{begin}{expected}{end}{tail}")).unwrap();
        return;
    }
    assert_eq!(found, expected, "{document}: run the tests with UPDATE_GOLDEN=1 and look at the difference");
}

#[test]
fn the_metric_table_of_the_readme_is_the_catalogue() {
    let mut table = "| family | type | labels | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for family in families() {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = family.kind.as_type();
        writeln!(table, "| `{}` | {kind} | {} | {} |", family.name, labels.join(", "), family.help).unwrap();
    }
    hold("README.md", "metrics", &table);
}

#[test]
fn the_closed_sets_of_the_reference_are_the_programs() {
    let mut text = String::new();
    let mut set = |label: &str, values: Vec<&str>| {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        writeln!(text, "- `{label}`: {}", values.join(", ")).unwrap();
    };
    set("outcome", Outcome::ALL.iter().map(|value| value.as_label()).collect());
    set("state", JobState::ALL.iter().map(|value| value.as_label()).collect());
    set("kind of koreai_exporter_unrecognized_total", UnrecognizedKind::ALL.iter().map(|v| v.as_label()).collect());
    set("kind of koreai_exporter_inconsistencies_total", Inconsistency::ALL.iter().map(|v| v.as_label()).collect());
    set("reason of koreai_exporter_dropped_total", DropReason::ALL.iter().map(|value| value.as_label()).collect());
    hold("docs/REFERENCE.md", "sets", &text);
}

#[test]
fn the_failure_reasons_of_the_reference_are_the_table() {
    let mut table = "| reason | texts that tell it |\n| --- | --- |\n".to_owned();
    let mut seen = BTreeSet::new();
    for (_, reason) in failure_reasons::builtin() {
        if !seen.insert(reason) {
            continue;
        }
        let texts = failure_reasons::builtin().iter().filter(|(_, other)| other == reason);
        let texts: Vec<String> = texts.map(|(text, _)| format!("`{text}`")).collect();
        writeln!(table, "| `{reason}` | {} |", texts.join(", ")).unwrap();
    }
    writeln!(table, "| `other` | everything else |").unwrap();
    hold("docs/REFERENCE.md", "reasons", &table);
}

#[test]
fn every_metric_that_a_document_names_is_in_the_catalogue() {
    let known: BTreeSet<&str> = families().map(|family| family.name).collect();
    for document in ["README.md", "docs/REFERENCE.md", "docs/runbook.md", "docs/ARCHITECTURE.md"] {
        let text = std::fs::read_to_string(root(document)).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        // The program itself and the file of its settings are called alike; what follows them is a name of a metric.
        for word in words.filter(|word| word.starts_with("koreai_") && *word != "koreai_exporter") {
            let base =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
            let begins = word.ends_with('_') || known.iter().any(|name| name.starts_with(&format!("{word}_")));
            assert!(known.contains(base) || known.contains(word) || begins, "{document} names {word}");
        }
    }
}

#[test]
fn the_example_configuration_of_the_readme_is_read() {
    let readme = std::fs::read_to_string(root("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- config:begin -->\n```yaml\n").unwrap();
    let (yaml, _) = rest.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("kore");
    std::fs::write(&secret, "secret").unwrap();
    let yaml = yaml.replace("/run/secrets/kore", secret.to_str().unwrap());
    let config = koreai_exporter::config::Config::parse(&yaml, Path::new("koreai.yml"), &|_| None);
    assert!(config.is_ok(), "{}", config.unwrap_err());
}
