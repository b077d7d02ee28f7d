//! Names the shard that polls a request ID, for answers to requests that belong there.

use axum::response::Response;

use super::AppState;
use crate::model::{BotName, RequestId};

/// The message: which shard polls this ID, and which one was asked.
pub(super) fn owner_message(state: &AppState, bot: &BotName, id: &RequestId) -> String {
    let (owner, this, total) = (state.shard.owner(bot, id), state.shard.index(), state.shard.total());
    format!("{id} of bot {bot} belongs to shard {owner} of {total}; this is shard {this}")
}

/// Sets the header with the index of the shard that polls this ID.
pub(super) fn with_owner(mut response: Response, state: &AppState, bot: &BotName, id: &RequestId) -> Response {
    response.headers_mut().insert("x-koreai-shard-index", state.shard.owner(bot, id).into());
    response
}
