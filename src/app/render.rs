//! `render FILE`: prints the metrics of a saved status response.

use std::io::Read;
use std::path::Path;

use super::error::AppError;
use crate::clock::Clock;
use crate::exposition::{self, Format};
use crate::model::{ApiVersion, BotName, JobKey, RequestId};
use crate::store::{BotSpec, Settings, Store};
use crate::upstream::{ReasonTable, report_reader};

/// The maximum size of the file in bytes: the default of `max_body_bytes`.
const MAX_BYTES: u64 = 64 << 20;

/// Reads the file and renders its metrics.
pub(super) fn render(file: &Path, bot: &str, request_id: &str, api: &str) -> Result<String, AppError> {
    let flag =
        |name: &str, value: &str, why: String| AppError::Flag(format!("invalid value {value:?} for --{name}: {why}"));
    let bot = BotName::parse(bot).map_err(|error| flag("bot", bot, error.to_string()))?;
    let id = RequestId::parse(request_id).map_err(|error| flag("request-id", request_id, error.to_string()))?;
    let api_version = ApiVersion::ALL.into_iter().find(|known| known.as_label() == api);
    let api = api_version.ok_or_else(|| flag("api", api, "expected v1 or v2".to_owned()))?;
    let body = read(file)?;
    let report = report_reader::read_slice(&body, &ReasonTable::new(&[]))
        .map_err(|error| AppError::InvalidReport { file: name(file), why: error.to_string() })?;

    let life = Settings {
        job_deadline: std::time::Duration::MAX,
        retention: std::time::Duration::MAX,
        campaign_retention: std::time::Duration::MAX,
        max_jobs: 1,
    };
    let mut store = Store::new(life);
    let now = Clock::system().now();
    store.configure(life, &[BotSpec { name: bot.clone(), api, channels: Vec::new() }], &[], now);
    let job = store.as_job(JobKey { bot, id }, report, now);
    Ok(exposition::render([&job].into_iter(), &[], &[], None, Format::Text))
}

fn read(file: &Path) -> Result<Vec<u8>, AppError> {
    let wrap = |source| AppError::ReadBody { file: name(file), source };
    let mut body = Vec::new();
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file).map_err(wrap)?)
    };
    source.take(MAX_BYTES + 1).read_to_end(&mut body).map_err(wrap)?;
    if body.len() as u64 > MAX_BYTES {
        return Err(AppError::InvalidReport { file: name(file), why: "larger than 64 MiB".to_owned() });
    }
    Ok(body)
}

fn name(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}
