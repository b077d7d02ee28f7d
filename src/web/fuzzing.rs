//! Fuzz targets for requests and for `--web.config.file`.
#![expect(clippy::expect_used, reason = "a fuzz target reports what it finds by a panic")]

use std::path::Path;

use super::job_request::{RegisterParameters, parse_jobs};
use super::{parse_listen_address, toolkit};
use crate::model::{BotName, MAX_TARGET_LABELS};

/// The body of a POST to the job API, with and without `?bot=`.
pub fn job_request(data: &[u8]) {
    let bots: Vec<BotName> = ["support", "sales"].into_iter().filter_map(|name| BotName::parse(name).ok()).collect();
    for query in [r#"{}"#, r#"{"bot":"support","campaign":"spring"}"#] {
        let parameters: RegisterParameters = serde_json::from_str(query).expect("constant parameters");
        match parse_jobs(data, &parameters, &bots) {
            Ok(jobs) => {
                assert!(jobs.iter().all(|(bot, _)| bots.contains(bot)), "a job of an unknown bot");
                assert!(jobs.iter().all(|(_, target)| target.labels.len() <= MAX_TARGET_LABELS), "too many labels");
            }
            Err(message) => assert!(!message.is_empty() && message.len() < 64 * 1024, "{} bytes", message.len()),
        }
    }
}

/// `--web.config.file`.
pub fn web_configuration(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    // Names of files in the text lead nowhere.
    if let Err(message) = toolkit::fuzzing::check_text(Path::new("absent/web.yml"), text) {
        assert!(!message.is_empty(), "an error without a message");
    }
}

/// A value of `--web.listen-address`.
pub fn listen_address(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Err(error) = parse_listen_address(text) {
        assert!(!error.to_string().is_empty(), "an error without a message");
    }
}
