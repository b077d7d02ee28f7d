//! The runbook's queries are PromQL, and name what is served.

use super::files::text;
use super::names::{known, strangers};

/// The queries of a document: each line of its `promql` blocks.
fn queries(document: &str) -> Vec<String> {
    let text = text(document);
    let blocks = text.split("```promql\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn every_query_parses_and_names_only_what_is_served() {
    let known = known();
    let queries = queries("docs/runbook.md");
    let wrong: Vec<_> = queries.iter().flat_map(|query| strangers(query, &known)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_chapter_has_a_query() {
    let runbook = text("docs/runbook.md");
    for chapter in runbook.split("\n## Koreai").skip(1) {
        let name = chapter.lines().next().unwrap();
        for part in ["**Means.**", "**Users.**", "**Find out.**", "**Fix.**", "```promql"] {
            assert!(chapter.contains(part), "Koreai{name} has no {part}");
        }
    }
}
