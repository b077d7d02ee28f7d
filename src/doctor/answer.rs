//! What the response to a status call means (docs/UPSTREAM.md#errors).

use crate::config::{Auth, BotConfig};
use crate::model::{Outcome, Report, RequestId};
use crate::upstream::{Phrase, PollError, ResponseHead, StatusResponse};

use super::step::Failure;

/// The meaning of a response.
pub(super) enum Meaning {
    /// As it should be.
    Good(String),
    /// The cause is clear.
    Bad(Failure),
    /// The job may belong to the other API version: another call can tell. Otherwise the failure stands.
    MaybeOtherApi(Failure),
    /// The app may enforce `jti`: another call can tell. Otherwise the failure stands.
    MaybeJti(Failure),
}

/// What was requested.
pub(super) struct Requested<'a> {
    pub(super) bot: &'a BotConfig,
    /// The ID that the user gave; `None` for the placeholder, which no job has.
    pub(super) id: Option<&'a RequestId>,
}

/// The meaning of a response to a call.
pub(super) fn meaning(requested: &Requested<'_>, response: &StatusResponse, head: &ResponseHead) -> Meaning {
    let error = match &response.result {
        Ok(report) => return Meaning::Good(describe(report, requested)),
        Err(error) => error,
    };
    let phrase = error.phrase;
    match error.outcome {
        Outcome::RateLimited => Meaning::Bad(rate_limit(error)),
        Outcome::Unauthorized => unauthorized(requested, error),
        _ if phrase == Some(Phrase::UnknownRequest) => unknown_id(requested),
        _ if (300..400).contains(&head.status) => Meaning::Bad(redirect(requested.bot, head)),
        _ if matches!(head.status, 404 | 410) => Meaning::Bad(wrong_path(requested.bot, head)),
        Outcome::NotFound => unknown_id(requested),
        _ if head.is_html => Meaning::Bad(in_between(requested.bot, head)),
        Outcome::ServerError => Meaning::Bad(Failure::theirs(
            format!("the upstream, or a gateway before it, has a problem of its own ({})", error.detail),
            "repeat this in a few minutes; if it stays, ask the operator of the platform",
        )),
        Outcome::Timeout | Outcome::Network => Meaning::Bad(Failure::theirs(
            format!("the response did not arrive completely: {}", error.detail),
            "repeat this; if it stays, raise poll_timeout, and look at proxies and gateways in between",
        )),
        Outcome::TooLarge => Meaning::Bad(Failure::ours(
            format!("the response is larger than allowed: {}", error.detail),
            "raise max_body_bytes if jobs are that large",
        )),
        Outcome::Malformed => Meaning::Bad(Failure::theirs(
            format!("the response is not a status report ({})", error.detail),
            "check base_url: something else than the upstream may answer there",
        )),
        _ => Meaning::Bad(Failure::ours(
            format!("the upstream refuses the request ({})", error.detail),
            "check bot_id, api and base_url",
        )),
    }
}

fn describe(report: &Report, requested: &Requested<'_>) -> String {
    let id = requested.id.map_or("the placeholder ID", RequestId::as_str);
    let completion = report.completion.map_or_else(String::new, |ratio| format!(", {:.0} % complete", ratio * 100.0));
    format!("status of {id}: {}{completion}, {} log entries", report.status.as_label(), report.entries)
}

fn unknown_id(requested: &Requested<'_>) -> Meaning {
    let Some(id) = requested.id else {
        return Meaning::Good(
            "the upstream accepts credential and bot; it does not know the placeholder ID, as expected (test a job with --request-id)"
                .to_owned(),
        );
    };
    let bot = &requested.bot.bot_id;
    Meaning::MaybeOtherApi(Failure::ours(
        format!("the upstream does not know the request ID {:?} of the bot {:?}", id.as_str(), bot.as_str()),
        "check the ID (`_id` of the send response) and bot_id; the upstream may also have dropped an old job",
    ))
}

fn rate_limit(error: &PollError) -> Failure {
    let window = if error.hourly { "the hourly rate limit" } else { "the rate limit" };
    let wait = match error.retry_after {
        Some(wait) => format!("wait {} s, as the upstream says", wait.as_secs()),
        None if error.hourly => "wait up to an hour".to_owned(),
        None => "wait a minute".to_owned(),
    };
    Failure::theirs(
        format!("{window} of the bot is spent; the credential was not checked ({})", error.detail),
        format!("{wait}; sends and other tools count too, so lower rate_limit in the configuration"),
    )
}

