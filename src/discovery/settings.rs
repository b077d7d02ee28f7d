//! The settings of the sources.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::client_tls::ClientTls;
use crate::model::{BotName, SourceId, SourceKind};

/// One source.
#[derive(Debug, Clone)]
pub enum SourceSettings {
    /// An entry of `file_sd_configs`.
    File(FileSdSettings),
    /// An entry of `http_sd_configs`.
    Http(Box<HttpSdSettings>),
}

/// An entry of `file_sd_configs`.
#[derive(Debug, Clone)]
pub struct FileSdSettings {
    /// The bot of the targets.
    pub bot: BotName,
    /// Paths, with wildcards only in the last segment. `.json` files are JSON, others YAML.
    pub patterns: Vec<String>,
    /// The time between checks without a notification: network file systems send none.
    pub refresh: Duration,
}

/// An entry of `http_sd_configs`.
#[derive(Debug, Clone)]
pub struct HttpSdSettings {
    /// The bot of the targets.
    pub bot: BotName,
    /// The URL to GET.
    pub url: Url,
    /// The time between requests.
    pub refresh: Duration,
    /// The credentials.
    pub auth: Option<HttpSdAuth>,
    /// `tls_config`. Files are read again when they change.
    pub tls: ClientTls,
    /// `proxy_url`. Proxy variables of the environment are ignored.
    pub proxy: Option<Url>,
}

/// Credentials; only sent to the origin of the URL.
#[derive(Debug, Clone)]
pub enum HttpSdAuth {
    /// `basic_auth`.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// `authorization`.
    Authorization {
        /// The authentication scheme, such as `Bearer`.
        scheme: String,
        /// The credentials.
        credentials: Secret,
    },
}

/// A secret, or the file that contains it. The file is read for every request; trailing white space is removed.
#[derive(Clone)]
pub enum Secret {
    /// The secret.
    Text(SecretString),
    /// A file.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text([redacted])"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// The IDs of the sources, in the order of `settings`. A source is named by its index among its bot's entries of the same
/// kind.
pub fn sources(settings: &[SourceSettings]) -> Vec<SourceId> {
    let mut found: Vec<SourceId> = Vec::with_capacity(settings.len());
    for entry in settings {
        let (bot, kind, key) = match entry {
            SourceSettings::File(file) => (&file.bot, SourceKind::File, "file_sd_configs"),
            SourceSettings::Http(http) => (&http.bot, SourceKind::Http, "http_sd_configs"),
        };
        let index = found.iter().filter(|source| source.bot == *bot && source.kind == kind).count();
        found.push(SourceId { bot: bot.clone(), kind, name: Arc::from(format!("{key}[{index}]")) });
    }
    found
}
