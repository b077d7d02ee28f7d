//! `token --bot NAME`: prints a new token, and how to use it with curl.

use secrecy::{ExposeSecret, SecretString};

use super::doctor::named;
use super::error::AppError;
use super::output::{print, print_note};
use super::setup::{client_settings, tokens};
use crate::clock::Clock;
use crate::config::{BotConfig, Config};
use crate::upstream;

/// Prints the token to standard output, and a curl command without it to standard error.
pub(super) fn run(config: &Config, name: &str) -> Result<(), AppError> {
    let bot = named(config, name)?;
    let token = token(bot)?;
    print_note(&curl(config, bot)?);
    print(&format!("{}\n", token.expose_secret()))
}

fn token(bot: &BotConfig) -> Result<SecretString, AppError> {
    let failed = |source| AppError::Auth { bot: bot.name.to_string(), source };
    let token = tokens(bot)?.token(Clock::system().system_now()).map_err(failed)?;
    Ok(token.secret)
}

/// The command, with the token taken from this program, so that it is in no shell history.
fn curl(config: &Config, bot: &BotConfig) -> Result<String, AppError> {
    let settings = client_settings(bot, &config.global);
    let url = upstream::status_url(&settings, "REQUEST_ID")
        .map_err(|source| AppError::Client { bot: bot.name.to_string(), source: Box::new(source) })?;
    let mut flags = String::new();
    if let Some(file) = &bot.tls.ca_file {
        flags.push_str(&format!(" --cacert {}", quoted(&file.display().to_string())));
    }
    if let Some(identity) = &bot.tls.identity {
        let (cert, key) = (identity.cert_file.display().to_string(), identity.key_file.display().to_string());
        flags.push_str(&format!(" --cert {} --key {}", quoted(&cert), quoted(&key)));
    }
    if bot.tls.insecure_skip_verify {
        flags.push_str(" --insecure");
    }
    if let Some(proxy) = &bot.proxy_url {
        flags.push_str(&format!(" --proxy {}", quoted(&proxy.to_string())));
    }
    let name = quoted(bot.name.as_str());
    Ok(format!(
        "\
The token is for the header `auth`. With it, curl requests the status of a job; write the ID of a job for REQUEST_ID:

  curl -sS{flags} -H \"auth: $(koreai_exporter token --bot {name} 2>/dev/null)\" {}
",
        quoted(url.as_str())
    ))
}

/// Quoted for a shell, if necessary.
fn quoted(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/:._-@".contains(c));
    if plain && !text.is_empty() { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