fn unauthorized(requested: &Requested<'_>, error: &PollError) -> Meaning {
    let auth = &requested.bot.auth;
    let without_jti = matches!(auth, Auth::Sign(signing) if !signing.jti);
    match error.phrase {
        Some(Phrase::ScopeMissing) => Meaning::Bad(Failure::ours(
            "the app lacks the scope: the credential is valid, but may not read notifications",
            "give the app the scope Proactive Messages (Admin Console: Channel Management > Proactive Messages), then publish the bot",
        )),
        Some(Phrase::NotAJwt) => Meaning::Bad(Failure::ours(
            "the upstream does not recognize a JWT in the header `auth`",
            "check token_file; behind a proxy, check that it passes the header `auth` on",
        )),
        Some(Phrase::JtiLifetime) => Meaning::Bad(Failure::ours(
            "the token has a jti and is valid for more than an hour",
            "lower token_lifetime to at most 1h",
        )),
        Some(Phrase::Replay) => Meaning::Bad(Failure::ours(
            "the app enforces jti, and this token was used before",
            "set `jti: true` in auth, so that every call has a new token; a token_file cannot do that",
        )),
        Some(Phrase::BadCredentials) => {
            let failure = bad_credentials(requested.bot);
            if without_jti { Meaning::MaybeJti(failure) } else { Meaning::Bad(failure) }
        }
        _ => {
            let failure = Failure::ours(
                format!("the upstream rejects the token and gives no documented reason ({})", error.detail),
                "renew the token; check in the app's settings whether it enforces jti or JWE, and which algorithm it has",
            );
            if without_jti { Meaning::MaybeJti(failure) } else { Meaning::Bad(failure) }
        }
    }
}

/// The upstream answers a wrong secret, client ID and bot ID in the same way (docs/UPSTREAM.md#errors).
fn bad_credentials(bot: &BotConfig) -> Failure {
    let bot_id = bot.bot_id.as_str();
    let Auth::Sign(signing) = &bot.auth else {
        return Failure::ours(
            format!(
                "the upstream does not accept the token of token_file for the bot {bot_id:?}: its signature, its appId or bot_id is wrong"
            ),
            "sign a new token with the current secret of the app, and compare bot_id with the bot's settings",
        );
    };
    let client_id = signing.client_id.as_str();
    if client_id.starts_with("st-") || bot_id.starts_with("cs-") {
        return Failure::ours(
            format!(
                "client_id {client_id:?} and bot_id {bot_id:?} look swapped: a client ID starts with cs-, a bot ID with st-"
            ),
            "swap client_id and bot_id",
        );
    }
    Failure::ours(
        format!(
            "the upstream does not accept this credential: the secret does not belong to client_id {client_id:?}, or client_id is wrong, or bot_id {bot_id:?} is wrong or not open to this app (it gives the same answer to all three)"
        ),
        "compare client_id and bot_id with the app's and the bot's settings, then copy the secret again; check that the app's algorithm is the one shown above",
    )
}

/// The path of the call without the request ID, for people.
fn path(bot: &BotConfig) -> String {
    bot.base_url.path().trim_end_matches('/').to_owned()
}

fn wrong_path(bot: &BotConfig, head: &ResponseHead) -> Failure {
    let path = path(bot);
    let status = head.status;
    if let Some((before, _)) = path.split_once("/api/public") {
        return Failure::ours(
            format!(
                "the path of base_url is doubled: it contains /api/public, which the exporter adds itself (HTTP {status})"
            ),
            format!("shorten the path of base_url to {:?}", format!("{before}/")),
        );
    }
    if path.is_empty() {
        return Failure::ours(
            format!("no status API at the root of {}: base_url may lack a path (HTTP {status})", bot.base_url.as_str()),
            "private installations often have a path: base_url: https://host/path; check the host, too",
        );
    }
    Failure::ours(
        format!("no status API under the path {path:?} of base_url (HTTP {status})"),
        "correct or remove the path of base_url; check the host, too",
    )
}

fn redirect(bot: &BotConfig, head: &ResponseHead) -> Failure {
    let to = head.redirect.as_deref().unwrap_or("an invalid address");
    let host = bot.base_url.host_str().unwrap_or_default();
    if bot.base_url.scheme() == "http"
        && to.strip_prefix("https://").is_some_and(|rest| rest.split(':').next() == Some(host))
    {
        return Failure::ours(
            format!("is base_url https? The server redirects from http to {to}"),
            "write https:// in base_url",
        );
    }
    Failure::theirs(
        format!(
            "something in between answers instead of the upstream: HTTP {} redirects to {to}, as a log-in page or a gateway does",
            head.status
        ),
        "check base_url; let calls to /api/public pass without a log-in",
    )
}

fn in_between(bot: &BotConfig, head: &ResponseHead) -> Failure {
    let host = bot.base_url.host_str().unwrap_or_default();
    Failure::theirs(
        format!(
            "something in between answers instead of the upstream: HTTP {} with a web page, such as a log-in page or a gateway's error",
            head.status
        ),
        format!("check base_url, and what stands between this machine and {host} (gateway, single sign-on, proxy)"),
    )
}
