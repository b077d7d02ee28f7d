//! What can go wrong before the first request is answered.

use std::io;
use std::path::PathBuf;

use super::toolkit::Mistakes;

/// Why the web server cannot start, or its configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// `--web.listen-address` is no address.
    #[error(
        "`{address}` is no listen address: {why}; write `:10047`, `127.0.0.1:10047`, `[::1]:10047` or `host:10047`"
    )]
    ListenAddress {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Bind {
        /// What was asked for.
        address: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The web configuration file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The web configuration file says something that cannot be.
    #[error("{0}")]
    Config(Mistakes),
    /// The system has no random numbers to make a key of.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// A listener's loop ended before it was told to.
    #[error("the listener on {address} stopped by itself")]
    ListenerEnded {
        /// Where it listened.
        address: String,
        /// The panic that ended it.
        #[source]
        source: tokio::task::JoinError,
    },
}
