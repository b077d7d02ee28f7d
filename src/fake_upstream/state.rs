//! Decides the response to each call. It is synchronous, so budget, tokens, faults, jobs and the record always agree.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::budget::{Limit, RollingBudget};
use super::fault::{self, Fault, FaultRule};
use super::job::{Api, Plan, ScriptedJob, ScriptedResponse, Truth, is_terminal};
use super::job_generator::JobGenerator;
use super::rate_limit_form::{RateLimitForm, http_date, rate_limited};
use super::record::{Record, RecordedCall, fingerprint};
use super::representation::{HttpFeatures, Preferences};
use super::send_request;
use super::status_body::{self, BodyContext};
use super::tenant::{Tenant, TenantBot};
use super::token::{Credential, Rejection, TokenVerifier, header_is_a_jwt};

/// The most jobs of one bot; beyond it sends are rejected and no jobs are generated.
const MAX_JOBS_PER_BOT: usize = 200_000;

/// A call as received.
pub(super) struct ReceivedCall {
    pub(super) bot_id: String,
    pub(super) endpoint: Endpoint,
    pub(super) method: String,
    pub(super) auth: Option<String>,
    pub(super) preferences: Preferences,
    pub(super) body: Bytes,
}

/// What the path addresses.
pub(super) enum Endpoint {
    Status(Api, String),
    Send(Api),
    Unknown,
}

/// What to answer.
pub(super) enum Reply {
    Response(ScriptedResponse),
    Faulty(Fault, SampleBody),
}

/// Valid bodies of the polled job, for faults that change one.
pub(super) struct SampleBody {
    pub(super) whole: Bytes,
    pub(super) null_logs: Bytes,
    /// Start, entry and end of an endless log.
    pub(super) streamed: (String, String, String),
}

/// Everything that changes while the server runs.
pub(super) struct State {
    started_at_millis: i64,
    canary: String,
    bots: Vec<BotState>,
    faults: Vec<FaultRule>,
    http: HttpFeatures,
    generated: Option<GeneratorState>,
    /// How far the job clock is ahead of real time.
    pub(super) ahead: Duration,
    pub(super) record: Record,
    sent: u64,
}

struct GeneratorState {
    generator: JobGenerator,
    until: Option<Duration>,
}

struct BotState {
    bot_id: Arc<str>,
    verifier: TokenVerifier,
    budget: RollingBudget,
    per_id_per_minute: Option<u32>,
    rate_limit_form: RateLimitForm,
    sent_jobs_take: Duration,
    jobs: HashMap<Arc<str>, ScriptedJobState>,
}

struct ScriptedJobState {
    job: ScriptedJob,
    /// Literal responses given so far.
    answered: usize,
    reported_finished: bool,
    budget: Option<RollingBudget>,
}

