//! The command line. Flags are named as in Prometheus and its exporters.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::Shard;

/// Version, revision and compiler, for `--version` and `koreai_exporter_build_info`.
pub mod version {
    /// The crate's version.
    pub const VERSION: &str = env!("CARGO_PKG_VERSION");
    /// The commit of the build; `unknown` for a source tree without git.
    pub const REVISION: &str = env!("KOREAI_EXPORTER_REVISION");
    /// The version of the compiler.
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
/// Polls each job until it has finished, and exports its completion, its status, and success and failure counts per channel
/// on /metrics. Without a subcommand, the exporter runs.
#[derive(Debug, Parser)]
#[command(name = "koreai_exporter", version = LONG_VERSION, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Without a subcommand, the exporter runs.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// `--config.file`.
    #[command(flatten)]
    pub config: ConfigFlags,

    /// Check the flags, the configuration files and all files that they name, then exit with status 0 or 1.
    #[arg(long = "config.check")]
    pub config_check: bool,

    /// `--web.*`.
    #[command(flatten)]
    pub web: WebFlags,

    /// `--log.*`.
    #[command(flatten)]
    pub log: LogFlags,

    /// Directory of the embedded database; "" for in-memory storage.
    #[arg(long = "storage.path", value_name = "DIRECTORY", default_value = "data/")]
    pub storage_path: String,

    /// Shard number of this instance, from 0; `auto` uses the number at the end of the host name (StatefulSet).
    #[arg(long = "shard.index", value_name = "N|auto", default_value = "0")]
    pub shard_index: String,

    /// Number of instances that share the request IDs.
    #[arg(long = "shard.total", value_name = "N", default_value_t = 1)]
    pub shard_total: u32,
}

/// `--config.file`.
#[derive(Debug, Clone, Args)]
pub struct ConfigFlags {
    /// Configuration file [default: koreai.yml, or else /etc/koreai_exporter/koreai.yml].
    #[arg(id = "config.file", long = "config.file", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `--web.*`.
#[derive(Debug, Clone, Args)]
pub struct WebFlags {
    /// Address to listen on; may be repeated.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_values_t = [":10047".to_owned()])]
    pub listen_addresses: Vec<String>,

    /// Path under which to expose metrics.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path)]
    pub telemetry_path: String,

    /// File with TLS and authentication settings, in the format of the Prometheus exporter-toolkit.
    #[arg(id = "web.config.file", long = "web.config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,

    /// Maximum number of open connections per client address; 0 for no limit, for example behind a proxy. Beyond it, the
    /// connection of this client that has been without a request for longest is closed.
    #[arg(long = "web.max-connections-per-client", value_name = "N", default_value_t = 64)]
    pub max_connections_per_client: u16,

    /// Enable POST /-/reload.
    #[arg(long = "web.enable-lifecycle")]
    pub enable_lifecycle: bool,

    /// Enable POST and DELETE on /api/v1/jobs.
    #[arg(long = "web.enable-job-api")]
    pub enable_job_api: bool,

    /// URL under which users reach the exporter when behind a reverse proxy; its path becomes a prefix of all paths.
    #[arg(long = "web.external-url", value_name = "URL", value_parser = external_url)]
    pub external_url: Option<ExternalUrl>,
}

impl WebFlags {
    /// `--web.max-connections-per-client`; `None` for no limit.
    pub fn connections_per_client(&self) -> Option<usize> {
        Some(self.max_connections_per_client.into()).filter(|limit| *limit > 0)
    }
}

/// `--log.*`.
#[derive(Debug, Clone, Copy, Args)]
pub struct LogFlags {
    /// Minimum severity to log.
    #[arg(id = "log.level", long = "log.level", value_enum, default_value_t = LogLevel::Info, global = true)]
    pub level: LogLevel,
    /// Format of log lines.
    #[arg(id = "log.format", long = "log.format", value_enum, default_value_t = LogFormat::Logfmt, global = true)]
    pub format: LogFormat,
}

/// `--log.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Every poll.
    Debug,
    /// State changes.
    Info,
    /// Degraded operation.
    Warn,
    /// Failures that need action.
    Error,
}

/// `--log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// key=value.
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// `doctor --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// `--web.external-url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUrl {
    path: String,
    authority: Option<String>,
}

