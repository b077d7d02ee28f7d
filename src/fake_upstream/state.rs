//! What one call is answered: a synchronous judgement, so that budget, tokens, faults, jobs and the record agree.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;

use super::budget::{Limit, RollingBudget};
use super::fault::{self, Fault, FaultRule};
use super::job::{Api, Plan, ScriptedJob, ScriptedResponse, Truth, is_terminal};
use super::record::{Record, RecordedCall, fingerprint};
use super::scenario::JobGenerator;
use super::send;
use super::status_body::{self, Setting};
use super::tenant::{RefusalForm, RefusalText, RetryAfter, Tenant, TenantBot};
use super::token::{Rejection, TokenVerifier, header_is_a_jwt};

/// Jobs that one bot keeps; a send beyond it is refused, a birth beyond it does not happen.
const MAX_JOBS_PER_BOT: usize = 200_000;

/// A call as it came in.
pub(super) struct ReceivedCall {
    pub(super) bot_id: String,
    pub(super) endpoint: Endpoint,
    pub(super) method: String,
    pub(super) auth: Option<String>,
    pub(super) body: Bytes,
}

/// What the path names.
pub(super) enum Endpoint {
    Status(Api, String),
    Send(Api),
    Elsewhere,
}

/// What to do with the call.
pub(super) enum Reply {
    ScriptedResponse(ScriptedResponse),
    Misbehave(Fault, SampleBody),
}

/// Good bodies of the job that was asked about, for faults that spoil one.
pub(super) struct SampleBody {
    pub(super) whole: Bytes,
    pub(super) null_logs: Bytes,
    /// Head, entry and tail of an endless log.
    pub(super) streamed: (String, String, String),
}

/// All that changes while the stand-in runs.
pub(super) struct State {
    started_at_millis: i64,
    canary: String,
    bots: Vec<BotState>,
    faults: Vec<FaultRule>,
    newborn: Option<GeneratedJob>,
    /// How far the job clock is ahead of real time.
    pub(super) ahead: Duration,
    pub(super) record: Record,
    sent: u64,
}

struct GeneratedJob {
    generator: JobGenerator,
    until: Option<Duration>,
}

struct BotState {
    bot_id: Arc<str>,
    verifier: TokenVerifier,
    budget: RollingBudget,
    per_id_per_minute: Option<u32>,
    refusal: RefusalForm,
    sent_jobs_take: Duration,
    jobs: HashMap<Arc<str>, ScriptedJobState>,
}

struct ScriptedJobState {
    job: ScriptedJob,
    /// Literal answers given so far.
    answered: usize,
    told_finished: bool,
    budget: Option<RollingBudget>,
}

