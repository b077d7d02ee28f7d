//! Builds the settings of the polling loop and of discovery from the configuration.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::auth::TokenSource;
use crate::config::{self, Config};
use crate::discovery::{self, FileSdSettings, HttpSdAuth, HttpSdSettings, SourceSettings};
use crate::model::{Shard, SourceId, SourceKind, TargetUpdate};
use crate::poller::{BotSetup, Setup};
use crate::transport::SharedTransport;
use crate::upstream::{BodyBudget, Client, ClientSettings, ReasonTable};
use crate::{scheduler, store};

use super::error::AppError;

/// The maximum number of concurrent calls per bot. At 600 calls/min of 1 s each, ten are in flight; the rest is for a slow
/// upstream.
const MAX_IN_FLIGHT: usize = 32;

/// Builds the settings of the polling loop, and those of discovery. Reads every key, secret and certificate file.
///
/// # Errors
/// The first of them that cannot be used.
pub fn setup(
    config: &Config,
    shard: Shard,
    budget: &BodyBudget,
    transport: &SharedTransport,
) -> Result<(Setup, Vec<SourceSettings>), AppError> {
    let rules: Vec<_> =
        config.failure_reasons.iter().map(|rule| (rule.contains.clone(), rule.reason.clone())).collect();
    let reasons = Arc::new(ReasonTable::new(&rules));
    let global = &config.global;
    let mut bots = Vec::with_capacity(config.bots.len());
    let mut static_targets = Vec::new();
    let mut sources = Vec::new();
    for bot in &config.bots {
        let client = Client::new(&client_settings(bot, global), reasons.clone(), budget.clone())
            .map_err(|source| AppError::Client { bot: bot.name.to_string(), source: Box::new(source) })?;
        bots.push(BotSetup {
            definition: definition(bot),
            fingerprint: fingerprint(bot),
            spec: store::BotSpec { name: bot.name.clone(), api: bot.api, channels: bot.channels.clone() },
            schedule: scheduler::Settings {
                poll_interval: global.poll_interval,
                max_poll_interval: global.max_poll_interval,
                per_minute: shard.share(bot.rate_limit.per_minute),
                per_hour: shard.share(bot.rate_limit.per_hour),
                max_in_flight: MAX_IN_FLIGHT,
            },
            client: Arc::new(client.with_transport(transport.clone())),
            tokens: Arc::new(tokens(bot)?),
        });
        if !bot.static_configs.is_empty() {
            let targets = bot.static_configs.iter().flat_map(|group| group.targets.iter().cloned()).collect();
            let source = SourceId { bot: bot.name.clone(), kind: SourceKind::Static, name: "static_configs".into() };
            static_targets.push(TargetUpdate { source, targets: Some(targets), up: true, invalid: 0 });
        }
        sources.extend(bot.file_sd_configs.iter().map(|file| {
            SourceSettings::File(FileSdSettings {
                bot: bot.name.clone(),
                patterns: file.files.clone(),
                refresh: file.refresh_interval,
            })
        }));
        sources.extend(bot.http_sd_configs.iter().map(|http| SourceSettings::Http(Box::new(http_sd(bot, http)))));
    }
    for (source, id) in sources.iter().zip(discovery::sources(&sources)) {
        discovery::check(source).map_err(|source| AppError::Source {
            bot: id.bot.to_string(),
            name: id.name.to_string(),
            source: Box::new(source),
        })?;
    }
    let static_ids = static_targets.iter().map(|update: &TargetUpdate| update.source.clone());
    let ids = static_ids.chain(discovery::sources(&sources)).collect();
    let life = store::Settings {
        job_deadline: global.job_deadline,
        retention: global.retention,
        campaign_retention: global.campaign_retention,
        max_jobs: global.max_jobs,
    };
    let job_series = global.job_series;
    Ok((Setup { life, job_series, bots, sources: ids, static_targets, shard }, sources))
}

/// The token source of a bot. An unusable key or token is an error here, before anything starts.
pub(super) fn tokens(bot: &config::BotConfig) -> Result<TokenSource, AppError> {
    let failed = |source| AppError::Auth { bot: bot.name.to_string(), source };
    let tokens = TokenSource::new(&bot.auth).map_err(failed)?;
    tokens.check().map_err(failed)?;
    Ok(tokens)
}

/// The settings of a bot's client.
pub(super) fn client_settings(bot: &config::BotConfig, global: &config::Global) -> ClientSettings {
    ClientSettings {
        base_url: bot.base_url.clone(),
        bot_id: bot.bot_id.as_str().to_owned(),
        api: bot.api,
        timeout: global.poll_timeout,
        max_body_bytes: global.max_body_bytes,
        tls: bot.tls.clone(),
        proxy_url: bot.proxy_url.as_ref().map(|url| url.expose().clone()),
    }
}

fn http_sd(bot: &config::BotConfig, http: &config::HttpSdConfig) -> HttpSdSettings {
    let basic = http.basic_auth.as_ref().map(|basic| HttpSdAuth::Basic {
        username: basic.username.clone(),
        password: discovery::Secret::File(basic.password_file.clone()),
    });
    let authorization = http.authorization.as_ref().map(|authorization| HttpSdAuth::Authorization {
        scheme: authorization.scheme.clone(),
        credentials: discovery::Secret::File(authorization.credentials_file.clone()),
    });
    HttpSdSettings {
        bot: bot.name.clone(),
        url: http.url.expose().clone(),
        refresh: http.refresh_interval,
        auth: basic.or(authorization),
        tls: http.tls.clone(),
        proxy: http.proxy_url.as_ref().map(|url| url.expose().clone()),
    }
}

/// A hash of what decides which jobs the upstream knows, for the database: the same in every process and version.
fn fingerprint(bot: &config::BotConfig) -> u64 {
    // `base_url` has no credentials.
    let text = format!("{}\n{}\n{}", bot.base_url, bot.bot_id.as_str(), bot.api.as_label());
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

/// A hash of what decides whether calls succeed. Secrets are not part of it: files are watched, and the environment of a
/// process does not change.
fn definition(bot: &config::BotConfig) -> u64 {
    let proxy = bot.proxy_url.as_ref().map(|url| url.expose().as_str());
    let settings = format!("{:?}", (bot.base_url.as_str(), bot.bot_id.as_str(), bot.api, &bot.auth, &bot.tls, proxy));
    let mut hasher = DefaultHasher::new();
    settings.hash(&mut hasher);
    hasher.finish()
}
