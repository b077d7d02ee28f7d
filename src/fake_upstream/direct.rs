//! The fake upstream without a server, for simulations: the same state, called directly.

use std::time::Duration;

use bytes::Bytes;

use super::fault::{Fault, FaultRule};
use super::fault_response;
use super::job::{Api, ScriptedJob, ScriptedResponse, Truth};
use super::record::Record;
use super::representation::Preferences;
use super::server::StartError;
use super::state::{Endpoint, ReceivedCall, Reply, State};
use super::tenant::Tenant;
use super::token::Credential;

/// The fake upstream, called directly. The caller supplies the time.
pub struct DirectUpstream(State);

/// A call.
#[derive(Debug, Clone, Copy)]
pub struct DirectCall<'a> {
    /// The method, `GET`.
    pub method: &'a str,
    /// The path of the URL.
    pub path: &'a str,
    /// The header `auth`.
    pub auth: Option<&'a str>,
    /// The header `Accept-Encoding`.
    pub accept_encoding: Option<&'a str>,
    /// The header `If-None-Match`.
    pub if_none_match: Option<&'a str>,
}

/// The outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectReply {
    /// A complete response.
    Answer(ScriptedResponse),
    /// The head and a part of the body; then the connection breaks.
    CutOff(ScriptedResponse),
    /// The head and a part of the body; then nothing.
    Stalled(ScriptedResponse),
    /// No response; the connection stays open.
    Silence,
    /// The connection breaks before a response.
    Reset,
}

impl DirectUpstream {
    /// The upstream of a tenant.
    ///
    /// # Errors
    /// If the public key of a bot is not an RSA key in PEM.
    pub fn new(tenant: Tenant) -> Result<Self, StartError> {
        State::new(tenant).map(Self).map_err(|(bot_id, source)| StartError::Key { bot_id, source })
    }

    /// Answers one status call. `now` is the time since the start; it must not decrease.
    pub fn ask(&mut self, call: &DirectCall<'_>, now: Duration) -> DirectReply {
        let DirectCall { method, path, auth, accept_encoding, if_none_match } = *call;
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (bot_id, endpoint) = match segments.as_slice() {
            ["api", "public", "bot", bot_id, "notify", "status", id] => {
                (*bot_id, Endpoint::Status(Api::V1, (*id).to_owned()))
            }
            ["api", "public", "bot", bot_id, "notifyV2", "status", id] => {
                (*bot_id, Endpoint::Status(Api::V2, (*id).to_owned()))
            }
            _ => ("", Endpoint::Unknown),
        };
        let (bot_id, method, auth) = (bot_id.to_owned(), method.to_owned(), auth.map(str::to_owned));
        let preferences = Preferences {
            accept_encoding: accept_encoding.unwrap_or_default().to_owned(),
            if_none_match: if_none_match.map(str::to_owned),
        };
        let call = ReceivedCall { bot_id, endpoint, method, auth, preferences, body: Bytes::new() };
        let reply = self.0.handle(&call, now);
        // Direct callers keep their own record.
        self.0.record = Record::default();
        match reply {
            Reply::Response(answer) => DirectReply::Answer(answer),
            Reply::Faulty(Fault::Hang, _) => DirectReply::Silence,
            Reply::Faulty(Fault::Reset, _) => DirectReply::Reset,
            Reply::Faulty(Fault::Truncated, sample) => DirectReply::CutOff(ScriptedResponse::ok(sample.whole)),
            Reply::Faulty(Fault::NeverEnding, sample) => DirectReply::Stalled(ScriptedResponse::ok(sample.whole)),
            Reply::Faulty(fault, sample) => DirectReply::Answer(fault_response::complete(fault, sample)),
        }
    }

    /// The true state of a job at that time; `None` if it does not exist yet or its responses are literal.
    pub fn truth(&self, bot_id: &str, request_id: &str, now: Duration) -> Option<Truth> {
        self.0.truth(bot_id, request_id, now)
    }

    /// Adds a job, or replaces the one with that ID. False if there is no such bot or it is full.
    pub fn add_job(&mut self, bot_id: &str, job: ScriptedJob) -> bool {
        self.0.add_job(bot_id, job)
    }

    /// Appends a fault rule; the first rule that matches a call applies.
    pub fn add_fault(&mut self, rule: FaultRule) {
        self.0.add_fault(rule);
    }

    /// Removes all fault rules.
    pub fn clear_faults(&mut self) {
        self.0.clear_faults();
    }

    /// Replaces the credential of a bot. False if there is no such bot or the key is invalid.
    pub fn rotate(&mut self, bot_id: &str, credential: &Credential) -> bool {
        self.0.rotate(bot_id, credential)
    }
}
