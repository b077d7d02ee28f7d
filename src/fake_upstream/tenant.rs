//! The tenant that the fake upstream imitates: bots with credentials, budgets and jobs.

use std::time::Duration;

use super::fault::FaultRule;
use super::job::ScriptedJob;
use super::job_generator::JobGenerator;
use super::rate_limit_form::RateLimitForm;
use super::representation::HttpFeatures;
use super::token::Credential;

/// A tenant, in its initial state.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Time of the start, in milliseconds since the Unix epoch. The `exp` of tokens is compared with it, so it must be the
    /// real time unless tokens have no `exp`.
    pub started_at_millis: i64,
    /// Path prefix before `/api/public`, such as `/kore`; may be empty.
    pub base_path: String,
    /// Marks everything personal in a body (`originalId`, `channelId`, `koreId`, `createdBy`, and the recipient in
    /// `comments`), so that a test can search for it where it must not appear.
    pub canary: String,
    /// The bots.
    pub bots: Vec<TenantBot>,
    /// Initial faults; more can be added while it runs.
    pub faults: Vec<FaultRule>,
    /// Compression and validators of its responses.
    pub http: HttpFeatures,
    /// Creates jobs while it runs.
    pub generator: Option<JobGenerator>,
}

impl Tenant {
    /// A tenant without faults, whose responses have neither compression nor validators.
    pub fn new(started_at_millis: i64, bots: Vec<TenantBot>) -> Self {
        Self {
            started_at_millis,
            base_path: String::new(),
            canary: String::new(),
            bots,
            faults: Vec::new(),
            http: HttpFeatures::default(),
            generator: None,
        }
    }
}

/// A bot. The defaults are those of the shared cloud (docs/UPSTREAM.md#rate-limits).
#[derive(Debug, Clone)]
pub struct TenantBot {
    /// `st-…`, as in the path.
    pub bot_id: String,
    /// The app whose tokens are accepted.
    pub credential: Credential,
    /// "Enforce JTI": tokens without a `jti` are rejected.
    pub enforce_jti: bool,
    /// Whether the app has the scope `Proactive Messages`.
    pub scope_granted: bool,
    /// Calls allowed in any 60 s.
    pub per_minute: u32,
    /// Calls allowed in any 3,600 s.
    pub per_hour: u32,
    /// Calls allowed in any 60 s for one request ID; `None`: unlimited.
    pub per_id_per_minute: Option<u32>,
    /// Whether rate-limited calls also count against the budget.
    pub rate_limited_calls_count: bool,
    /// What a rate-limited call is answered.
    pub rate_limit_form: RateLimitForm,
    /// Duration of jobs created by a send.
    pub sent_jobs_take: Duration,
    /// The initial jobs.
    pub jobs: Vec<ScriptedJob>,
}

impl TenantBot {
    /// A bot with the default budgets (600 calls a minute, 18,000 an hour) that does not require a `jti`.
    pub fn new(bot_id: &str, credential: Credential) -> Self {
        Self {
            bot_id: bot_id.to_owned(),
            credential,
            enforce_jti: false,
            scope_granted: true,
            per_minute: 600,
            per_hour: 18_000,
            per_id_per_minute: None,
            rate_limited_calls_count: false,
            rate_limit_form: RateLimitForm::default(),
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
