//! One call: a token, a GET, an answer. Runs in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::{AuthError, TokenSource};
use crate::clock::Clock;
use crate::model::{Outcome, Report, RequestId, Timestamp};
use crate::upstream::{Client, PollError};

/// What a call came to.
pub(super) struct CallResult {
    pub(super) result: Result<Report, CallError>,
    /// How long the upstream took; `None` where no call was made.
    pub(super) duration: Option<Duration>,
    pub(super) bytes: u64,
    pub(super) token_expiry: Option<Timestamp>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("no token could be made, so no call was made")]
    Token(#[source] AuthError),
    #[error("{}", .0.detail)]
    Poll(PollError),
    #[error("the call's task ended early; this is a bug, please report it")]
    Lost,
}

impl CallResult {
    pub(super) fn lost() -> Self {
        Self { result: Err(CallError::Lost), duration: None, bytes: 0, token_expiry: None }
    }

    /// The outcome. Without a token the upstream was not asked; for the schedule that is as good as a refusal of the token.
    pub(super) fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Ok,
            Err(CallError::Token(_)) => Outcome::Unauthorized,
            Err(CallError::Poll(error)) => error.outcome,
            Err(CallError::Lost) => Outcome::Network,
        }
    }
}

/// Makes one call.
pub(super) async fn call(
    client: Arc<Client>,
    tokens: Arc<TokenSource>,
    id: RequestId,
    clock: Arc<Clock>,
) -> CallResult {
    // Upstream compares `iat` and `exp` with its own clock, and `Retry-After` may be a date.
    let now = clock.system_now();
    let token = match tokens.token(now) {
        Ok(token) => token,
        Err(error) => {
            return CallResult { result: Err(CallError::Token(error)), duration: None, bytes: 0, token_expiry: None };
        }
    };
    let answer = client.fetch_status(&id, &token.secret, now).await;
    if answer.outcome() == Outcome::Unauthorized {
        // The secret may have been rotated: the next call reads it anew.
        tokens.invalidate();
    }
    CallResult {
        result: answer.result.map_err(CallError::Poll),
        duration: Some(answer.duration),
        bytes: answer.bytes,
        token_expiry: token.expiry,
    }
}
