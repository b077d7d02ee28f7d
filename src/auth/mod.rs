//! Signs and caches upstream tokens; reads secret files again when they change.
//!
//! Upstream expects a JWT in the header `auth`, with the claims `appId` and `sub`. An app that enforces `jti` rejects a
//! token that it has seen before, or whose lifetime exceeds an hour (docs/UPSTREAM.md#authentication).

mod error;
mod jwt;
mod secret_file;
mod token_source;

pub use error::AuthError;
pub use jwt::{TokenClaims, claims};
pub use token_source::{Token, TokenSource};