impl State {
    /// # Errors
    /// With the bot's ID, when its public key cannot be read.
    pub(super) fn new(tenant: Tenant) -> Result<Self, (String, jsonwebtoken::errors::Error)> {
        let bots = tenant.bots.into_iter().map(BotState::new).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            started_at_millis: tenant.started_at_millis,
            canary: tenant.canary,
            bots,
            faults: tenant.faults,
            newborn: tenant.newborn.map(|generator| GeneratedJob { generator, until: None }),
            ahead: Duration::ZERO,
            record: Record::default(),
            sent: 0,
        })
    }

    /// Judges, answers and records one call that came at `now`, real time since the start.
    pub(super) fn handle(&mut self, asked: &ReceivedCall, now: Duration) -> Reply {
        self.let_jobs_be_born(now);
        let place = self.bots.iter().position(|bot| *bot.bot_id == *asked.bot_id);
        let unix_seconds = self.unix_millis(now).div_euclid(1_000);
        let token = asked.auth.as_deref();
        let verdict = match place.and_then(|place| self.bots.get_mut(place)) {
            Some(bot) => bot.verifier.verify(token, unix_seconds),
            None => Err(header_is_a_jwt(token).err().unwrap_or(Rejection::WrongCredentials)),
        };
        let request_id = match &asked.endpoint {
            Endpoint::Status(_, id) => Some(id.as_str()),
            _ => None,
        };
        let after_finish =
            request_id.is_some_and(|id| self.job(&asked.bot_id, id).is_some_and(|job| job.told_finished));
        let reply = match wrong_method(asked) {
            Some(answer) => Reply::ScriptedResponse(answer),
            None => match verdict {
                Ok(()) => self.reply(asked, place, now),
                Err(rejection) => Reply::ScriptedResponse(unauthorized(rejection)),
            },
        };
        self.record.push(RecordedCall {
            at: now,
            bot_id: asked.bot_id.as_str().into(),
            request_id: request_id.map(Arc::from),
            method: asked.method.as_str().into(),
            status: reply.status(),
            authorized: verdict.is_ok(),
            after_finish,
            token: token.map(fingerprint),
        });
        reply
    }

    /// The job's truth at `now` by the job clock.
    pub(super) fn truth(&self, bot_id: &str, id: &str, now: Duration) -> Option<Truth> {
        self.job(bot_id, id)?.job.truth(now)
    }

    pub(super) fn add_job(&mut self, bot_id: &str, job: ScriptedJob) -> bool {
        self.bots.iter_mut().find(|bot| *bot.bot_id == *bot_id).is_some_and(|bot| bot.add(job))
    }

    pub(super) fn add_fault(&mut self, rule: FaultRule) {
        self.faults.push(rule);
    }

    pub(super) fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The jobs of a bot that exist at `now` (real time): campaign and ID, sorted.
    pub(super) fn targets(&mut self, bot_index: usize, now: Duration) -> Option<Vec<(Option<String>, String)>> {
        self.let_jobs_be_born(now);
        let job_clock = now.saturating_add(self.ahead);
        let bot = self.bots.get(bot_index)?;
        let existing = bot.jobs.values().map(|state| &state.job).filter(|job| job.born <= job_clock);
        let mut targets: Vec<_> = existing.map(|job| (job.campaign.clone(), job.id.clone())).collect();
        targets.sort();
        Some(targets)
    }

    fn reply(&mut self, asked: &ReceivedCall, place: Option<usize>, now: Duration) -> Reply {
        let job_clock = now.saturating_add(self.ahead);
        let unix_millis = self.unix_millis(now);
        let Self { started_at_millis, canary, bots, faults, sent, .. } = self;
        let Some(bot) = place.and_then(|place| bots.get_mut(place)) else {
            return Reply::ScriptedResponse(unauthorized(Rejection::WrongCredentials));
        };
        let request_id = match &asked.endpoint {
            Endpoint::Status(_, id) => Some(id.as_str()),
            _ => None,
        };
        if let Err(window) = bot.admit(request_id, now) {
            return Reply::ScriptedResponse(rate_refusal(bot.refusal, window, unix_millis));
        }
        let bot_id = Arc::clone(&bot.bot_id);
        let setting = Setting { bot_id: &bot_id, canary, started_at_millis: *started_at_millis };
        match fault::take(faults, &bot_id, request_id, job_clock) {
            Some(Fault::RefuseRate(form)) => Reply::ScriptedResponse(rate_refusal(form, Limit::Minute, unix_millis)),
            Some(Fault::Unauthorized) => Reply::ScriptedResponse(unauthorized(Rejection::WrongCredentials)),
            Some(fault) => Reply::Misbehave(fault, bot.sample(request_id, setting, job_clock)),
            None => Reply::ScriptedResponse(match &asked.endpoint {
                Endpoint::Status(api, id) => bot.status(*api, id, setting, job_clock),
                Endpoint::Send(api) => {
                    *sent += 1;
                    bot.accept(*api, &asked.body, *sent, setting, job_clock)
                }
                Endpoint::Elsewhere => not_found(),
            }),
        }
    }

    fn let_jobs_be_born(&mut self, now: Duration) {
        let until = now.saturating_add(self.ahead);
        let Some(newborn) = &mut self.newborn else { return };
        for (bot, job) in newborn.generator.born_between(newborn.until, until) {
            if let Some(bot) = self.bots.get_mut(bot) {
                bot.add(job);
            }
        }
        newborn.until = Some(until);
        let oldest = until.saturating_sub(JobGenerator::KEPT);
        if oldest > Duration::ZERO {
            for bot in &mut self.bots {
                bot.jobs.retain(|_, state| state.job.born >= oldest);
            }
        }
    }

    fn job(&self, bot_id: &str, id: &str) -> Option<&ScriptedJobState> {
        self.bots.iter().find(|bot| *bot.bot_id == *bot_id)?.jobs.get(id)
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
            budget: RollingBudget::new(bot.per_minute, bot.per_hour, bot.refused_calls_count),
            per_id_per_minute: bot.per_id_per_minute,
            refusal: bot.refusal,
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
        let state = ScriptedJobState { job, answered: 0, told_finished: false, budget };
        self.jobs.insert(state.job.id.as_str().into(), state);
        true
    }

    /// Takes the call into the budget of its ID, where there is one, and then of the bot.
    fn admit(&mut self, request_id: Option<&str>, now: Duration) -> Result<(), Limit> {
        let job = request_id.and_then(|id| self.jobs.get_mut(id));
        if let Some(budget) = job.and_then(|job| job.budget.as_mut()) {
            budget.admit(now)?;
        }
        self.budget.admit(now)
    }

    fn status(&mut self, api: Api, id: &str, setting: Setting<'_>, job_clock: Duration) -> ScriptedResponse {
        let known = self.jobs.get_mut(id).filter(|state| state.job.api == api && state.job.born <= job_clock);
        let Some(state) = known else { return unknown_id() };
        if let Plan::Answers(answers) = &state.job.plan {
            let Some(answer) = answers.get(state.answered).or(answers.last()) else { return unknown_id() };
            state.answered += 1;
            state.told_finished |= answer.status == 200 && says_finished(&answer.body);
            return answer.clone();
        }
        match state.job.truth(job_clock).filter(|truth| !truth.gone) {
            Some(truth) => {
                state.told_finished |= is_terminal(&truth.status);
                ScriptedResponse::ok(status_body::status(&state.job, &truth, setting))
            }
            None => unknown_id(),
        }
    }

    fn accept(
        &mut self,
        api: Api,
        sent: &[u8],
        number: u64,
        setting: Setting<'_>,
        job_clock: Duration,
    ) -> ScriptedResponse {
        let Some(send) = send::parse(api, sent).filter(|_| self.jobs.len() < MAX_JOBS_PER_BOT) else {
            return ScriptedResponse::json(412, status_body::errors("Validation errors/ Invalid arguments", 412));
        };
        let mut job = ScriptedJob::new(&format!("ds-{number:08x}-0000-4000-8000-5e0000000000"), send.recipients)
            .with_failures(10)
            .with_plan(Plan::Runs { over: self.sent_jobs_take });
        (job.api, job.born, job.channels) = (api, job_clock, send.channels);
        let answer = ScriptedResponse::ok(status_body::send_response(&job, setting));
        self.add(job);
        answer
    }

    fn sample(&self, request_id: Option<&str>, setting: Setting<'_>, job_clock: Duration) -> SampleBody {
        let job = request_id.and_then(|id| self.jobs.get(id)).map(|state| state.job.clone());
        let job = job.unwrap_or_else(|| ScriptedJob::new("ds-00000000-0000-4000-8000-000000000000", 1));
        // A job with literal answers has no truth; any good body will do to be spoilt.
        let scripted = if matches!(job.plan, Plan::Answers(_)) { ScriptedJob::new(&job.id, 10) } else { job };
        let Some(truth) = scripted.truth(job_clock) else {
            return SampleBody { whole: Bytes::new(), null_logs: Bytes::new(), streamed: Default::default() };
        };
        SampleBody {
            whole: status_body::status(&scripted, &truth, setting),
            null_logs: status_body::status_with_null_logs(&scripted, &truth, setting),
            streamed: status_body::streamed(&scripted, setting),
        }
    }
}

