//! One call: a token and a GET. Runs in a separate task.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::{AuthError, TokenSource};
use crate::clock::Clock;
use crate::input::FileStamp;
use crate::model::{EntityTag, Outcome, RequestId, Timestamp};
use crate::upstream::{Client, PollError, TaggedReport};

/// The result of a call.
pub(super) struct CallResult {
    /// `None` if nothing has changed since the last report.
    pub(super) result: Result<Option<TaggedReport>, CallError>,
    /// The duration of the request; `None` if none was made.
    pub(super) duration: Option<Duration>,
    /// Bytes of the body as received, and after decompression.
    pub(super) received_bytes: u64,
    pub(super) decoded_bytes: u64,
    pub(super) token_expiry: Option<Timestamp>,
    /// The secret file when the token was created; `None` if it was missing or the secret is not in a file.
    pub(super) secret: Option<FileStamp>,
}

/// Why a call has no report.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("could not create a token; poll skipped")]
    Token(#[source] AuthError),
    #[error("{}", .0.detail)]
    Poll(PollError),
    #[error("internal error: the task of the call ended early; please report this")]
    Lost,
}

impl CallResult {
    pub(super) fn lost() -> Self {
        Self::without_call(CallError::Lost, None)
    }

    fn without_call(error: CallError, secret: Option<FileStamp>) -> Self {
        Self { result: Err(error), duration: None, received_bytes: 0, decoded_bytes: 0, token_expiry: None, secret }
    }

    /// The outcome. For the schedule a missing token is the same as a token that upstream rejects.
    pub(super) fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Ok,
            Err(CallError::Token(_)) => Outcome::Unauthorized,
            Err(CallError::Poll(error)) => error.outcome,
            Err(CallError::Lost) => Outcome::Network,
        }
    }
}

/// Makes one call. The response may be that nothing has changed since the report with the validator `known`.
pub(super) async fn call(
    client: Arc<Client>,
    tokens: Arc<TokenSource>,
    id: RequestId,
    known: Option<EntityTag>,
    clock: Arc<Clock>,
) -> CallResult {
    // Upstream compares `iat` and `exp` with its own clock, and `Retry-After` may be a date.
    let now = clock.system_now();
    let secret = tokens.secret_stamp();
    let token = match tokens.token(now) {
        Ok(token) => token,
        Err(error) => return CallResult::without_call(CallError::Token(error), secret),
    };
    let response = client.fetch_changes(&id, &token.secret, now, known.as_ref()).await;
    if response.outcome() == Outcome::Unauthorized {
        // The secret may have been rotated: the next call reads it again.
        tokens.invalidate();
    }
    CallResult {
        result: response.result.map_err(CallError::Poll),
        duration: Some(response.duration),
        received_bytes: response.received_bytes,
        decoded_bytes: response.decoded_bytes,
        token_expiry: token.expiry,
        secret,
    }
}
