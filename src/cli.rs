//! The command line. Flags are spelt as Prometheus' own programs spell them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::Shard;

/// Version, revision and compiler, as `--version` prints them and `koreai_exporter_build_info` shows them.
pub mod version {
    /// The crate's version.
    pub const VERSION: &str = env!("CARGO_PKG_VERSION");
    /// The commit it was built from, `unknown` where it was not built from a checkout.
    pub const REVISION: &str = env!("KOREAI_EXPORTER_REVISION");
    /// The compiler.
    pub const RUST_VERSION: &str = env!("KOREAI_EXPORTER_RUST_VERSION");
}

const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (revision: ",
    env!("KOREAI_EXPORTER_REVISION"),
    ", rust: ",
    env!("KOREAI_EXPORTER_RUST_VERSION"),
    ")"
);

/// Prometheus exporter for Kore.ai proactive notifications.
///
/// Follows each job whose request ID it is given to its end and publishes completion, status, and success and failure
/// counts per channel on /metrics.
#[derive(Debug, Parser)]
#[command(name = "koreai_exporter", version = LONG_VERSION, args_conflicts_with_subcommands = false)]
pub struct Cli {
    /// What to do; without it, serve.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Configuration file.
    #[arg(id = "config.file", long = "config.file", value_name = "FILE", default_value = "koreai.yml", global = true)]
    pub config_file: PathBuf,

    /// Load the configuration file, print what is wrong with it, exit 0 or 1.
    #[arg(long = "config.check")]
    pub config_check: bool,

    /// How to serve.
    #[command(flatten)]
    pub web: WebFlags,

    /// What to log.
    #[command(flatten)]
    pub log: LogFlags,

    /// Folder of the embedded database; "" keeps all in memory.
    #[arg(long = "storage.path", value_name = "FOLDER", default_value = "data/", global = true)]
    pub storage_path: String,

    /// Which part of the request IDs is ours, from 0; `auto` takes the number at the end of the host name (StatefulSet).
    #[arg(long = "shard.index", value_name = "N|auto", default_value = "0")]
    pub shard_index: String,

    /// How many exporters share the request IDs.
    #[arg(long = "shard.total", value_name = "N", default_value_t = 1)]
    pub shard_total: u32,
}

/// `--web.*`.
#[derive(Debug, Clone, Args)]
pub struct WebFlags {
    /// Address to listen on; may be given more than once.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_values_t = [":10047".to_owned()], global = true)]
    pub listen_addresses: Vec<String>,

    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path, global = true)]
    pub telemetry_path: String,

    /// File with TLS and basic authentication, in the format of the Prometheus exporter-toolkit.
    #[arg(id = "web.config.file", long = "web.config.file", value_name = "FILE", global = true)]
    pub config_file: Option<PathBuf>,

    /// Allow POST /-/reload.
    #[arg(long = "web.enable-lifecycle", global = true)]
    pub enable_lifecycle: bool,

    /// Allow POST and DELETE on /api/v1/jobs.
    #[arg(long = "web.enable-job-api", global = true)]
    pub enable_job_api: bool,

    /// The URL under which users reach this program, if a proxy stands before it; its path prefixes every path.
    #[arg(long = "web.external-url", value_name = "URL", value_parser = external_path, global = true)]
    pub external_url: Option<ExternalPath>,
}

/// `--log.*`.
#[derive(Debug, Clone, Copy, Args)]
pub struct LogFlags {
    /// Least severity that is logged.
    #[arg(long = "log.level", value_enum, default_value_t = LogLevel::Info, global = true)]
    pub level: LogLevel,
    /// Format of log lines.
    #[arg(long = "log.format", value_enum, default_value_t = LogFormat::Logfmt, global = true)]
    pub format: LogFormat,
}

/// `--log.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Each poll.
    Debug,
    /// Changes of state.
    Info,
    /// Degraded, carrying on.
    Warn,
    /// A person should act.
    Error,
}

/// `--log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// key=value.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// The path of `--web.external-url`: empty, or `/…` without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalPath(String);

