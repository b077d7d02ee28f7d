//! `--config.check`: everything that a start checks, without starting.

use super::config_file;
use super::error::AppError;
use super::options::Options;
use super::setup::setup;
use crate::cli::Cli;
use crate::config::{BotConfig, Config};
use crate::transport::Network;
use crate::upstream::BodyBudget;
use crate::web::{self, WebConfig};

/// Checks the flags, the configuration file with all keys, tokens and certificates, and `--web.config.file`. Returns one
/// line per valid file. Binds no address and does not open the database, which a running exporter has locked.
///
/// # Errors
/// Everything that would prevent a start.
pub(super) fn check(cli: &Cli) -> Result<String, AppError> {
    let mut errors = Vec::new();
    let mut valid = String::new();
    let mut checked = String::new();
    let config_file = config_file::locate(cli.config.file.as_deref()).map_err(|error| errors.push(error)).ok();
    let options = Options::from_cli(cli);
    let options = options.map_err(|error| errors.push(error)).ok();
    for address in &cli.web.listen_addresses {
        if let Err(error) = web::parse_listen_address(address) {
            errors.push(error.into());
        }
    }
    match config_file.map(|file| Config::load(&file, &|name| std::env::var(name).ok()).map(|config| (file, config))) {
        None => {}
        Some(Err(mistakes)) => errors.push(AppError::Config(mistakes)),
        Some(Ok((file, config))) => {
            let shard = options.map_or(crate::model::Shard::WHOLE, |options| options.shard);
            match setup(&config, shard, &BodyBudget::new(), &Network::shared()) {
                Err(error) => errors.push(error),
                Ok(_) => {
                    let (file, bots) = (file.display(), config.bots.len());
                    let plural = if bots == 1 { "" } else { "s" };
                    valid.push_str(&format!("{file}: configuration is valid ({bots} bot{plural})\n"));
                    checked = summary(&config);
                }
            }
        }
    }
    if let Some(file) = &cli.web.config_file {
        match WebConfig::load(file) {
            Err(error) => errors.push(error.into()),
            Ok(web) => {
                valid.push_str(&format!("{}: web configuration is valid\n", file.display()));
                web.warnings().iter().for_each(|warning| valid.push_str(&format!("warning: {warning}\n")));
            }
        }
    }
    if errors.is_empty() { Ok(valid + &checked) } else { Err(AppError::Invalid(errors)) }
}

/// What was checked, and what was not.
fn summary(config: &Config) -> String {
    let sum = |count: fn(&BotConfig) -> usize| config.bots.iter().map(count).sum::<usize>();
    let targets = sum(|bot| bot.static_configs.iter().map(|group| group.targets.len()).sum());
    let patterns = sum(|bot| bot.file_sd_configs.iter().map(|source| source.files.len()).sum());
    let requests = sum(|bot| bot.http_sd_configs.len());
    let credentials = config.bots.len();
    format!(
        "\
checked: the flags, every key, credentials: {credentials} (a token was made with each, but not sent), the files of tls_config, \
static targets: {targets}, patterns of target files: {patterns}, HTTP sources: {requests}
not checked: the upstream (run `koreai_exporter doctor`), target files and HTTP sources (not read), addresses (not bound), \
the database (not opened)
"
    )
}
