//! The target sources of a bot: `static_configs`, `file_sd_configs` and `http_sd_configs`, with Prometheus' keys.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{RequestId, Target};

use super::file::{FileKind, MAX_SECRET_FILE_BYTES};
use super::redacted_url::{RedactedUrl, decode_proxy_url};
use super::target_groups::decode_group;
use super::tls::decode_tls;
use crate::client_tls::ClientTls;
use crate::yaml::{Decoder, Fields, Node, Position};

/// An item of `static_configs`: one target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticConfig {
    /// `targets` with `labels`; no ID twice within a bot.
    pub targets: Vec<Target>,
}

/// An item of `file_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSdConfig {
    /// `files`, required, at least one: absolute patterns with `*` in the last segment only, ending in .json, .yml or .yaml.
    /// A pattern may match nothing yet.
    pub files: Vec<String>,
    /// `refresh_interval`, 1s to 1d, default 5m: the time between reads without a detected change.
    pub refresh_interval: Duration,
}

/// An item of `http_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSdConfig {
    /// `url`, required: http or https. Its query may contain a token and is redacted when shown.
    pub url: RedactedUrl,
    /// `refresh_interval`, 1s to 1d, default 1m.
    pub refresh_interval: Duration,
    /// `tls_config`.
    pub tls: ClientTls,
    /// `basic_auth`; excludes `authorization`. Default: none.
    pub basic_auth: Option<BasicAuth>,
    /// `authorization`; excludes `basic_auth`. Default: none.
    pub authorization: Option<Authorization>,
    /// `proxy_url`. Default: none.
    pub proxy_url: Option<RedactedUrl>,
}

/// `basic_auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicAuth {
    /// `username`, required.
    pub username: String,
    /// `password_file`, required: read for every request.
    pub password_file: PathBuf,
}

/// `authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// `type`: the authentication scheme. Default: Bearer.
    pub scheme: String,
    /// `credentials_file`, required: read for every request.
    pub credentials_file: PathBuf,
}

const LEAST_REFRESH: Duration = Duration::from_secs(1);
const MOST_REFRESH: Duration = Duration::from_secs(86_400);

impl StaticConfig {
    pub(super) fn decode_all(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<Self>> {
        let mut first: HashMap<RequestId, Option<Position>> = HashMap::new();
        d.items(node, |d, node| {
            let mut targets = Vec::new();
            decode_group(d, node, &mut |d, at, target| match first.get(&target.id) {
                Some(earlier) => {
                    let earlier = earlier.map_or(String::new(), |at| format!("; first listed in line {}", at.line));
                    d.mistake(at, || format!("duplicate request ID {:?}{earlier}", target.id));
                }
                None => {
                    first.insert(target.id.clone(), at);
                    targets.push(target);
                }
            })?;
            Some(Self { targets })
        })
    }
}

impl FileSdConfig {
    pub(super) fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, &["files", "refresh_interval"])?;
        let files = d.required(&fields, "files", "a list such as [jobs/*.yml]", |d, node| {
            let files = d.items(node, decode_pattern)?;
            if files.is_empty() {
                d.mistake(node.at, || "no valid pattern; set it to a list such as [jobs/*.yml]".to_owned());
            }
            Some(files)
        });
        let refresh_interval = decode_refresh(d, &fields, Duration::from_secs(300));
        Some(Self { files: files?, refresh_interval })
    }
}

/// A pattern, made absolute. As in Prometheus, only its last segment may contain wildcards.
fn decode_pattern(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.text(node, "a pattern such as jobs/*.yml")?;
    let (directory, name) = text.rsplit_once('/').unwrap_or(("", text));
    let has_extension = [".json", ".yml", ".yaml"].iter().any(|extension| name.ends_with(extension));
    let problem = if !has_extension {
        "must end in .json, .yml or .yaml"
    } else if directory.contains(['*', '?', '[']) {
        "wildcards are only allowed after the last `/`"
    } else if glob::Pattern::new(name).is_err() {
        "not a valid glob pattern"
    } else if std::path::Path::new(text).is_absolute() {
        return Some(text.to_owned());
    } else {
        let base = glob::Pattern::escape(&d.directory.display().to_string());
        return Some(format!("{}/{}", base.trim_end_matches('/'), text.trim_start_matches("./")));
    };
    d.invalid(node, "pattern", problem);
    None
}

const HTTP_KEYS: &[&str] = &["url", "refresh_interval", "tls_config", "basic_auth", "authorization", "proxy_url"];

impl HttpSdConfig {
    pub(super) fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, HTTP_KEYS)?;
        let url = d.required(&fields, "url", "a URL that serves target groups as JSON", decode_source_url);
        let refresh_interval = decode_refresh(d, &fields, Duration::from_secs(60));
        let tls = d.optional(&fields, "tls_config", decode_tls).unwrap_or_default();
        let basic_auth = d.optional(&fields, "basic_auth", BasicAuth::decode);
        let authorization = d.optional(&fields, "authorization", Authorization::decode);
        let proxy_url = decode_proxy_url(d, &fields);
        if fields.has("basic_auth") && fields.has("authorization") {
            let at = fields.position_of("authorization");
            d.under_key("authorization", |d| {
                d.mistake(at, || "cannot be combined with basic_auth; remove one of them".to_owned());
            });
        }
        Some(Self { url: RedactedUrl::new(url?), refresh_interval, tls, basic_auth, authorization, proxy_url })
    }
}

fn decode_source_url(d: &mut Decoder<'_>, node: &Node) -> Option<url::Url> {
    let url = d.url(node, &["http", "https"])?;
    if !url.username().is_empty() || url.password().is_some() {
        d.mistake(node.at, || "invalid URL: credentials are not allowed in it; use basic_auth".to_owned());
        return None;
    }
    Some(url)
}

impl BasicAuth {
    fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, &["username", "password_file"])?;
        let username = d.required(&fields, "username", "a user name", |d, node| {
            let name = d.text(node, "a user name")?;
            if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
                d.mistake(node.at, || {
                    "invalid user name: must not be empty or contain `:` or a control character".to_owned()
                });
                return None;
            }
            Some(name.to_owned())
        });
        let password_file = d.required(&fields, "password_file", "the path of a file", secret_file);
        Some(Self { username: username?, password_file: password_file? })
    }
}

impl Authorization {
    fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, &["type", "credentials_file"])?;
        let scheme = d.optional(&fields, "type", |d, node| {
            let text = d.text(node, "Bearer")?;
            if text.eq_ignore_ascii_case("basic") {
                d.invalid(node, "type", "use basic_auth for Basic authentication");
                return None;
            }
            let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if !fits {
                d.mistake(node.at, || "invalid type: expected an authentication scheme such as Bearer".to_owned());
            }
            fits.then(|| text.to_owned())
        });
        let credentials_file = d.required(&fields, "credentials_file", "the path of a file", secret_file);
        Some(Self { scheme: scheme.unwrap_or_else(|| "Bearer".to_owned()), credentials_file: credentials_file? })
    }
}

fn secret_file(d: &mut Decoder<'_>, node: &Node) -> Option<PathBuf> {
    d.existing_file(node, FileKind::Secret, MAX_SECRET_FILE_BYTES)
}

fn decode_refresh(d: &mut Decoder<'_>, fields: &Fields<'_>, default: Duration) -> Duration {
    d.optional(fields, "refresh_interval", |d, node| d.duration(node, LEAST_REFRESH..=MOST_REFRESH)).unwrap_or(default)
}
