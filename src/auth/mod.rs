//! Signs and caches the upstream's token; re-reads secret files when they change.
//!
//! Upstream takes a JWT in the header `auth`, with the claims `appId` and `sub` (page "API introduction"); an app that
//! enforces `jti` refuses a token that it has seen, or that lives for more than an hour (page "SDK security").
mod error;
mod jwt;
mod secret_file;
mod settings;
mod token_source;

pub use error::AuthError;
pub use settings::{Algorithm, AuthSettings, Key, MAX_JTI_LIFETIME};
pub use token_source::{Token, TokenSource};
