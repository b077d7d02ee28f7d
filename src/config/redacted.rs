//! The effective configuration as YAML, with all defaults, and with secrets replaced by `<secret>`.

use std::path::Path;

use crate::model::{ApiVersion, Target};

use super::auth::{Auth, KeySource};
use super::bot::BotConfig;
use super::global::Global;
use super::settings::Config;
use super::sources::{FileSdConfig, HttpSdConfig, StaticConfig};
use crate::client_tls::{ClientIdentity, ClientTls};
use crate::yaml::{format_bytes, format_duration};

impl Config {
    /// The effective configuration as YAML: parsing it gives the same configuration, except that passwords and
    /// queries of URLs are `<secret>`. It shows the paths of secret files and the names of environment variables.
    pub fn redacted(&self) -> String {
        let mut page = Page::default();
        page.global(&self.global);
        page.heading("failure_reasons", self.failure_reasons.is_empty());
        for rule in &self.failure_reasons {
            page.line(1, "- match", &quoted(&rule.contains));
            page.line(2, "reason", rule.reason.as_str());
        }
        page.heading("bots", self.bots.is_empty());
        for bot in &self.bots {
            page.bot(bot, self.global.auth.as_ref());
        }
        page.text
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, depth: usize, key: &str, value: &str) {
        let indent = depth * 2;
        let space = if value.is_empty() { "" } else { " " };
        self.text.push_str(&format!("{:indent$}{key}:{space}{value}\n", ""));
    }

    fn heading(&mut self, key: &str, is_empty: bool) {
        self.line(0, key, if is_empty { "[]" } else { "" });
    }

    fn path(&mut self, depth: usize, key: &str, path: &Path) {
        self.line(depth, key, &quoted(&path.display().to_string()));
    }

    fn global(&mut self, global: &Global) {
        self.line(0, "global", "");
        self.line(1, "poll_interval", &format_duration(global.poll_interval));
        self.line(1, "max_poll_interval", &format_duration(global.max_poll_interval));
        self.line(1, "poll_timeout", &format_duration(global.poll_timeout));
        self.line(1, "job_deadline", &format_duration(global.job_deadline));
        self.line(1, "retention", &format_duration(global.retention));
        self.line(1, "campaign_retention", &format_duration(global.campaign_retention));
        self.line(1, "job_series", global.job_series.as_label());
        self.line(1, "max_jobs", &global.max_jobs.to_string());
        self.line(1, "max_body_bytes", &format_bytes(global.max_body_bytes));
        if let Some(auth) = &global.auth {
            self.auth(1, auth);
        }
    }

    fn bot(&mut self, bot: &BotConfig, default_auth: Option<&Auth>) {
        self.line(1, "- name", &quoted(bot.name.as_str()));
        self.line(2, "base_url", &quoted(bot.base_url.as_str()));
        self.line(2, "bot_id", &quoted(bot.bot_id.as_str()));
        self.line(2, "api", if bot.api == ApiVersion::V2 { "v2" } else { "v1" });
        if default_auth != Some(&bot.auth) {
            self.auth(2, &bot.auth);
        }
        let limit = bot.rate_limit;
        let limit = format!("{{per_minute: {}, per_hour: {}}}", limit.per_minute, limit.per_hour);
        self.line(2, "rate_limit", &limit);
        let channels: Vec<String> = bot.channels.iter().map(|channel| quoted(channel.as_str())).collect();
        self.line(2, "channels", &format!("[{}]", channels.join(", ")));
        self.tls(2, &bot.tls);
        if let Some(proxy) = &bot.proxy_url {
            self.line(2, "proxy_url", &quoted(&proxy.to_string()));
        }
        self.list(2, "static_configs", &bot.static_configs, Self::static_config);
        self.list(2, "file_sd_configs", &bot.file_sd_configs, Self::file_sd_config);
        self.list(2, "http_sd_configs", &bot.http_sd_configs, Self::http_sd_config);
    }

