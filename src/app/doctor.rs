//! `doctor`: examines the bots of the configuration.

use super::config_file;
use super::error::AppError;
use super::setup::client_settings;
use crate::cli::{ConfigFlags, DoctorFormat};
use crate::clock::Clock;
use crate::config::{BotConfig, Config};
use crate::doctor::{CallsLeft, Diagnosis, Examination, Patient, examine};
use crate::model::{BotName, RequestId};

/// Examines one bot, or all.
///
/// # Errors
/// An invalid flag. Everything else is part of the diagnosis.
pub(super) async fn run(flags: &ConfigFlags, bot: Option<&str>, id: Option<&str>) -> Result<Diagnosis, AppError> {
    let request_id = id.map(parse_id).transpose()?;
    let invalid = |text: &str| Ok(Diagnosis(vec![Examination::of_invalid_configuration(text)]));
    let file = match config_file::locate(flags.file.as_deref()) {
        Ok(file) => file,
        Err(error) => return invalid(&error.to_string()),
    };
    let config = match Config::load(&file, &|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(mistakes) => return invalid(&mistakes.to_string()),
    };
    let bots: Vec<&BotConfig> = match bot {
        Some(name) => vec![named(&config, name)?],
        None => config.bots.iter().collect(),
    };
    if let ([_, _, ..], Some(id)) = (bots.as_slice(), &request_id) {
        let text = format!("--request-id={id} needs --bot: the configured bots are {}", names(&config));
        return Err(AppError::Flag(text));
    }
    let (clock, mut calls) = (Clock::system(), CallsLeft::default());
    let mut examinations = Vec::with_capacity(bots.len());
    for bot in bots {
        let patient = Patient {
            bot,
            settings: client_settings(bot, &config.global),
            configuration: format!("{} is valid", file.display()),
            request_id: request_id.clone(),
        };
        examinations.push(examine(&patient, &mut calls, &clock).await);
    }
    Ok(Diagnosis(examinations))
}

/// The diagnosis in a format.
pub(super) fn render(diagnosis: &Diagnosis, format: DoctorFormat) -> String {
    match format {
        DoctorFormat::Text => diagnosis.text(),
        DoctorFormat::Json => diagnosis.json(),
    }
}

fn parse_id(text: &str) -> Result<RequestId, AppError> {
    RequestId::parse(text).map_err(|problem| {
        AppError::Flag(format!(
            "invalid --request-id={text:?}: it {problem}; expected the `_id` of a send response (ds-…)"
        ))
    })
}

/// The bot of this name.
///
/// # Errors
/// There is none; the error lists the names.
pub(super) fn named<'a>(config: &'a Config, name: &str) -> Result<&'a BotConfig, AppError> {
    config.bots.iter().find(|bot| bot.name.as_str() == name).ok_or_else(|| {
        AppError::Flag(format!("unknown bot {name:?} in --bot; the configured bots are {}", names(config)))
    })
}

fn names(config: &Config) -> String {
    config.bots.iter().map(|bot| &bot.name).map(BotName::as_str).collect::<Vec<_>>().join(", ")
}
