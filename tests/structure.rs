//! Rooms import only what the table of `docs/ARCHITECTURE.md` lets them import.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Rooms and their rows in the table, from the top.
fn table() -> BTreeMap<String, usize> {
    let page = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, section) = page.split_once("\n## The rooms\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let rooms_of = |row: &str| -> Vec<String> {
        let cell = row.split('|').nth(1).unwrap();
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    rows.enumerate().flat_map(|(place, row)| rooms_of(row).into_iter().map(move |room| (room, place))).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            sources(&entry.path(), found);
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            found.push(entry.path());
        }
    }
}

/// The room of a file: the first part of its path under `src`.
fn room_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The first words after every `crate::`, also of those in braces; comments are passed over.
fn imports(source: &str) -> BTreeSet<String> {
    let code: String =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let word =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut found = BTreeSet::new();
    for (at, mention) in code.match_indices("crate::") {
        // `$crate::` and `some_crate::` are others.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + mention.len()..];
        if !rest.starts_with('{') {
            found.insert(word(rest));
            continue;
        }
        let mut depth = 0;
        for (place, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && (c == ',' || c == '{') {
                found.insert(word(&rest[place + 1..]));
            }
        }
    }
    found.remove("");
    found
}

#[test]
fn imports_are_found_in_every_spelling() {
    let source = "use crate::model::Job;\n// crate::web\nuse crate::{\n    auth::{Key, web},\n    store,\n};\nfn f() { crate::clock::x() }\nuse $crate::ui;";
    assert_eq!(Vec::from_iter(imports(source)), ["auth", "clock", "model", "store"]);
}

#[test]
fn rooms_import_only_rooms_above_them() {
    let table = table();
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    assert!(files.len() > 50, "the sources are where they are looked for");
    let mut wrong = Vec::new();
    for file in files {
        let room = room_of(&file);
        if room == "lib" {
            continue;
        }
        let Some(place) = table.get(&room) else { panic!("{room} is not in the table of docs/ARCHITECTURE.md") };
        for import in imports(&std::fs::read_to_string(&file).unwrap()) {
            let Some(other) = table.get(&import) else { panic!("{}: {import} is no room", file.display()) };
            if other > place {
                wrong.push(format!("{}: {room} imports {import}", file.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point down the table:\n{}", wrong.join("\n"));
}

#[test]
fn the_stand_in_for_the_upstream_shares_no_code_with_what_it_judges() {
    let mut files = Vec::new();
    sources(&root().join("src/fake_upstream"), &mut files);
    for file in files {
        let imports = imports(&std::fs::read_to_string(&file).unwrap());
        assert!(imports.iter().all(|room| room == "fake_upstream"), "{}: {imports:?}", file.display());
    }
}
