//! What documents quote exists: files, names of code, targets of links. Fences are closed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{anchor, project_files, root};

/// Documents whose names of code are checked.
const FOR_DEVELOPERS: [&str; 4] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/ARCHITECTURE.md"];

/// Quoted words that look like names of files or code of this project but belong to other programs, or are made when needed.
const OTHERS: [&str; 4] = ["koreai.yml", "compose.yml", "aws-lc-rs", "target/"];

fn documents() -> Vec<PathBuf> {
    let mut files = Vec::new();
    project_files(&root(""), &mut files);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    assert!(files.len() > 10, "the documents were found");
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The text without its fenced blocks, and the first line whose fence is wrong: one that does not begin the line, or is not closed.
fn without_fences(text: &str) -> (String, Option<usize>) {
    let (mut opened, mut wrong) = (None, None);
    let mut kept = String::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        match (opened, line.strip_prefix("```")) {
            (None, Some(_)) => opened = Some(number + 1),
            (Some(_), Some("")) => opened = None,
            (None, None) => {
                wrong = wrong.or(line.contains("```").then_some(number + 1));
                kept.push_str(line);
                kept.push('\n');
            }
            (Some(_), _) => {}
        }
    }
    (kept, wrong.or(opened))
}

/// What stands between backticks.
fn quotes(text: &str) -> Vec<String> {
    let (text, _) = without_fences(text);
    // A quote does not go beyond its paragraph.
    let paragraphs = text.split("\n\n").flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    paragraphs.map(|quote| quote.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Targets of links, `[text](target)`.
fn links(text: &str) -> Vec<String> {
    let (text, _) = without_fences(text);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// Whether a quote is a path in the repository: it begins with one of its directories.
fn is_path(quote: &str, directories: &BTreeSet<String>) -> bool {
    let plain = quote.chars().all(|c| c.is_ascii_alphanumeric() || "_-./*".contains(c));
    plain && quote.split_once('/').is_some_and(|(first, _)| directories.contains(first))
}

/// Whether a quote is only a file name, as recipes have it after they have named the directory.
fn is_file_name(quote: &str) -> bool {
    let plain = quote.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    plain && [".rs", ".yml", ".json", ".toml"].iter().any(|end| quote.len() > end.len() && quote.ends_with(end))
}

/// The parts of a name in code, such as `JobStatus::parse`. A single word must have a capital inside or an underscore, as ordinary
/// words and values of labels have not.
fn code_name(quote: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = quote.trim_end_matches("()").split("::").collect();
    let is_name = |part: &&str| {
        part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && part.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    let camel = |part: &str| part.starts_with(char::is_uppercase) && part.chars().any(char::is_lowercase);
    let is_code = parts.len() > 1 || parts.first().is_some_and(|part| camel(part));
    let foreign = ["std", "tokio", "reqwest"].contains(parts.first()?);
    (is_code && !foreign && parts.iter().all(is_name)).then_some(parts)
}

/// Every word of the Rust sources.
fn words(files: &[PathBuf]) -> BTreeSet<String> {
    let sources = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let sources = sources.filter(|file| !file.ends_with("tests/documents/quotes.rs")).map(|file| read(file));
    let mut found = BTreeSet::new();
    for source in sources {
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        found.extend(
            code.flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))).map(str::to_owned),
        );
    }
    found
}

#[test]
fn files_and_names_that_documents_quote_exist() {
    let mut files = Vec::new();
    project_files(&root(""), &mut files);
    let base = root("");
    let relative: Vec<String> =
        files.iter().map(|file| file.strip_prefix(&base).unwrap().to_string_lossy().into_owned()).collect();
    let directories: BTreeSet<String> =
        relative.iter().filter_map(|file| file.split_once('/')).map(|(first, _)| first.to_owned()).collect();
    let words = words(&files);
    let (mut checked, mut wrong) = (0, Vec::new());
    for document in FOR_DEVELOPERS {
        for quote in quotes(&read(&root(document))).iter().filter(|quote| !OTHERS.contains(&quote.as_str())) {
            let exists = if is_path(quote, &directories) {
                match quote.replace("NAME", "*").split_once('*') {
                    Some((start, end)) => {
                        let end = end.rsplit('*').next().unwrap();
                        relative.iter().any(|file| file.starts_with(start) && file.ends_with(end))
                    }
                    None => ["", ".rs"].iter().any(|end| root(&format!("{quote}{end}")).exists()),
                }
            } else if is_file_name(quote) {
                relative.iter().any(|file| file.rsplit('/').next() == Some(quote))
            } else if let Some(parts) = code_name(quote) {
                parts.iter().all(|part| words.contains(*part))
            } else {
                continue;
            };
            checked += 1;
            wrong.extend((!exists).then(|| format!("{document}: `{quote}`")));
        }
    }
    assert!(checked > 150, "the quotes were found: {checked}");
    assert!(wrong.is_empty(), "documents quote what does not exist:\n{}", wrong.join("\n"));
}

#[test]
fn links_of_documents_lead_somewhere() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for document in documents() {
        let text = read(&document);
        let links = links(&text);
        for link in links.iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => document.clone(),
                _ => document.parent().unwrap().join(path),
            };
            let headings = || -> BTreeSet<String> {
                let (text, _) = without_fences(&read(&target));
                text.lines()
                    .filter(|line| line.starts_with('#'))
                    .map(|line| anchor(line.trim_start_matches('#').trim()))
                    .collect()
            };
            let exists = target.exists() && (heading.is_empty() || headings().contains(heading));
            checked += 1;
            wrong.extend((!exists).then(|| format!("{}: {link}", document.display())));
        }
    }
    assert!(checked > 60, "the links were found: {checked}");
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn fences_of_documents_are_closed() {
    let wrong = documents().into_iter().filter_map(|document| {
        let (_, line) = without_fences(&read(&document));
        line.map(|line| format!("{}:{line}", document.display()))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "fences that do not begin their line, or are not closed: {wrong:#?}");
}

#[test]
fn quotes_are_told_apart() {
    let text = "See `src/a.rs` and\n`B::c`, [it](x.md#y).\n\n```\n`not this`\n```\n`d`";
    assert_eq!(quotes(text), ["src/a.rs", "B::c", "d"]);
    assert_eq!(links(text), ["x.md#y"]);
    assert_eq!(without_fences(text).1, None);
    assert_eq!(without_fences("```\nopen").1, Some(1));
    assert_eq!(without_fences("```a\nb\n```c\n").1, Some(1), "a closing fence has no language");
    assert_eq!(without_fences("a\nb ```c\nd\n```\n").1, Some(2), "a fence begins its line");
    let directories = BTreeSet::from(["src".to_owned()]);
    assert!(is_path("src/a.rs", &directories) && is_path("src/*.rs", &directories));
    assert!(!is_path("text/plain", &directories) && !is_path("src/a b", &directories));
    assert!(is_file_name("mod.rs") && !is_file_name(".rs") && !is_file_name("a/b.rs"));
    assert_eq!(code_name("JobStatus::parse()"), Some(vec!["JobStatus", "parse"]));
    assert_eq!(code_name("BotMetrics"), Some(vec!["BotMetrics"]));
    assert_eq!(code_name("std::fs"), None);
    assert_eq!(code_name("outcome"), None);
}
