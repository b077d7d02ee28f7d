//! Everything that reads input, as fuzz targets: each takes any bytes and panics if a promise is broken.
//!
//! `fuzz/` runs them under libFuzzer, `scripts/fuzz` all of them. The unit tests here replay the corpus and mutate it. This module
//! and the functions that it names are compiled only for tests and with the feature `fuzzing`.
#![expect(clippy::expect_used, reason = "a fuzz target reports what it finds by a panic")]

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::config::Config;
use crate::exposition::{Encoding, negotiate};
use crate::{database, discovery, upstream, web};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// The targets by name: that of the file in `fuzz/fuzz_targets` and of the directory in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 11] = [
    ("configuration", configuration),
    ("database_row", database::fuzzing::database_row),
    ("job_request", web::fuzzing::job_request),
    ("listen_address", web::fuzzing::listen_address),
    ("negotiation", negotiation),
    ("refusal", upstream::fuzzing::refusal),
    ("retry_after", upstream::fuzzing::retry_after_header),
    ("status_body", upstream::fuzzing::status_body),
    ("target_groups", discovery::fuzzing::target_groups),
    ("timestamp", upstream::fuzzing::timestamp),
    ("web_configuration", web::fuzzing::web_configuration),
];

/// Runs the target of a name.
///
/// # Panics
/// If there is no such target, or if it finds something.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(other, _)| *other == name).expect("the name of a target");
    target(data);
}

/// `koreai.yml`. A mistake has a message; what is accepted can be displayed.
fn configuration(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let env = |name: &str| (name == "KORE_SECRET").then(|| "canary-of-the-environment".to_owned());
    // Names of files in the text lead nowhere.
    let shown = match Config::parse(text, Path::new("absent/koreai.yml"), &env) {
        Ok(config) => config.redacted(),
        Err(errors) => errors.to_string(),
    };
    assert!(!shown.is_empty(), "neither a mistake nor a configuration is displayed");
    assert!(!shown.contains("canary-of-the-environment"), "a secret is displayed");
}

/// `Accept` and `Accept-Encoding`, separated by a line break.
fn negotiation(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (accept, encoding) = text.split_once('\n').unwrap_or((text, ""));
    for accept in [None, Some(accept)] {
        for encoding in [None, Some(encoding)] {
            let chosen = negotiate(accept, encoding);
            assert!(chosen.content_type.contains("version="), "a format without its version");
            let may_compress =
                encoding.is_some_and(|text| text.to_ascii_lowercase().contains("gzip") || text.contains('*'));
            assert!(chosen.encoding == Encoding::Identity || may_compress, "compression that was not requested");
        }
    }
}
