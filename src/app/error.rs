//! Why the program ends with an error.

use std::io;

use super::health::HealthError;
use crate::auth::AuthError;
use crate::config::ConfigErrors;
use crate::database::DatabaseError;
use crate::discovery::DiscoveryError;
use crate::fake_upstream::StartError;
use crate::model::error_chain;
use crate::upstream::ClientError;
use crate::web::WebError;

/// Why the program cannot start or continue.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Mistakes in the configuration, one per line.
    #[error("{}", .0.to_string().trim_end())]
    Config(ConfigErrors),
    /// Everything that `--config.check` found, one per line.
    #[error("{}", .0.iter().map(|error| error_chain(error)).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<AppError>),
    /// An invalid flag.
    #[error("{0}")]
    Flag(String),
    /// The runtime could not be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// Standard output.
    #[error("cannot write to standard output")]
    Print(#[source] io::Error),
    /// The connection settings of a bot.
    #[error("cannot set up the connection of bot {bot:?}")]
    Client {
        /// The bot.
        bot: String,
        /// What is wrong.
        #[source]
        source: Box<ClientError>,
    },
    /// The credentials of a bot.
    #[error("cannot create a token for bot {bot:?}")]
    Auth {
        /// The bot.
        bot: String,
        /// What is wrong.
        #[source]
        source: AuthError,
    },
    /// An entry of `http_sd_configs`.
    #[error("cannot set up {name} of bot {bot:?}")]
    Source {
        /// The bot.
        bot: String,
        /// The entry.
        name: String,
        /// What is wrong.
        #[source]
        source: Box<DiscoveryError>,
    },
    /// Listening, TLS, or the web configuration.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// `health` got no good answer.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// The fake upstream.
    #[error("cannot start the fake upstream")]
    Fake(#[source] StartError),
    /// A file given to `render`.
    #[error("cannot read {file}")]
    ReadBody {
        /// The file.
        file: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file given to `render` that is not a status response.
    #[error("{file} is not a valid status response: {why}")]
    InvalidReport {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// A task ended before shutdown.
    #[error("internal error: the background task {0} ended early; please report this with the log")]
    TaskEnded(&'static str),
    /// A task panicked.
    #[error("internal error: a background task panicked; please report this with the log")]
    TaskPanicked,
}
