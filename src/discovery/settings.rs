//! Which sources there are.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

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
    /// The bot that the targets are of.
    pub bot: BotName,
    /// Paths, with `*` in their last segment if at all. `.json` files are JSON, others YAML.
    pub patterns: Vec<String>,
    /// How often to look even if the system tells of no change: folders on a network do not tell.
    pub refresh: Duration,
}

/// An entry of `http_sd_configs`.
#[derive(Debug, Clone)]
pub struct HttpSdSettings {
    /// The bot that the targets are of.
    pub bot: BotName,
    /// What to GET.
    pub url: Url,
    /// How often.
    pub refresh: Duration,
    /// How we identify ourselves.
    pub auth: Option<HttpSdAuth>,
    /// `tls_config`.
    pub tls: HttpSdTls,
    /// `proxy_url`; without one none is used, whatever the environment says.
    pub proxy: Option<Url>,
}

/// Credentials; they are sent to the URL's own origin only.
#[derive(Debug, Clone)]
pub enum HttpSdAuth {
    /// `basic_auth`.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// `authorization` with a bearer token.
    Authorization {
        /// The word before the credentials, `Bearer`.
        scheme: String,
        /// What follows it.
        credentials: Secret,
    },
}

/// A secret, or the file that has it. A file is read for every request; white space at its end is cut off.
#[derive(Clone)]
pub enum Secret {
    /// The secret itself.
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

/// `tls_config`. Files are read again when they change.
#[derive(Debug, Clone, Default)]
pub struct HttpSdTls {
    /// Certificates to trust instead of the system's, in PEM form.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, in PEM form.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the server's certificate must have, where it is not the URL's host. Not with a proxy.
    pub server_name: Option<String>,
    /// Takes any certificate.
    pub insecure_skip_verify: bool,
}

/// The sources that report, each at least once. In the order of `settings`; named by their place among their bot's
/// entries of the kind.
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
