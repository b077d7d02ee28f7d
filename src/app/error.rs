//! What ends the process.

use std::io;

use crate::auth::AuthError;
use crate::config::ConfigErrors;
use crate::database::DatabaseError;
use crate::fake_upstream::StartError;
use crate::upstream::ClientError;
use crate::web::WebError;

/// Why the program cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Mistakes in the configuration, a line each.
    #[error("{}", .0.to_string().trim_end())]
    Config(ConfigErrors),
    /// A flag's value.
    #[error("{0}")]
    Flag(String),
    /// The runtime could not be started.
    #[error("start the runtime")]
    Runtime(#[source] io::Error),
    /// Standard output.
    #[error("write to standard output")]
    Print(#[source] io::Error),
    /// A bot's client.
    #[error("make the client of bot {bot}")]
    Client {
        /// The bot.
        bot: String,
        /// What is wrong.
        #[source]
        source: ClientError,
    },
    /// A bot's token.
    #[error("make a token for bot {bot}")]
    Auth {
        /// The bot.
        bot: String,
        /// What is wrong.
        #[source]
        source: AuthError,
    },
    /// Listening, TLS, or the web configuration.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The stand-in.
    #[error("start the stand-in for the upstream")]
    Fake(#[source] StartError),
    /// A file given to `render`.
    #[error("read {file}")]
    ReadBody {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file given to `render` that is no status response.
    #[error("{file} is no status response: {why}")]
    NoReport {
        /// The file.
        file: String,
        /// What it looks like.
        why: String,
    },
    /// A task ended that should run as long as the process.
    #[error("the task {0} ended early; this is a bug, please report it with the log")]
    TaskEnded(&'static str),
}
