//! `token --bot NAME`: a freshly signed token, for curl.

use secrecy::SecretString;

use super::{AppError, setup};
use crate::clock::Clock;
use crate::config::Config;

/// Signs one.
pub(super) fn token(config: &Config, name: &str) -> Result<SecretString, AppError> {
    let Some(bot) = config.bots.iter().find(|bot| bot.name.as_str() == name) else {
        let known: Vec<_> = config.bots.iter().map(|bot| bot.name.as_str()).collect();
        return Err(AppError::Flag(format!("--bot={name}: the configuration has {}", known.join(", "))));
    };
    let tokens = setup::tokens(bot)?;
    let token =
        tokens.token(Clock::system().now()).map_err(|source| AppError::Auth { bot: bot.name.to_string(), source })?;
    Ok(token.secret)
}