impl State {
    /// # Errors
    /// The ID of the bot whose public key is invalid, and why.
    pub(super) fn new(tenant: Tenant) -> Result<Self, (String, jsonwebtoken::errors::Error)> {
        let bots = tenant.bots.into_iter().map(BotState::new).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            started_at_millis: tenant.started_at_millis,
            canary: tenant.canary,
            bots,
            faults: tenant.faults,
            http: tenant.http,
            generated: tenant.generator.map(|generator| GeneratorState { generator, until: None }),
            ahead: Duration::ZERO,
            record: Record::default(),
            sent: 0,
        })
    }

    /// Decides the response to a call at `now` (real time since the start), and records the call.
    pub(super) fn handle(&mut self, call: &ReceivedCall, now: Duration) -> Reply {
        self.create_due_jobs(now);
        let bot_index = self.bots.iter().position(|bot| *bot.bot_id == *call.bot_id);
        let unix_seconds = self.unix_millis(now).div_euclid(1_000);
        let token = call.auth.as_deref();
        let authorization = match bot_index.and_then(|index| self.bots.get_mut(index)) {
            Some(bot) => bot.verifier.verify(token, unix_seconds),
            None => Err(header_is_a_jwt(token).err().unwrap_or(Rejection::WrongCredentials)),
        };
        let request_id = match &call.endpoint {
            Endpoint::Status(_, id) => Some(id.as_str()),
            _ => None,
        };
        let after_finish =
            request_id.is_some_and(|id| self.job(&call.bot_id, id).is_some_and(|job| job.reported_finished));
        let reply = match wrong_method(call) {
            Some(answer) => Reply::Response(answer),
            None => match authorization {
                Ok(()) => match self.reply(call, bot_index, now) {
                    Reply::Response(answer) => Reply::Response(self.http.represent(answer, &call.preferences)),
                    faulty => faulty,
                },
                Err(rejection) => Reply::Response(unauthorized(rejection)),
            },
        };
        self.record.push(RecordedCall {
            at: now,
            bot_id: call.bot_id.as_str().into(),
            request_id: request_id.map(Arc::from),
            method: call.method.as_str().into(),
            status: reply.status(),
            authorized: authorization.is_ok(),
            after_finish,
            token: token.map(fingerprint),
        });
        reply
    }

    /// What is true of a job at `now`, by the job clock.
    pub(super) fn truth(&self, bot_id: &str, id: &str, now: Duration) -> Option<Truth> {
        self.job(bot_id, id)?.job.truth(now)
    }

    pub(super) fn add_job(&mut self, bot_id: &str, job: ScriptedJob) -> bool {
        self.bots.iter_mut().find(|bot| *bot.bot_id == *bot_id).is_some_and(|bot| bot.add(job))
    }

    pub(super) fn add_fault(&mut self, rule: FaultRule) {
        self.faults.push(rule);
    }

    pub(super) fn rotate(&mut self, bot_id: &str, credential: &Credential) -> bool {
        let Some(bot) = self.bots.iter_mut().find(|bot| *bot.bot_id == *bot_id) else { return false };
        bot.verifier.rotate(credential).is_ok()
    }

    pub(super) fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Campaigns and IDs of the jobs of a bot that exist at `now` (real time), sorted.
    pub(super) fn targets(&mut self, bot_index: usize, now: Duration) -> Option<Vec<(Option<String>, String)>> {
        self.create_due_jobs(now);
        let job_clock = now.saturating_add(self.ahead);
        let bot = self.bots.get(bot_index)?;
        let existing = bot.jobs.values().map(|state| &state.job).filter(|job| job.created_at <= job_clock);
        let mut targets: Vec<_> = existing.map(|job| (job.campaign.clone(), job.id.clone())).collect();
        targets.sort();
        Some(targets)
    }

    fn reply(&mut self, call: &ReceivedCall, bot_index: Option<usize>, now: Duration) -> Reply {
        let job_clock = now.saturating_add(self.ahead);
        let unix_millis = self.unix_millis(now);
        let Self { started_at_millis, canary, bots, faults, sent, .. } = self;
        let Some(bot) = bot_index.and_then(|index| bots.get_mut(index)) else {
            return Reply::Response(unauthorized(Rejection::WrongCredentials));
        };
        let request_id = match &call.endpoint {
            Endpoint::Status(_, id) => Some(id.as_str()),
            _ => None,
        };
        if let Err(window) = bot.admit(request_id, now) {
            return Reply::Response(rate_limited(bot.rate_limit_form, window, unix_millis));
        }
        let bot_id = Arc::clone(&bot.bot_id);
        let context = BodyContext { bot_id: &bot_id, canary, started_at_millis: *started_at_millis };
        match fault::take(faults, &bot_id, request_id, job_clock) {
            Some(Fault::RateLimited(form)) => Reply::Response(rate_limited(form, Limit::Minute, unix_millis)),
            Some(Fault::Unauthorized) => Reply::Response(unauthorized(Rejection::WrongCredentials)),
            Some(fault) => Reply::Faulty(fault, bot.sample(request_id, context, job_clock)),
            None => Reply::Response(match &call.endpoint {
                Endpoint::Status(api, id) => bot.status(*api, id, context, job_clock),
                Endpoint::Send(api) => {
                    *sent += 1;
                    bot.accept(*api, &call.body, *sent, context, job_clock)
                }
                Endpoint::Unknown => not_found(),
            }),
        }
    }

    fn create_due_jobs(&mut self, now: Duration) {
        let until = now.saturating_add(self.ahead);
        let Some(generated) = &mut self.generated else { return };
        for (bot, job) in generated.generator.created_between(generated.until, until) {
            if let Some(bot) = self.bots.get_mut(bot) {
                bot.add(job);
            }
        }
        generated.until = Some(until);
        let oldest = until.saturating_sub(JobGenerator::KEPT);
        if oldest > Duration::ZERO {
            for bot in &mut self.bots {
                bot.jobs.retain(|_, state| state.job.created_at >= oldest);
            }
        }
    }

    fn job(&self, bot_id: &str, id: &str) -> Option<&ScriptedJobState> {
        self.bots.iter().find(|bot| *bot.bot_id == *bot_id)?.jobs.get(id)
    }

    /// The header `Date` at `now` (real time since the start).
    pub(super) fn http_date(&self, now: Duration) -> String {
        http_date(self.unix_millis(now), Duration::ZERO)
    }

    fn unix_millis(&self, now: Duration) -> i64 {
        self.started_at_millis.saturating_add(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }
}

impl BotState {
    fn new(bot: TenantBot) -> Result<Self, (String, jsonwebtoken::errors::Error)> {
        let verifier = TokenVerifier::new(&bot.credential, bot.enforce_jti, bot.scope_granted)
            .map_err(|source| (bot.bot_id.clone(), source))?;
        let mut state = Self {
            bot_id: bot.bot_id.into(),
            verifier,
            budget: RollingBudget::new(bot.per_minute, bot.per_hour, bot.rate_limited_calls_count),
            per_id_per_minute: bot.per_id_per_minute,
            rate_limit_form: bot.rate_limit_form,
            sent_jobs_take: bot.sent_jobs_take,
            jobs: HashMap::new(),
        };
        for job in bot.jobs {
            state.add(job);
        }
        Ok(state)
    }

