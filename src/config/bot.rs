//! An item of `bots`: one bot's endpoint, credentials, limits and target sources.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::model::{ApiVersion, BotName, Channel, InvalidId, RequestId};

use super::auth::Auth;
use super::redacted_url::{RedactedUrl, decode_proxy_url};
use super::sources::{FileSdConfig, HttpSdConfig, StaticConfig};
use super::tls::decode_tls;
use crate::client_tls::ClientTls;
use crate::yaml::{Decoder, Node};

/// The maximum number of channels per bot: each adds two series per job.
pub const MAX_BOT_CHANNELS: usize = 32;

/// The channels that upstream documents for sending notifications (V1 and V2).
pub const DEFAULT_CHANNELS: [&str; 5] = ["msteams", "slack", "whatsapp", "ivr", "hangouts"];

/// An item of `bots`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotConfig {
    /// `name`, required, unique: the value of the label `bot`.
    pub name: BotName,
    /// `base_url`, required: http or https, optionally with a path. The value here ends in `/`.
    pub base_url: Url,
    /// `bot_id`, required: upstream's ID of the bot, `st-…`.
    pub bot_id: BotId,
    /// `api`: v1 or v2. Default: v1.
    pub api: ApiVersion,
    /// `auth`, required without `global.auth`. Default: `global.auth`.
    pub auth: Auth,
    /// `rate_limit`. Default: the limits that upstream documents.
    pub rate_limit: RateLimit,
    /// `channels`, at most [`MAX_BOT_CHANNELS`]: initialised to 0. Default: [`DEFAULT_CHANNELS`].
    pub channels: Vec<Channel>,
    /// `tls_config`, for calls to `base_url`.
    pub tls: ClientTls,
    /// `proxy_url`: http or https. Default: none.
    pub proxy_url: Option<RedactedUrl>,
    /// `static_configs`. Default: none.
    pub static_configs: Vec<StaticConfig>,
    /// `file_sd_configs`. Default: none.
    pub file_sd_configs: Vec<FileSdConfig>,
    /// `http_sd_configs`. Default: none.
    pub http_sd_configs: Vec<HttpSdConfig>,
}

/// `rate_limit`: the maximum number of calls in two rolling windows. Upstream counts per bot and includes sending (page
/// "rate limits"), so a bot that also sends a lot should leave less to the exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// `per_minute`, 1 to 1000000. Default: 600.
    pub per_minute: u32,
    /// `per_hour`, `per_minute` to 60000000. Default: 18000.
    pub per_hour: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_minute: 600, per_hour: 18_000 }
    }
}

/// Upstream's ID of a bot. It becomes a path segment, so it has the same characters as a request ID.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BotId(Arc<str>);

impl BotId {
    /// Parses an ID.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        RequestId::parse(text).map(|id| Self(Arc::from(id.as_str())))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

const KEYS: &[&str] = &[
    "name",
    "base_url",
    "bot_id",
    "api",
    "auth",
    "rate_limit",
    "channels",
    "tls_config",
    "proxy_url",
    "static_configs",
    "file_sd_configs",
    "http_sd_configs",
];

/// `global.auth`.
#[derive(Clone, Copy)]
pub(super) enum DefaultAuth<'a> {
    Absent,
    Invalid,
    Valid(&'a Auth),
}

impl BotConfig {
    pub(super) fn decode(d: &mut Decoder<'_>, node: &Node, default_auth: DefaultAuth<'_>) -> Option<Self> {
        let fields = d.fields(node, KEYS)?;
        let name =
            d.required(&fields, "name", "a name of your choice", |d, node| identifier(d, node, "name", BotName::parse));
        let base_url =
            d.required(&fields, "base_url", "the platform's URL, such as https://platform.kore.ai", Decoder::base_url);
        let bot_id = d.required(&fields, "bot_id", "the ID of the bot (st-…)", |d, node| {
            identifier(d, node, "bot ID", BotId::parse)
        });
        let api = d.optional(&fields, "api", decode_api);
        let auth = match default_auth {
            DefaultAuth::Valid(auth) if !fields.has("auth") => Some(auth.clone()),
            // The mistake is reported where it is.
            DefaultAuth::Invalid if !fields.has("auth") => None,
            _ => {
                let wanted = "client_id and client_secret_file, or token_file; or set global.auth for all bots";
                d.required(&fields, "auth", wanted, Auth::decode)
            }
        };
        let rate_limit = d.optional(&fields, "rate_limit", RateLimit::decode);
        let channels = d.optional(&fields, "channels", decode_channels);
        let tls = d.optional(&fields, "tls_config", decode_tls);
        let proxy_url = decode_proxy_url(d, &fields);
        let static_configs = d.optional(&fields, "static_configs", StaticConfig::decode_all);
        let file_sd_configs = d.optional(&fields, "file_sd_configs", |d, node| d.items(node, FileSdConfig::decode));
        let http_sd_configs = d.optional(&fields, "http_sd_configs", |d, node| d.items(node, HttpSdConfig::decode));
        Some(Self {
            name: name?,
            base_url: base_url?,
            bot_id: bot_id?,
            api: api.unwrap_or(ApiVersion::V1),
            auth: auth?,
            rate_limit: rate_limit.unwrap_or_default(),
            channels: channels.unwrap_or_else(default_channels),
            tls: tls.unwrap_or_default(),
            proxy_url,
            static_configs: static_configs.unwrap_or_default(),
            file_sd_configs: file_sd_configs.unwrap_or_default(),
            http_sd_configs: http_sd_configs.unwrap_or_default(),
        })
    }

