//! Replays the corpus of every target, and a fixed number of mutations of it: what a coverage-guided run has found once stays found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::TARGETS;

/// Mutations per target. A coverage-guided run does millions.
const MUTATIONS: usize = 1_000;
/// The largest input, as in `scripts/fuzz`.
const MAX_BYTES: usize = 4_096;

fn fuzz_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = fuzz_directory().join("corpus").join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Flips, cuts, inserts, repeats a part, or takes a part of another input.
fn mutate(data: &mut Vec<u8>, other: &[u8], random: &mut StdRng) {
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=data.len());
        let end = (at + random.random_range(0..64)).min(data.len());
        match random.random_range(0..6) {
            0 if at < data.len() => data[at] ^= 1 << random.random_range(0..8),
            1 => data.truncate(at),
            2 => drop(data.drain(at..end)),
            3 => data.insert(at, random.random()),
            4 => {
                let part = data[at..end].to_vec();
                data.splice(at..at, part);
            }
            _ => {
                let from = random.random_range(0..=other.len());
                let to = (from + random.random_range(0..64)).min(other.len());
                data.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    data.truncate(MAX_BYTES);
}

#[test]
fn the_corpus_and_mutations_of_it_break_no_promise() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        assert!(!corpus.is_empty(), "fuzz/corpus/{name} is empty");
        corpus.iter().for_each(|input| target(input));
        let mut random = StdRng::seed_from_u64(20_260_131);
        for _ in 0..MUTATIONS {
            let mut data = corpus[random.random_range(0..corpus.len())].clone();
            mutate(&mut data, &corpus[random.random_range(0..corpus.len())], &mut random);
            target(&data);
        }
    }
}

#[test]
fn every_target_has_its_file_and_its_corpus() {
    let expected: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for directory in ["fuzz_targets", "corpus"] {
        assert_eq!(names(&fuzz_directory().join(directory)), expected, "fuzz/{directory}");
    }
    let manifest = std::fs::read_to_string(fuzz_directory().join("Cargo.toml")).unwrap();
    for name in expected {
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")),
            "fuzz/Cargo.toml: {name}"
        );
    }
}