impl ExternalUrl {
    /// The path: empty, or `/…` without a trailing slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The host, with the port unless it is the default one; `None` if only a path is given.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the exporter against a built-in fake upstream; needs no configuration.
    Demo {
        /// `--web.*`.
        #[command(flatten)]
        web: WebFlags,
    },
    /// Run only the fake upstream.
    FakeUpstream {
        /// Address to listen on.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10048")]
        listen_address: String,
        /// Maximum number of calls per bot and minute.
        #[arg(long, value_name = "N", default_value_t = 600)]
        per_minute: u32,
        /// Maximum number of calls per bot and hour.
        #[arg(long, value_name = "N", default_value_t = 18_000)]
        per_hour: u32,
    },
    /// Print the metrics of a saved status response.
    Render {
        /// File with the response body; `-` for standard input.
        file: PathBuf,
        /// Value of the label `bot`.
        #[arg(long, default_value = "rendered")]
        bot: String,
        /// Value of the label `request_id`; V2 responses do not contain it.
        #[arg(long, default_value = "ds-rendered")]
        request_id: String,
        /// API version of the response: v1 or v2.
        #[arg(long, default_value = "v1")]
        api: String,
    },
    /// Print a new token; and, on standard error, a curl command that uses it.
    Token {
        /// Name of the bot in the configuration.
        #[arg(long, value_name = "NAME")]
        bot: String,
        /// `--config.file`.
        #[command(flatten)]
        config: ConfigFlags,
    },
    /// Check a call step by step and name the cause of a failure; makes at most two GET requests.
    ///
    /// The output contains no secret and no personal data. Exit status: 0 no problem found, 1 a mistake on this side
    /// (configuration, credential, ID), 2 the upstream or the network.
    Doctor {
        /// Name of the bot in the configuration [default: all bots, at most two calls in total].
        #[arg(long, value_name = "NAME")]
        bot: Option<String>,
        /// Request ID of a job of the bot [default: a non-existent ID, enough to test the credential].
        #[arg(long, value_name = "ID")]
        request_id: Option<String>,
        /// Format of the output.
        #[arg(long, value_enum, default_value_t = DoctorFormat::Text)]
        format: DoctorFormat,
        /// `--config.file`.
        #[command(flatten)]
        config: ConfigFlags,
    },
    /// Request /-/healthy from a running exporter; exit with status 0 if it is healthy, otherwise 1.
    Health {
        /// URL to request, instead of the one derived from the `--web.*` flags; certificates are not verified.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// `--web.*`, same as the exporter's.
        #[command(flatten)]
        web: WebFlags,
    },
    /// Print the completion script of a shell.
    Completions {
        /// Shell.
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff.
    ManPage,
}

fn telemetry_path(text: &str) -> Result<String, String> {
    let fits = text.len() > 1
        && text.starts_with('/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.'))
        && !text.contains("//")
        && !text.ends_with('/');
    let expected =
        "expected a path such as /metrics, of letters, digits, `-`, `_`, `.` and `/`, without a trailing slash";
    if fits { Ok(text.to_owned()) } else { Err(expected.to_owned()) }
}

fn external_url(text: &str) -> Result<ExternalUrl, String> {
    let (path, authority) = match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            let port = url.port().map_or(String::new(), |port| format!(":{port}"));
            (url.path().to_owned(), url.host_str().map(|host| format!("{host}{port}")))
        }
        _ if text.starts_with('/') => (text.to_owned(), None),
        _ => return Err("expected a URL such as https://monitoring.example.org/koreai/".to_owned()),
    };
    let path = path.trim_end_matches('/').to_owned();
    let fits =
        path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.')) && !path.contains("//");
    if fits {
        Ok(ExternalUrl { path, authority })
    } else {
        Err("its path may only contain letters, digits, `-`, `_`, `.` and single `/`".to_owned())
    }
}

/// Parses `--shard.index` and `--shard.total`; `host` provides the host name for the index `auto`.
///
/// # Errors
/// What is wrong and what is expected.
pub fn shard(index: &str, total: u32, host: impl FnOnce() -> Option<String>) -> Result<Shard, String> {
    let number = if index == "auto" {
        let host = host().ok_or("cannot read the host name for --shard.index=auto; set --shard.index to a number")?;
        let short = host.trim().split('.').next().unwrap_or_default();
        short.rsplit_once('-').and_then(|(_, end)| end.parse().ok()).ok_or_else(|| {
            format!("invalid host name {short:?} for --shard.index=auto: expected -NUMBER at its end, as in a StatefulSet; set --shard.index to a number")
        })?
    } else {
        index.parse().map_err(|_| format!("invalid --shard.index={index}: expected a whole number from 0, or auto"))?
    };
    Shard::new(number, total).ok_or_else(|| {
        format!("invalid --shard.index={number} with --shard.total={total}: the index must be from 0 to total - 1, the total from 1 to {}", Shard::MAX_TOTAL)
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
    fn an_external_url_gives_a_prefix_and_a_host() {
        let path = |text| external_url(text).map(|url| url.path);
        assert_eq!(path("https://example.org/koreai/"), Ok("/koreai".to_owned()));
        assert_eq!(path("https://example.org"), Ok(String::new()));
        assert!(path("example.org/x").is_err());
        let authority = |text| external_url(text).unwrap().authority;
        assert_eq!(authority("https://example.org:443/koreai/").as_deref(), Some("example.org"));
        assert_eq!(authority("http://[::1]:8080").as_deref(), Some("[::1]:8080"));
        assert_eq!(authority("/koreai"), None);
    }
}