impl Reply {
    /// The HTTP code, where one is sent.
    fn status(&self) -> Option<u16> {
        match self {
            Self::ScriptedResponse(answer) => Some(answer.status),
            Self::Misbehave(Fault::Hang | Fault::Reset, _) => None,
            Self::Misbehave(Fault::Status(code), _) => Some(*code),
            Self::Misbehave(Fault::Redirect(_), _) => Some(307),
            Self::Misbehave(..) => Some(200),
        }
    }
}

fn wrong_method(asked: &ReceivedCall) -> Option<ScriptedResponse> {
    let right = match asked.endpoint {
        Endpoint::Status(..) => "GET",
        Endpoint::Send(_) => "POST",
        Endpoint::Elsewhere => return Some(not_found()),
    };
    (asked.method != right).then(|| ScriptedResponse::json(405, status_body::errors("Method Not Allowed", 405)))
}

fn unauthorized(rejection: Rejection) -> ScriptedResponse {
    let (code, text) = rejection.code_and_text();
    ScriptedResponse::json(401, status_body::errors(text, code))
}

/// As seen on a sibling API: 400, not 404 (UPSTREAM §4).
fn unknown_id() -> ScriptedResponse {
    ScriptedResponse::json(400, status_body::errors("Invalid request ID", 400))
}

fn not_found() -> ScriptedResponse {
    ScriptedResponse::json(404, status_body::errors("Not Found", 404))
}

fn rate_refusal(form: RefusalForm, window: Limit, unix_millis: i64) -> ScriptedResponse {
    let text = match (form.text, window) {
        (RefusalText::NamesWindow, Limit::Minute) => {
            "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
        }
        (RefusalText::NamesWindow, Limit::Hour) => {
            "You've exceeded the hourly rate limit. Please wait for sometime before retrying."
        }
        (RefusalText::TryLater, _) => "Rate limit for this API has been reached. Please try again later",
        (RefusalText::AfterSomeTime, _) => {
            "Rate limit for this API has been reached. Please try again after some time."
        }
    };
    let mut answer = ScriptedResponse::json(form.status, status_body::errors(text, 429));
    let retry_after = match form.retry_after {
        RetryAfter::Absent => return answer,
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::HttpDate(seconds) => {
            let now = Duration::from_millis(u64::try_from(unix_millis).unwrap_or(0));
            httpdate::fmt_http_date(UNIX_EPOCH + now + Duration::from_secs(u64::from(seconds)))
        }
    };
    answer.headers.push(("retry-after".to_owned(), retry_after));
    answer
}

fn says_finished(body: &[u8]) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    value.as_ref().and_then(|value| value.get("status")?.as_str()).is_some_and(is_terminal)
}