    fn add(&mut self, job: ScriptedJob) -> bool {
        if self.jobs.len() >= MAX_JOBS_PER_BOT {
            return false;
        }
        let budget = self.per_id_per_minute.map(|limit| RollingBudget::new(limit, u32::MAX, false));
        let state = ScriptedJobState { job, answered: 0, reported_finished: false, budget };
        self.jobs.insert(state.job.id.as_str().into(), state);
        true
    }

    /// Counts the call against the budget of its ID, if there is one, and then of the bot.
    fn admit(&mut self, request_id: Option<&str>, now: Duration) -> Result<(), Limit> {
        let job = request_id.and_then(|id| self.jobs.get_mut(id));
        if let Some(budget) = job.and_then(|job| job.budget.as_mut()) {
            budget.admit(now)?;
        }
        self.budget.admit(now)
    }

    fn status(&mut self, api: Api, id: &str, context: BodyContext<'_>, job_clock: Duration) -> ScriptedResponse {
        let known = self.jobs.get_mut(id).filter(|state| state.job.api == api && state.job.created_at <= job_clock);
        let Some(state) = known else { return unknown_id() };
        if let Plan::Answers(answers) = &state.job.plan {
            let Some(answer) = answers.get(state.answered).or(answers.last()) else { return unknown_id() };
            state.answered += 1;
            state.reported_finished |= answer.status == 200 && reports_finished(&answer.body);
            return answer.clone();
        }
        match state.job.truth(job_clock).filter(|truth| !truth.gone) {
            Some(truth) => {
                state.reported_finished |= is_terminal(&truth.status);
                ScriptedResponse::ok(status_body::status(&state.job, &truth, context))
            }
            None => unknown_id(),
        }
    }

    fn accept(
        &mut self,
        api: Api,
        sent: &[u8],
        number: u64,
        context: BodyContext<'_>,
        job_clock: Duration,
    ) -> ScriptedResponse {
        let Some(send) = send_request::parse(api, sent).filter(|_| self.jobs.len() < MAX_JOBS_PER_BOT) else {
            return ScriptedResponse::json(412, status_body::errors("Validation errors/ Invalid arguments", 412));
        };
        let mut job = ScriptedJob::new(&format!("ds-{number:08x}-0000-4000-8000-5e0000000000"), send.recipients)
            .with_failures(10)
            .with_plan(Plan::Runs { over: self.sent_jobs_take });
        (job.api, job.created_at, job.channels) = (api, job_clock, send.channels);
        let answer = ScriptedResponse::ok(status_body::send_response(&job, context));
        self.add(job);
        answer
    }

    fn sample(&self, request_id: Option<&str>, context: BodyContext<'_>, job_clock: Duration) -> SampleBody {
        let job = request_id.and_then(|id| self.jobs.get(id)).map(|state| state.job.clone());
        let job = job.unwrap_or_else(|| ScriptedJob::new("ds-00000000-0000-4000-8000-000000000000", 1));
        // Nothing is known of a job with literal responses; a fault may change any valid body.
        let scripted = if matches!(job.plan, Plan::Answers(_)) { ScriptedJob::new(&job.id, 10) } else { job };
        let Some(truth) = scripted.truth(job_clock) else {
            return SampleBody { whole: Bytes::new(), null_logs: Bytes::new(), streamed: Default::default() };
        };
        SampleBody {
            whole: status_body::status(&scripted, &truth, context),
            null_logs: status_body::status_with_null_logs(&scripted, &truth, context),
            streamed: status_body::streamed(&scripted, context),
        }
    }
}

impl Reply {
    /// The HTTP code, if a response is sent.
    fn status(&self) -> Option<u16> {
        match self {
            Self::Response(answer) => Some(answer.status),
            Self::Faulty(Fault::Hang | Fault::Reset, _) => None,
            Self::Faulty(Fault::Status(code), _) => Some(*code),
            Self::Faulty(Fault::Redirect(_), _) => Some(307),
            Self::Faulty(..) => Some(200),
        }
    }
}

fn wrong_method(call: &ReceivedCall) -> Option<ScriptedResponse> {
    let right = match call.endpoint {
        Endpoint::Status(..) => "GET",
        Endpoint::Send(_) => "POST",
        Endpoint::Unknown => return Some(not_found()),
    };
    (call.method != right).then(|| ScriptedResponse::json(405, status_body::errors("Method Not Allowed", 405)))
}

fn unauthorized(rejection: Rejection) -> ScriptedResponse {
    let (code, text) = rejection.code_and_text();
    ScriptedResponse::json(401, status_body::errors(text, code))
}

/// As observed on a sibling API: 400, not 404 (docs/UPSTREAM.md#errors).
fn unknown_id() -> ScriptedResponse {
    ScriptedResponse::json(400, status_body::errors("Invalid request ID", 400))
}

fn not_found() -> ScriptedResponse {
    ScriptedResponse::json(404, status_body::errors("Not Found", 404))
}

fn reports_finished(body: &[u8]) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    value.as_ref().and_then(|value| value.get("status")?.as_str()).is_some_and(is_terminal)
}
