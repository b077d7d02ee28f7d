//! The documents agree with the program. `UPDATE_GOLDEN=1` rewrites the generated parts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "documents/quotes.rs"]
mod quotes;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use koreai_exporter::exposition::families;
use koreai_exporter::model::{DropReason, Inconsistency, JobState, Outcome, UnrecognizedKind};
use koreai_exporter::upstream::failure_reasons;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares the text between two markers of a document with the expected text.
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
    assert_eq!(found, expected, "{document}: run the tests with UPDATE_GOLDEN=1 and review the difference");
}

#[test]
fn the_metric_table_of_the_readme_is_the_catalogue() {
    let mut table = "| family | type | labels | description |\n| --- | --- | --- | --- |\n".to_owned();
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
    let mut table = "| reason | texts that indicate it |\n| --- | --- |\n".to_owned();
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

/// What a comment of `Cargo.toml` says of each dependency of a section: name, and what it is for.
fn dependencies(manifest: &str, section: &str) -> Vec<(String, String)> {
    let (_, rest) = manifest.split_once(&format!("\n[{section}]\n")).unwrap();
    let lines = rest.lines().take_while(|line| !line.starts_with('['));
    let lines = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    let purposes = lines.map(|line| {
        let (name, definition) = line.split_once(" = ").unwrap_or_else(|| panic!("one dependency a line: {line}"));
        let (_, purpose) = definition.split_once(" # ").unwrap_or_else(|| panic!("Cargo.toml: what is {name} for?"));
        (name.to_owned(), purpose.trim().to_owned())
    });
    purposes.collect()
}

#[test]
fn the_list_of_dependencies_is_that_of_the_manifest() {
    let manifest = std::fs::read_to_string(root("Cargo.toml")).unwrap();
    let lock = std::fs::read_to_string(root("Cargo.lock")).unwrap();
    let (used, tests) = (dependencies(&manifest, "dependencies"), dependencies(&manifest, "dev-dependencies"));
    // The lock file counts this crate, too.
    let total = lock.matches("\n[[package]]\n").count() - 1;
    let mut text = format!(
        "{} direct dependencies of the program, {} more for tests and benchmarks; with everything that these need, on all\n\
         platforms, {total} crates in `Cargo.lock`.\n",
        used.len(),
        tests.iter().filter(|(name, _)| used.iter().all(|(other, _)| other != name)).count(),
    );
    for (title, list) in [("program", used), ("tests and benchmarks", tests)] {
        write!(text, "\n| {title} | what it is for |\n| --- | --- |\n").unwrap();
        list.iter().for_each(|(name, purpose)| writeln!(text, "| `{name}` | {purpose} |").unwrap());
    }
    hold("docs/DEPENDENCIES.md", "dependencies", &text);
}

#[test]
fn every_metric_that_a_document_names_is_in_the_catalogue() {
    let known: BTreeSet<&str> = families().map(|family| family.name).collect();
    let documents = ["README", "docs/REFERENCE", "docs/runbook", "docs/ALERTS", "docs/ARCHITECTURE", "docs/OPERATIONS"];
    for document in documents.map(|name| format!("{name}.md")) {
        let text = std::fs::read_to_string(root(&document)).unwrap();
        // A name with a colon is a recorded series; `tests/operating_kit` checks those.
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
        let words = words.map(|word| word.trim_matches(':')).filter(|word| !word.contains(':'));
        // The program itself and the file of its settings are called alike; what follows them is a name of a metric.
        for word in words.filter(|word| word.starts_with("koreai_") && *word != "koreai_exporter") {
            let base =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
            let begins = word.ends_with('_') || known.iter().any(|name| name.starts_with(&format!("{word}_")));
            assert!(known.contains(base) || known.contains(word) || begins, "{document} names {word}");
        }
    }
}

/// How GitHub links to a heading: lower case, words joined by hyphens, other characters dropped.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn text_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            text_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md" || extension == "yml")
        {
            found.push(path);
        }
    }
}

/// Citations of `docs/UPSTREAM.md`: the anchors, and the number of citations without one.
fn citations(text: &str) -> (Vec<&str>, usize) {
    let after = |mark: &'static str| text.match_indices(mark).map(move |(at, _)| &text[at + mark.len()..]);
    let anchors = after("UPSTREAM.md#")
        .map(|rest| rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next().unwrap_or_default());
    let bare = after("UPSTREAM").filter(|rest| rest.starts_with([' ', ':', '.']) && !rest.starts_with(".md"));
    // Names of pages of the vendor, as comments had them before this page existed.
    (anchors.collect(), bare.count() + after("(page \"").count())
}

#[test]
fn every_citation_of_the_upstreams_page_resolves_to_a_heading() {
    let page = std::fs::read_to_string(root("docs/UPSTREAM.md")).unwrap();
    let anchors: BTreeSet<String> = page.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    assert!(anchors.contains("what-an-exporter-must-handle"), "{anchors:?}");
    let mut files = vec![root("README.md"), root("CONTRIBUTING.md")];
    for directory in ["src", "tests", "docs", "examples", "benches"] {
        text_files(&root(directory), &mut files);
    }
    let (mut cited, mut wrong) = (0, Vec::new());
    for file in files.into_iter().filter(|file| !file.ends_with("tests/documents.rs")) {
        // One of the test configurations is not UTF-8 on purpose.
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        let (found, bare) = citations(&text);
        let unknown = found.iter().filter(|name| !anchors.contains(**name) && !name.is_empty());
        wrong.extend(unknown.map(|name| format!("{}: no heading {name}", file.display())));
        wrong.extend((bare > 0).then(|| format!("{}: {bare} citations without a heading", file.display())));
        cited += found.len();
    }
    assert!(cited >= 15, "the citations were found: {cited}");
    assert!(wrong.is_empty(), "citations of docs/UPSTREAM.md that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn citations_are_found_in_comments() {
    let text = "/// At most 1,000 (docs/UPSTREAM.md#send-apis).\n// UPSTREAM §4: see [it](UPSTREAM.md#errors)";
    assert_eq!(citations(text), (vec!["send-apis", "errors"], 1));
    assert_eq!(anchor("What an exporter must handle"), "what-an-exporter-must-handle");
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

#[test]
fn every_step_of_the_doctor_has_its_heading() {
    let page = std::fs::read_to_string(root("docs/DOCTOR.md")).unwrap();
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let ids: Vec<&str> = koreai_exporter::doctor::Check::ALL.iter().map(|check| check.id()).collect();
    assert_eq!(headings, ids);
}

/// Files of the project, without what is built or ignored.
fn project_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy();
        // Links lead to files that are found at their own place.
        if path.is_symlink() || ["target", ".git", "data"].contains(&&*name) {
            continue;
        }
        match path.is_dir() {
            true => project_files(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn no_file_has_a_conflict_marker() {
    let mut files = Vec::new();
    project_files(&root(""), &mut files);
    assert!(files.len() > 300, "the files were found: {}", files.len());
    let marks = ["<", ">", "|"].map(|mark| format!("{} ", mark.repeat(7)));
    let conflicts = files.into_iter().filter_map(|file| {
        // Images and databases are not text.
        let text = std::fs::read_to_string(&file).ok()?;
        let line = text.lines().position(|line| marks.iter().any(|mark| line.starts_with(mark)))?;
        Some(format!("{}:{}", file.display(), line + 1))
    });
    let conflicts: Vec<_> = conflicts.collect();
    assert!(conflicts.is_empty(), "conflict markers of git in {conflicts:#?}");
}
