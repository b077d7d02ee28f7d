//! The steps of an examination, and their results.

use crate::model::BotName;

/// A step. Its ID is stable: scripts and tickets refer to it, and `docs/DOCTOR.md` has a heading of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The configuration file, and every file and variable that it names.
    Configuration,
    /// The file or variable with the secret, the private key or the token.
    Credential,
    /// The token that the calls carry.
    Token,
    /// The address of the host, or of the proxy.
    Dns,
    /// The connection to the host, or to the proxy.
    Tcp,
    /// The tunnel through the proxy.
    Proxy,
    /// The handshake and the certificate.
    Tls,
    /// The HTTP request and the head of its response.
    Request,
    /// This machine's clock against the header `Date`.
    Clock,
    /// What the response means.
    Answer,
}

impl Check {
    /// All steps, in order.
    pub const ALL: [Self; 10] = [
        Self::Configuration,
        Self::Credential,
        Self::Token,
        Self::Dns,
        Self::Tcp,
        Self::Proxy,
        Self::Tls,
        Self::Request,
        Self::Clock,
        Self::Answer,
    ];

    /// The ID.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Credential => "credential",
            Self::Token => "token",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Request => "request",
            Self::Clock => "clock",
            Self::Answer => "answer",
        }
    }
}

/// Who has to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A mistake on this side: configuration, credential, ID.
    Ours,
    /// The upstream, or the network between.
    Theirs,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Ok,
    /// The cause of the failure.
    Failed(Fault),
    /// Not necessary, or not possible after a failure.
    Skipped,
}

impl State {
    /// The name in both formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed(_) => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// A step with its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which step.
    pub check: Check,
    /// Its result.
    pub state: State,
    /// What was seen, in one sentence; of a failed step, the cause.
    pub seen: String,
    /// What to do next.
    pub next: Option<String>,
}

/// A failure: who has to act, the sentence that names the cause, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) cause: String,
    pub(super) next: String,
}

impl Failure {
    pub(super) fn ours(cause: impl Into<String>, next: impl Into<String>) -> Self {
        Self { fault: Fault::Ours, cause: cause.into(), next: next.into() }
    }

    pub(super) fn theirs(cause: impl Into<String>, next: impl Into<String>) -> Self {
        Self { fault: Fault::Theirs, cause: cause.into(), next: next.into() }
    }
}

/// All steps of one bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The bot; `None` if the configuration is invalid.
    pub bot: Option<BotName>,
    /// The steps, in the order of [`Check::ALL`], each once.
    pub steps: Vec<Step>,
}

impl Examination {
    pub(super) fn new(bot: Option<BotName>) -> Self {
        Self { bot, steps: Vec::with_capacity(Check::ALL.len()) }
    }

    /// An examination that ends with the configuration.
    pub fn of_invalid_configuration(mistakes: &str) -> Self {
        let mut examination = Self::new(None);
        let next = "correct what is listed; --config.check repeats this check";
        examination.fail(Check::Configuration, Failure::ours(mistakes, next));
        examination.finished()
    }

    /// The failed step, if there is one.
    pub fn failure(&self) -> Option<&Step> {
        self.steps.iter().find(|step| matches!(step.state, State::Failed(_)))
    }

    pub(super) fn ok(&mut self, check: Check, seen: impl Into<String>) {
        self.push(check, State::Ok, seen.into(), None);
    }

    /// A good result with a remark.
    pub(super) fn remark(&mut self, check: Check, seen: impl Into<String>, next: &str) {
        self.push(check, State::Ok, seen.into(), Some(next.to_owned()));
    }

    pub(super) fn skip(&mut self, check: Check, why: impl Into<String>) {
        self.push(check, State::Skipped, why.into(), None);
    }

    pub(super) fn fail(&mut self, check: Check, failure: Failure) {
        let Failure { fault, cause, next } = failure;
        self.push(check, State::Failed(fault), cause, Some(next));
    }

    fn push(&mut self, check: Check, state: State, seen: String, next: Option<String>) {
        self.steps.push(Step { check, state, seen, next });
    }

    /// Skips all steps that have not been reached.
    pub(super) fn finished(mut self) -> Self {
        let why = match self.failure() {
            Some(step) => format!("not reached, because {} failed", step.check.id()),
            None => "not reached".to_owned(),
        };
        let reached = self.steps.iter().map(|step| step.check).collect::<Vec<_>>();
        for check in Check::ALL.into_iter().filter(|check| !reached.contains(check)) {
            self.skip(check, why.clone());
        }
        self.steps.sort_by_key(|step| step.check);
        self
    }
}
