//! An item of `bots`: where a bot's jobs are asked for, how, and which.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::model::{ApiVersion, BotName, Channel, InvalidId, RequestId};

use super::auth::Auth;
use super::decoder::{Decoder, Fields};
use super::redacted_url::RedactedUrl;
use super::sources::{FileSdConfig, HttpSdConfig, StaticConfig};
use super::tls::TlsConfig;
use super::tree::Node;

/// The most channels that are exported from the start: each is two series a job.
pub const MAX_BOT_CHANNELS: usize = 32;

/// The channels that the upstream's send pages name (V1 and V2).
pub const DEFAULT_CHANNELS: [&str; 5] = ["msteams", "slack", "whatsapp", "ivr", "hangouts"];

/// An item of `bots`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotConfig {
    /// `name`, required, unique: the value of the label `bot`.
    pub name: BotName,
    /// `base_url`, required: http or https, may have a path; it ends in `/` here.
    pub base_url: Url,
    /// `bot_id`, required: the upstream's own ID, of the form `st-…`.
    pub bot_id: BotId,
    /// `api`: v1 or v2. Default: v1.
    pub api: ApiVersion,
    /// `auth`, required.
    pub auth: Auth,
    /// `rate_limit`. Default: what the upstream documents.
    pub rate_limit: RateLimit,
    /// `channels`, at most [`MAX_BOT_CHANNELS`]: exported at 0 from the start. Default: [`DEFAULT_CHANNELS`].
    pub channels: Vec<Channel>,
    /// `tls_config`, for calls to `base_url`.
    pub tls: TlsConfig,
    /// `proxy_url`: http or https. Default: none.
    pub proxy_url: Option<RedactedUrl>,
    /// `static_configs`. Default: none.
    pub static_configs: Vec<StaticConfig>,
    /// `file_sd_configs`. Default: none.
    pub file_sd_configs: Vec<FileSdConfig>,
    /// `http_sd_configs`. Default: none.
    pub http_sd_configs: Vec<HttpSdConfig>,
}

/// `rate_limit`: calls, both windows rolling. The upstream counts per bot, sending included (page "rate limits"), so a bot
/// that also sends at its limit should leave less to the exporter.
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

/// The upstream's ID of a bot. It becomes a path segment, so it has the few characters of a request ID.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BotId(Arc<str>);

impl BotId {
    /// Takes a text that is one.
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

impl BotConfig {
    pub(super) fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, KEYS)?;
        let name = d.required(&fields, "name", "a name of your choice", |d, node| {
            identifier(d, node, "a name of your choice", BotName::parse)
        });
        let base_url =
            d.required(&fields, "base_url", "the platform's URL, like https://platform.kore.ai", Decoder::base_url);
        let bot_id = d.required(&fields, "bot_id", "the bot's ID, of the form st-…", |d, node| {
            identifier(d, node, "the bot's ID, of the form st-…", BotId::parse)
        });
        let api = d.optional(&fields, "api", decode_api);
        let auth = d.required(&fields, "auth", "client_id and client_secret_file, or token_file", Auth::decode);
        let rate_limit = d.optional(&fields, "rate_limit", RateLimit::decode);
        let channels = d.optional(&fields, "channels", decode_channels);
        let tls = d.optional(&fields, "tls_config", TlsConfig::decode);
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

    /// Notes every name that an earlier bot has. It looks at the tree, so that a bot with another mistake counts too.
    pub(super) fn check_names(d: &mut Decoder<'_>, bots: &[Node]) {
        let mut first = HashMap::new();
        for (index, bot) in bots.iter().enumerate() {
            let Some((node, name)) = bot.scalar_at("name") else { continue };
            match first.get(name) {
                Some(earlier) => {
                    let note = |d: &mut Decoder<'_>| {
                        d.wrong(node, format_args!("is the name of bots[{earlier}] too; names are unique"));
                    };
                    d.under_key("bots", |d| d.under_index(index, |d| d.under_key("name", note)));
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
                    format!("{} is more than per_hour allows ({})", limit.per_minute, limit.per_hour)
                });
            });
        }
        Some(limit)
    }
}

/// `proxy_url`, of a bot or of HTTP discovery.
pub(super) fn decode_proxy_url(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<RedactedUrl> {
    d.optional(fields, "proxy_url", |d, node| d.url(node, &["https", "http"])).map(RedactedUrl::new)
}

fn identifier<T>(
    d: &mut Decoder<'_>,
    node: &Node,
    wanted: &str,
    parse: impl FnOnce(&str) -> Result<T, InvalidId>,
) -> Option<T> {
    match parse(d.text(node, wanted)?) {
        Ok(id) => Some(id),
        Err(problem) => {
            d.wrong(node, format_args!("{problem}; give {wanted}"));
            None
        }
    }
}

fn decode_api(d: &mut Decoder<'_>, node: &Node) -> Option<ApiVersion> {
    match d.text(node, "v1 or v2")? {
        "v1" => Some(ApiVersion::V1),
        "v2" => Some(ApiVersion::V2),
        _ => {
            d.wrong(node, "is no API version; give v1 or v2");
            None
        }
    }
}

fn decode_channels(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<Channel>> {
    let mut seen = HashSet::new();
    let channels = d.items(node, |d, node| {
        let Some(channel) = Channel::clean(d.text(node, "a channel, like msteams")?) else {
            d.wrong(node, "is no channel; give a code like msteams: letters, digits, `_` and `-`, a letter first");
            return None;
        };
        if !seen.insert(channel.clone()) {
            d.wrong(node, "is named twice");
        }
        Some(channel)
    })?;
    if channels.len() > MAX_BOT_CHANNELS {
        d.mistake(node.at, || format!("has {} channels; at most {MAX_BOT_CHANNELS} are allowed", channels.len()));
    }
    Some(channels)
}

fn default_channels() -> Vec<Channel> {
    DEFAULT_CHANNELS.into_iter().filter_map(Channel::clean).collect()
}
