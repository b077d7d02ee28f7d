//! A configuration becomes what the loop and discovery need.

use std::sync::Arc;

use secrecy::SecretString;

use crate::auth::{Algorithm, AuthSettings, Key, TokenSource};
use crate::config::{self, Config};
use crate::discovery::{self, FileSdSettings, HttpSdAuth, HttpSdSettings, HttpSdTls, SourceSettings};
use crate::model::{Shard, SourceId, SourceKind, TargetUpdate};
use crate::poller::{BotSetup, Setup};
use crate::transport::SharedTransport;
use crate::upstream::{BodyBudget, Client, ClientSettings, ReasonTable, TlsSettings};
use crate::{scheduler, store};

use super::AppError;

/// Calls under way at a time, per bot. At 600 calls a minute and a second a call, ten are under way; the rest is room for
/// a slow upstream.
const MAX_IN_FLIGHT: usize = 32;

/// What the loop needs, and what discovery needs.
///
/// # Errors
/// A client or a key that cannot be made.
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
            .map_err(|source| AppError::Client { bot: bot.name.to_string(), source })?;
        bots.push(BotSetup {
            spec: store::BotSpec { name: bot.name.clone(), api: bot.api, channels: bot.channels.clone() },
            schedule: scheduler::Settings {
                poll_interval: global.poll_interval,
                max_poll_interval: global.max_poll_interval,
                per_minute: shard.share(bot.rate_limit.per_minute),
                per_hour: shard.share(bot.rate_limit.per_hour),
                max_in_flight: MAX_IN_FLIGHT,
            },
            client: Arc::new(client.over(transport.clone())),
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
    let static_ids = static_targets.iter().map(|update: &TargetUpdate| update.source.clone());
    let ids = static_ids.chain(discovery::sources(&sources)).collect();
    let life =
        store::Settings { job_deadline: global.job_deadline, retention: global.retention, max_jobs: global.max_jobs };
    Ok((Setup { life, bots, sources: ids, static_targets, shard }, sources))
}

/// What signs a bot's tokens; its key is read once, so that a bad one is found before anything starts.
pub(super) fn tokens(bot: &config::BotConfig) -> Result<TokenSource, AppError> {
    TokenSource::new(auth_settings(&bot.auth)).map_err(|source| AppError::Auth { bot: bot.name.to_string(), source })
}

fn auth_settings(auth: &config::Auth) -> AuthSettings {
    let sign = match auth {
        config::Auth::Sign(sign) => sign,
        config::Auth::TokenFile(path) => return AuthSettings::TokenFile(path.clone()),
    };
    AuthSettings::Sign {
        client_id: sign.client_id.as_str().to_owned(),
        key: match &sign.key {
            config::KeySource::SecretFile(path) => Key::SecretFile(path.clone()),
            config::KeySource::SecretEnv { value, .. } => Key::Secret(SecretString::clone(value)),
            config::KeySource::PrivateKeyFile(path) => Key::PrivateKeyFile(path.clone()),
        },
        algorithm: match sign.algorithm {
            config::Algorithm::HS256 => Algorithm::Hs256,
            config::Algorithm::HS512 => Algorithm::Hs512,
            config::Algorithm::RS256 => Algorithm::Rs256,
            config::Algorithm::RS512 => Algorithm::Rs512,
        },
        subject: sign.subject.clone(),
        lifetime: sign.token_lifetime,
        jti: sign.jti,
    }
}

fn client_settings(bot: &config::BotConfig, global: &config::Global) -> ClientSettings {
    ClientSettings {
        base_url: bot.base_url.clone(),
        bot_id: bot.bot_id.as_str().to_owned(),
        api: bot.api,
        timeout: global.poll_timeout,
        max_body_bytes: global.max_body_bytes,
        tls: TlsSettings {
            ca_file: bot.tls.ca_file.clone(),
            cert_file: bot.tls.cert_file.clone(),
            key_file: bot.tls.key_file.clone(),
            server_name: bot.tls.server_name.clone(),
            insecure_skip_verify: bot.tls.insecure_skip_verify,
        },
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
        tls: HttpSdTls {
            ca_file: http.tls.ca_file.clone(),
            identity: http.tls.cert_file.clone().zip(http.tls.key_file.clone()),
            server_name: http.tls.server_name.clone(),
            insecure_skip_verify: http.tls.insecure_skip_verify,
        },
        proxy: http.proxy_url.as_ref().map(|url| url.expose().clone()),
    }
}
