//! `token --bot NAME`: prints a new token, for use with curl.

use secrecy::SecretString;

use super::error::AppError;
use super::setup;
use crate::clock::Clock;
use crate::config::Config;

/// Creates the token.
pub(super) fn token(config: &Config, name: &str) -> Result<SecretString, AppError> {
    let Some(bot) = config.bots.iter().find(|bot| bot.name.as_str() == name) else {
        let known: Vec<_> = config.bots.iter().map(|bot| bot.name.as_str()).collect();
        return Err(AppError::Flag(format!("unknown bot {name:?} in --bot; configured bots are {}", known.join(", "))));
    };
    let now = Clock::system().now();
    let token =
        setup::tokens(bot)?.token(now).map_err(|source| AppError::Auth { bot: bot.name.to_string(), source })?;
    Ok(token.secret)
}