    /// Reports duplicate names. Works on the tree, so that bots with other mistakes are checked too.
    pub(super) fn check_names(d: &mut Decoder<'_>, bots: &[Node]) {
        let mut first = HashMap::new();
        for (index, bot) in bots.iter().enumerate() {
            let Some((node, name)) = bot.scalar_at("name") else { continue };
            match first.get(name) {
                Some(earlier) => {
                    let report = |d: &mut Decoder<'_>| {
                        d.invalid(node, "name", format_args!("already used by bots[{earlier}]; names must be unique"));
                    };
                    d.under_key("bots", |d| d.under_index(index, |d| d.under_key("name", report)));
                }
                None => {
                    first.insert(name, index);
                }
            }
        }
    }
}

impl RateLimit {
    fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, &["per_minute", "per_hour"])?;
        let mut number = |key: &'static str, most| {
            d.optional(&fields, key, |d, node| d.whole_number(node, 1..=most)).and_then(|n| u32::try_from(n).ok())
        };
        let (per_minute, per_hour) = (number("per_minute", 1_000_000), number("per_hour", 60_000_000));
        let default = Self::default();
        let limit = Self {
            per_minute: per_minute.unwrap_or(default.per_minute.min(per_hour.unwrap_or(default.per_minute))),
            per_hour: per_hour.unwrap_or(default.per_hour),
        };
        if limit.per_minute > limit.per_hour {
            d.under_key("per_minute", |d| {
                d.mistake(fields.position_of("per_minute"), || {
                    format!("per_minute ({}) must not exceed per_hour ({})", limit.per_minute, limit.per_hour)
                });
            });
        }
        Some(limit)
    }
}

fn identifier<T>(
    d: &mut Decoder<'_>,
    node: &Node,
    noun: &str,
    parse: impl FnOnce(&str) -> Result<T, InvalidId>,
) -> Option<T> {
    match parse(d.text(node, &format!("a {noun}"))?) {
        Ok(id) => Some(id),
        Err(problem) => {
            d.invalid(node, noun, problem);
            None
        }
    }
}

fn decode_api(d: &mut Decoder<'_>, node: &Node) -> Option<ApiVersion> {
    match d.text(node, "v1 or v2")? {
        "v1" => Some(ApiVersion::V1),
        "v2" => Some(ApiVersion::V2),
        _ => {
            d.invalid(node, "API version", "expected v1 or v2");
            None
        }
    }
}

fn decode_channels(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<Channel>> {
    let mut seen = HashSet::new();
    let channels = d.items(node, |d, node| {
        let Some(channel) = Channel::clean(d.text(node, "a channel such as msteams")?) else {
            d.invalid(
                node,
                "channel",
                "expected letters, digits, `_` and `-`, starting with a letter, such as msteams",
            );
            return None;
        };
        if !seen.insert(channel.clone()) {
            d.invalid(node, "channel", "listed more than once");
        }
        Some(channel)
    })?;
    if channels.len() > MAX_BOT_CHANNELS {
        d.mistake(node.at, || format!("too many channels: {}, at most {MAX_BOT_CHANNELS} are allowed", channels.len()));
    }
    Some(channels)
}

fn default_channels() -> Vec<Channel> {
    DEFAULT_CHANNELS.into_iter().filter_map(Channel::clean).collect()
}
