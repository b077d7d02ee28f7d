//! The rules for modules and files: the table of `docs/ARCHITECTURE.md`, no circles of imports, at most 400 lines a file.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "structure/imports.rs"]
mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use imports::{Crate, Import, circles, rust_files};

/// The most lines that a source file, test, benchmark or example may have.
const MAX_LINES: usize = 400;

/// One row of the table: where it stands, and what its modules must not import.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    place: usize,
    /// Paths such as `store`, `tokio` or `std::fs`.
    forbidden: BTreeSet<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Modules and their rows, from the section "Modules" of `docs/ARCHITECTURE.md`.
fn table(page: &str) -> BTreeMap<String, Row> {
    let (_, section) = page.split_once("\n## Modules\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let in_backticks = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut table = BTreeMap::new();
    for (place, row) in section.lines().filter(|line| line.starts_with("| `")).enumerate() {
        let cells: Vec<&str> = row.split('|').collect();
        assert_eq!(cells.len(), 5, "a row has three cells: {row}");
        let forbidden: BTreeSet<String> = in_backticks(cells[3]).into_iter().collect();
        for module in in_backticks(cells[1]) {
            table.insert(module, Row { place, forbidden: forbidden.clone() });
        }
    }
    table
}

fn real_table() -> BTreeMap<String, Row> {
    table(&std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap())
}

/// Every import that the table does not allow, with its file.
fn violations(code: &Crate, table: &BTreeMap<String, Row>) -> BTreeSet<String> {
    let mut wrong = BTreeSet::new();
    for mention in &code.mentions {
        let module = mention.file.split('/').next().unwrap().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some(row) = table.get(module) else { panic!("{module} is not in the table of docs/ARCHITECTURE.md") };
        let (path, own) = match &mention.import {
            Import::Own(path) => (path, true),
            Import::External(path) => (path, false),
        };
        let Some(first) = path.first().filter(|first| !own || *first != module) else { continue };
        if own && table.get(first).is_some_and(|other| other.place > row.place) {
            wrong.insert(format!("{} imports {first}, which is below {module} in the table", mention.file));
        }
        // Tests may use more: a runtime, temporary files, what another module makes of an input.
        let joined = path.join("::");
        let is_forbidden = |name: &&String| joined == **name || joined.starts_with(&format!("{name}::"));
        if !mention.test
            && let Some(name) = row.forbidden.iter().find(is_forbidden)
        {
            wrong.insert(format!("{} imports {name}, of which {module} must know nothing", mention.file));
        }
    }
    wrong
}

fn lines(found: impl IntoIterator<Item = String>) -> String {
    found.into_iter().collect::<Vec<_>>().join("\n")
}

fn sample(files: &[(&str, &str)]) -> Crate {
    Crate::parse(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let (code, table) = (Crate::read(&root().join("src")), real_table());
    assert!(code.mentions.len() > 5_000, "the sources were found");
    let wrong = violations(&code, &table);
    assert!(wrong.is_empty(), "imports that docs/ARCHITECTURE.md forbids:\n{}", lines(wrong));
}

#[test]
fn the_table_forbids_only_names_that_exist() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let table = real_table();
    for (module, row) in &table {
        for name in &row.forbidden {
            let first = name.split("::").next().unwrap();
            let is_dependency = manifest.contains(&format!("\n{} = ", first.replace('_', "-")))
                || manifest.contains(&format!("\n{first} = "));
            assert!(first == "std" || table.contains_key(first) || is_dependency, "{module}: {name}");
        }
    }
    for path in ["tokio", "store", "std::fs"] {
        assert!(table.values().any(|row| row.forbidden.contains(path)), "{path} is read from the table");
    }
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let code = Crate::read(&root().join("src"));
    let edges = code.edges();
    assert!(edges.values().map(BTreeSet::len).sum::<usize>() > 300, "the imports were found");
    let found = circles(&edges).into_iter().map(|circle| {
        let inside = |file: &str| {
            let used = edges[file].iter().filter(|used| circle.contains(*used)).copied().collect::<Vec<_>>();
            format!("  {file} imports {}", used.join(", "))
        };
        lines(circle.iter().map(|file| inside(file)))
    });
    let found = lines(found);
    assert!(found.is_empty(), "files that import each other:\n{found}");
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let mut files = Vec::new();
    for directory in ["src", "tests", "benches", "examples"] {
        rust_files(&root().join(directory), &mut files);
    }
    let long = files.into_iter().filter_map(|file| {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines", file.strip_prefix(root()).unwrap().display()))
    });
    let long = lines(long);
    assert!(long.is_empty(), "files of more than {MAX_LINES} lines:\n{long}");
}

const TABLE: &str = "\n## Modules\n\n| module | does | must not import |\n| --- | --- | --- |\n\
    | `model` | data | `tokio`, `std::fs` |\n| `store` | state | `model` |\n| `poller` | the loop | |\n\n## Next\n";

#[test]
fn a_forbidden_import_is_found_in_every_spelling() {
    let forbidden = [
        ("model/job.rs", "use crate::store::Store;", "model/job.rs imports store, which is below model in the table"),
        ("model/job.rs", "use crate::{store::Store};", "model/job.rs imports store, which is below model in the table"),
        (
            "model/job.rs",
            "fn f() { super::super::store::new() }",
            "model/job.rs imports store, which is below model in the table",
        ),
        (
            "model/job.rs",
            "fn f() { assert!(crate::store::new()) }",
            "model/job.rs imports store, which is below model in the table",
        ),
        (
            "model/job.rs",
            "#[cfg(test)] mod tests { use crate::store::S; }",
            "model/job.rs imports store, which is below model in the table",
        ),
        ("model/job.rs", "fn f() { tokio::spawn(x) }", "model/job.rs imports tokio, of which model must know nothing"),
        ("model/job.rs", "use std::{fs, io};", "model/job.rs imports std::fs, of which model must know nothing"),
        ("store/mod.rs", "use crate::model::Job as J;", "store/mod.rs imports model, of which store must know nothing"),
    ];
    for (file, text, violation) in forbidden {
        let code = sample(&[("lib.rs", "mod model; mod store; mod poller;"), (file, text)]);
        assert_eq!(Vec::from_iter(violations(&code, &table(TABLE))), [violation], "{text}");
    }
    let allowed =
        "use crate::model::Job;\nuse crate::store::Store;\n// crate::web\nuse std::io;\nfn f() { $crate::x!() }";
    let code = sample(&[("poller.rs", &allowed.replace("$crate", "crate")), ("model.rs", "use std::io; struct Job;")]);
    assert_eq!(violations(&code, &table(TABLE)), BTreeSet::new());
}

#[test]
fn a_circle_is_found_through_re_exports_and_other_files() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod one; mod two; mod three; pub use one::One; pub use two::Two;"),
        ("a/one.rs", "use super::three::Three; pub struct One;"),
        ("a/two.rs", "pub struct Two(crate::a::One);"),
        ("a/three.rs", "use super::*; pub struct Three(super::Two);"),
        ("b.rs", "use crate::a::{One, Two}; pub struct B; #[cfg(test)] mod tests { use super::*; }"),
    ];
    let code = sample(&files);
    let found = circles(&code.edges());
    assert_eq!(found, [BTreeSet::from(["a/one.rs", "a/three.rs", "a/two.rs"])]);
    assert_eq!(code.edges()["b.rs"], BTreeSet::from(["a/one.rs", "a/two.rs"]));
}
