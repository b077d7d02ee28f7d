//! Why the web server cannot start.

use std::io;
use std::path::PathBuf;

use crate::yaml::ConfigErrors;

/// Why the web server cannot start, or its configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// `--web.listen-address` is not a valid address.
    #[error(
        "invalid listen address {address:?}: {why}; expected an address such as `:10047`, `127.0.0.1:10047`, `[::1]:10047` or `host:10047`"
    )]
    ListenAddress {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; choose another address with --web.listen-address")]
    Bind {
        /// What was asked for.
        address: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The web configuration file cannot be read.
    #[error("cannot read the web configuration {}; correct or remove --web.config.file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The web configuration file has mistakes.
    #[error("{0}")]
    Config(ConfigErrors),
    /// The system has no random numbers to make a key of.
    #[error("the system provides no random numbers")]
    NoRandomness,
    /// A listener's loop ended before it was told to.
    #[error("internal error: the listener on {address} ended early")]
    ListenerEnded {
        /// Where it listened.
        address: String,
        /// The panic that ended it.
        #[source]
        source: tokio::task::JoinError,
    },
}

impl WebError {
    /// Whether another process listens on the address.
    pub fn is_address_in_use(&self) -> bool {
        matches!(self, Self::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}