impl ExternalPath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run it whole on an embedded stand-in for the upstream; needs no configuration.
    Demo,
    /// Run the stand-in for the upstream alone.
    FakeUpstream {
        /// Address to listen on.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10048")]
        listen_address: String,
        /// Calls a minute that it answers, per bot.
        #[arg(long, value_name = "N", default_value_t = 600)]
        per_minute: u32,
        /// Calls an hour that it answers, per bot.
        #[arg(long, value_name = "N", default_value_t = 18_000)]
        per_hour: u32,
    },
    /// Print the metrics of a saved status response.
    Render {
        /// The response body; `-` reads standard input.
        file: PathBuf,
        /// The value of the label `bot`.
        #[arg(long, default_value = "rendered")]
        bot: String,
        /// The value of the label `request_id`. It is not taken from the body: V2 bodies have none.
        #[arg(long, default_value = "ds-rendered")]
        request_id: String,
        /// Which API the response came from: v1 or v2.
        #[arg(long, default_value = "v1")]
        api: String,
    },
    /// Print a freshly signed token, for curl.
    Token {
        /// The bot, as the configuration names it.
        #[arg(long, value_name = "NAME")]
        bot: String,
    },
}

fn telemetry_path(text: &str) -> Result<String, String> {
    let fits = text.len() > 1
        && text.starts_with('/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.'))
        && !text.contains("//")
        && !text.ends_with('/');
    let taken = ["/-/healthy", "/-/ready", "/-/reload", "/config", "/probe", "/api/v1/jobs"].contains(&text);
    if fits && !taken { Ok(text.to_owned()) } else { Err("give a path of its own such as /metrics".to_owned()) }
}

fn external_path(text: &str) -> Result<ExternalPath, String> {
    let path = match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url.path().to_owned(),
        _ if text.starts_with('/') => text.to_owned(),
        _ => return Err("give a URL such as https://monitoring.example.org/koreai/".to_owned()),
    };
    let path = path.trim_end_matches('/');
    let fits = path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.'));
    if fits { Ok(ExternalPath(path.to_owned())) } else { Err("the path may have letters, digits, - _ . /".to_owned()) }
}

/// Reads `--shard.index` and `--shard.total`; `host` is asked for the host name where the index is `auto`.
///
/// # Errors
/// In words, what would be right.
pub fn shard(index: &str, total: u32, host: impl FnOnce() -> Option<String>) -> Result<Shard, String> {
    let number = if index == "auto" {
        let host = host().ok_or("--shard.index=auto: the host name cannot be read; give a number")?;
        let short = host.trim().split('.').next().unwrap_or_default();
        short.rsplit_once('-').and_then(|(_, end)| end.parse().ok()).ok_or_else(|| {
            format!("--shard.index=auto: the host name {short:?} does not end in -NUMBER as a StatefulSet's pods do; give a number")
        })?
    } else {
        index.parse().map_err(|_| format!("--shard.index={index}: give a whole number from 0, or auto"))?
    };
    Shard::new(number, total).ok_or_else(|| {
        format!("--shard.index={number} --shard.total={total}: the index counts from 0 to total - 1, the total from 1 to {}", Shard::MAX_TOTAL)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_shard_index_comes_from_a_pod_name() {
        let pod = || Some("koreai-exporter-2.koreai.svc\n".to_owned());
        assert_eq!(shard("auto", 3, pod), Ok(Shard::new(2, 3).unwrap()));
        assert!(shard("auto", 3, || Some("laptop".to_owned())).unwrap_err().contains("laptop"));
        assert!(shard("3", 3, pod).unwrap_err().contains("from 0 to total - 1"));
        assert_eq!(shard("0", 1, pod), Ok(Shard::WHOLE));
    }

    #[test]
    fn an_external_url_gives_a_prefix() {
        let path = |text| external_path(text).map(|path| path.0);
        assert_eq!(path("https://example.org/koreai/"), Ok("/koreai".to_owned()));
        assert_eq!(path("https://example.org"), Ok(String::new()));
        assert!(path("example.org/x").is_err());
    }
}
