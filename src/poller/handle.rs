//! How other tasks ask the loop for something.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, oneshot};

use super::{BotStatus, Setup};
use crate::model::{BotName, Job, JobKey, JobState, JobStatus, LabelValue, RequestId, SourceKind, Target, Timestamp};
use crate::store::{RegisterError, Registered};

/// The most jobs of one listing.
pub const MAX_LISTED: usize = 1000;

/// Commands that may wait. A full queue makes the next asker wait: they are people and senders, not scrapes.
const QUEUE: usize = 64;

/// What the loop can be asked for.
pub(super) enum Command {
    Configure(Box<Setup>, oneshot::Sender<()>),
    ReloadFailed(oneshot::Sender<()>),
    Register(BotName, Vec<Target>, oneshot::Sender<Vec<Result<Registered, RegisterError>>>),
    Forget(JobKey, oneshot::Sender<Result<bool, RegisterError>>),
    Keys(Filter, oneshot::Sender<Vec<(JobKey, Option<LabelValue>)>>),
    List(Filter, oneshot::Sender<Listing>),
    Bots(oneshot::Sender<Vec<BotStatus>>),
    Sizes(oneshot::Sender<BTreeMap<&'static str, usize>>),
    Probe(JobKey, oneshot::Sender<Result<Box<Job>, ProbeError>>),
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this bot.
    pub bot: Option<BotName>,
    /// In this state.
    pub state: Option<JobState>,
    /// With this status.
    pub status: Option<JobStatus>,
    /// Of this campaign.
    pub campaign: Option<String>,
    /// This one request ID.
    pub request_id: Option<RequestId>,
    /// How many to pass over.
    pub offset: usize,
    /// How many to list, at most [`MAX_LISTED`].
    pub limit: usize,
}

impl Filter {
    pub(super) fn admits(&self, job: &Job) -> bool {
        self.bot.as_ref().is_none_or(|bot| *bot == job.key.bot)
            && self.state.is_none_or(|state| state == job.state)
            && self.status.is_none_or(|status| status == job.status)
            && self
                .campaign
                .as_ref()
                .is_none_or(|campaign| job.campaign.as_ref().is_some_and(|value| value.as_str() == campaign))
            && self.request_id.as_ref().is_none_or(|id| *id == job.key.id)
    }
}

/// One job of a listing.
#[derive(Debug, Clone)]
pub struct ListedJob {
    /// The job.
    pub job: Job,
    /// Who wants it.
    pub sources: Vec<SourceKind>,
    /// When an answer last came, whatever it was.
    pub last_poll: Option<Timestamp>,
}

/// A page of jobs.
#[derive(Debug, Clone)]
pub struct Listing {
    /// How many jobs match, listed or not.
    pub matching: usize,
    /// The jobs, those that changed last first.
    pub jobs: Vec<ListedJob>,
}

/// Why a probe gave no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// No bot of that name.
    #[error("there is no bot of that name in the configuration")]
    UnknownBot,
    /// The budget is spent, or the upstream has refused and calls are paused.
    #[error("no call can be made now: the budget is spent or calls are paused")]
    NoBudget,
    /// The call came to nothing.
    #[error("the upstream gave no report: {0}")]
    Failed(String),
}

/// The loop has ended, which it does only when the process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the exporter is shutting down")]
pub struct Unavailable;

/// Asks the loop; cheap to clone.
#[derive(Clone)]
pub struct Handle(mpsc::Sender<Command>);

impl Handle {
    pub(super) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Unavailable> {
        let (sender, receiver) = oneshot::channel();
        self.0.send(command(sender)).await.map_err(|_| Unavailable)?;
        receiver.await.map_err(|_| Unavailable)
    }

    /// Hands over another configuration; when this returns it is in force.
    pub async fn configure(&self, setup: Setup) -> Result<(), Unavailable> {
        self.ask(|reply| Command::Configure(Box::new(setup), reply)).await
    }

    /// Notes that a configuration could not be read, for the metrics.
    pub async fn reload_failed(&self) -> Result<(), Unavailable> {
        self.ask(Command::ReloadFailed).await
    }

    /// Takes jobs in; the answers are in the order of the targets. They are on the page and in the database when this
    /// returns; those that could not be written are followed all the same, but a restart would lose them.
    pub async fn register(
        &self,
        bot: BotName,
        targets: Vec<Target>,
    ) -> Result<Vec<Result<Registered, RegisterError>>, Unavailable> {
        self.ask(|reply| Command::Register(bot, targets, reply)).await
    }

    /// Forgets a job that was taken in by [`Self::register`]; `false` where there was none. With
    /// [`RegisterError::NotPersisted`] it is forgotten, but a restart might bring it back.
    pub async fn forget(&self, key: JobKey) -> Result<Result<bool, RegisterError>, Unavailable> {
        self.ask(|reply| Command::Forget(key, reply)).await
    }

    /// Lists jobs.
    pub async fn list(&self, filter: Filter) -> Result<Listing, Unavailable> {
        self.ask(|reply| Command::List(filter, reply)).await
    }

    /// The keys and campaigns of all jobs that match, sorted; offset and limit are passed over.
    pub async fn keys(&self, filter: Filter) -> Result<Vec<(JobKey, Option<LabelValue>)>, Unavailable> {
        self.ask(|reply| Command::Keys(filter, reply)).await
    }

    /// How the bots are.
    pub async fn bots(&self) -> Result<Vec<BotStatus>, Unavailable> {
        self.ask(Command::Bots).await
    }

    /// How many elements each of its collections has, by name: none may grow without bound.
    pub async fn sizes(&self) -> Result<BTreeMap<&'static str, usize>, Unavailable> {
        self.ask(Command::Sizes).await
    }

    /// One job, from memory where it is followed or was probed within the least gap between two calls, else asked about
    /// now, within the bot's budget.
    pub async fn probe(&self, key: JobKey) -> Result<Result<Box<Job>, ProbeError>, Unavailable> {
        self.ask(|reply| Command::Probe(key, reply)).await
    }
}