    fn list<T>(&mut self, depth: usize, key: &str, items: &[T], write: fn(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.line(depth, key, "");
        for item in items {
            write(self, item);
        }
    }

    fn auth(&mut self, depth: usize, auth: &Auth) {
        self.line(depth, "auth", "");
        let depth = depth + 1;
        let signing = match auth {
            Auth::TokenFile(path) => return self.path(depth, "token_file", path),
            Auth::Sign(signing) => signing,
        };
        self.line(depth, "client_id", &quoted(signing.client_id.as_str()));
        match &signing.key {
            KeySource::SecretFile(path) => self.path(depth, "client_secret_file", path),
            KeySource::SecretEnv { name, .. } => self.line(depth, "client_secret_env", &quoted(name)),
            KeySource::PrivateKeyFile(path) => self.path(depth, "private_key_file", path),
        }
        self.line(depth, "algorithm", signing.algorithm.as_str());
        self.line(depth, "subject", &quoted(&signing.subject));
        self.line(depth, "token_lifetime", &format_duration(signing.token_lifetime));
        self.line(depth, "jti", &signing.jti.to_string());
    }

    fn tls(&mut self, depth: usize, tls: &ClientTls) {
        if *tls == ClientTls::default() {
            return;
        }
        self.line(depth, "tls_config", "");
        if let Some(path) = &tls.ca_file {
            self.path(depth + 1, "ca_file", path);
        }
        if let Some(ClientIdentity { cert_file, key_file }) = &tls.identity {
            self.path(depth + 1, "cert_file", cert_file);
            self.path(depth + 1, "key_file", key_file);
        }
        if let Some(name) = &tls.server_name {
            self.line(depth + 1, "server_name", &quoted(&name.to_str()));
        }
        self.line(depth + 1, "insecure_skip_verify", &tls.insecure_skip_verify.to_string());
    }

    /// All targets of a group have the same labels.
    fn static_config(&mut self, group: &StaticConfig) {
        let targets: Vec<String> = group.targets.iter().map(|target| quoted(target.id.as_str())).collect();
        self.line(3, "- targets", &format!("[{}]", targets.join(", ")));
        let Some(Target { campaign, labels, .. }) = group.targets.first() else { return };
        let campaign = campaign.iter().map(|value| ("campaign", value.as_str()));
        let others = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<_> = campaign.chain(others).map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
        if !all.is_empty() {
            self.line(4, "labels", &format!("{{{}}}", all.join(", ")));
        }
    }

    fn file_sd_config(&mut self, source: &FileSdConfig) {
        let files: Vec<String> = source.files.iter().map(|file| quoted(file)).collect();
        self.line(3, "- files", &format!("[{}]", files.join(", ")));
        self.line(4, "refresh_interval", &format_duration(source.refresh_interval));
    }

    fn http_sd_config(&mut self, source: &HttpSdConfig) {
        self.line(3, "- url", &quoted(&source.url.to_string()));
        self.line(4, "refresh_interval", &format_duration(source.refresh_interval));
        self.tls(4, &source.tls);
        if let Some(basic) = &source.basic_auth {
            self.line(4, "basic_auth", "");
            self.line(5, "username", &quoted(&basic.username));
            self.path(5, "password_file", &basic.password_file);
        }
        if let Some(authorization) = &source.authorization {
            self.line(4, "authorization", "");
            self.line(5, "type", &quoted(&authorization.scheme));
            self.path(5, "credentials_file", &authorization.credentials_file);
        }
        if let Some(proxy) = &source.proxy_url {
            self.line(4, "proxy_url", &quoted(&proxy.to_string()));
        }
    }
}

/// Adds double quotes where YAML might not read the text as this string.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !matches!(text.to_ascii_lowercase().as_str(), "null" | "true" | "false" | "yes" | "no" | "on" | "off");
    // JSON escapes are valid YAML.
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
