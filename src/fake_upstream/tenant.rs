//! Whom the stand-in plays: a tenant, its bots, their credentials, budgets and jobs.

use std::time::Duration;

use super::fault::FaultRule;
use super::job::ScriptedJob;
use super::scenario::JobGenerator;
use super::token::Credential;

/// A tenant, as it is when the stand-in starts.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Milliseconds since the Unix epoch at the start. Tokens are judged by it, so it is the real time unless no token
    /// carries an `exp`.
    pub started_at_millis: i64,
    /// A path in front of `/api/public`, such as `/kore`; empty for none.
    pub base_path: String,
    /// Put in front of everything personal in a body (`originalId`, `channelId`, `koreId`, `createdBy`, and the recipient
    /// in `comments`), so that a test can search for it where it must not be.
    pub canary: String,
    /// The bots.
    pub bots: Vec<TenantBot>,
    /// Faults from the start on; more can be added while it runs.
    pub faults: Vec<FaultRule>,
    /// A generator of jobs that are born while it runs.
    pub newborn: Option<JobGenerator>,
}

impl Tenant {
    /// A tenant without faults.
    pub fn new(started_at_millis: i64, bots: Vec<TenantBot>) -> Self {
        Self {
            started_at_millis,
            base_path: String::new(),
            canary: String::new(),
            bots,
            faults: Vec::new(),
            newborn: None,
        }
    }
}

/// A bot. Its defaults are those of the shared cloud (UPSTREAM §4).
#[derive(Debug, Clone)]
pub struct TenantBot {
    /// `st-…`, as it stands in the path.
    pub bot_id: String,
    /// The app that may ask.
    pub credential: Credential,
    /// "Enforce JTI": a token without a `jti` is refused.
    pub enforce_jti: bool,
    /// Whether the app has the scope `Proactive Messages`.
    pub scope_granted: bool,
    /// Calls allowed in any 60 s.
    pub per_minute: u32,
    /// Calls allowed in any 3,600 s.
    pub per_hour: u32,
    /// Calls allowed in any 60 s for one request ID; `None`: no such limit.
    pub per_id_per_minute: Option<u32>,
    /// Whether a call that was refused for its rate uses up budget too.
    pub refused_calls_count: bool,
    /// How a refusal for the rate looks; the upstream documents none.
    pub refusal: RefusalForm,
    /// How long a job that was sent to the stand-in takes.
    pub sent_jobs_take: Duration,
    /// The jobs it knows.
    pub jobs: Vec<ScriptedJob>,
}

impl TenantBot {
    /// A bot with the default budgets, 600 a minute and 18,000 an hour, and no `jti`.
    pub fn new(bot_id: &str, credential: Credential) -> Self {
        Self {
            bot_id: bot_id.to_owned(),
            credential,
            enforce_jti: false,
            scope_granted: true,
            per_minute: 600,
            per_hour: 18_000,
            per_id_per_minute: None,
            refused_calls_count: false,
            refusal: RefusalForm::default(),
            sent_jobs_take: Duration::from_secs(60),
            jobs: Vec::new(),
        }
    }

    /// The same bot with these jobs.
    pub fn with_jobs(mut self, jobs: Vec<ScriptedJob>) -> Self {
        self.jobs = jobs;
        self
    }
}

/// How a refusal for the rate looks. The upstream documents neither code nor headers (UPSTREAM §4), so a client has to
/// know all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalForm {
    /// The HTTP code: 429, 400, 403, or even 200.
    pub status: u16,
    /// The header.
    pub retry_after: RetryAfter,
    /// The text in the errors envelope.
    pub text: RefusalText,
}

impl Default for RefusalForm {
    fn default() -> Self {
        Self { status: 429, retry_after: RetryAfter::Absent, text: RefusalText::NamesWindow }
    }
}

/// The header `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// None is sent.
    Absent,
    /// A number of seconds.
    Seconds(u32),
    /// An HTTP date, that many seconds ahead.
    HttpDate(u32),
}

/// The three generations of the text (UPSTREAM §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalText {
    /// The current one, which names the window: per-minute or hourly.
    NamesWindow,
    /// The forum's: "Please try again later".
    TryLater,
    /// The older documentation's: "Please try again after some time."
    AfterSomeTime,
}
