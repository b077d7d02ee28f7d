//! How other tasks send commands to the polling loop.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::bot::BotStatus;
use super::setup::Setup;
use crate::model::{
    BotName, Campaign, CampaignKey, HistoryPoint, Job, JobKey, JobState, JobStatus, LabelValue, Outcome, RequestId,
    SourceKind, Target, TargetUpdate, Timestamp,
};
use crate::store::{RegisterError, Registered, SourceStatus};

/// The most jobs in one listing.
pub const MAX_LISTED: usize = 1000;

/// The most commands that wait. A full queue delays the next sender: people and the job API, not scrapes.
const MAX_QUEUED_COMMANDS: usize = 64;

/// A command to the polling loop, with where to send the reply.
pub(super) enum Command {
    Configure(Box<Setup>, oneshot::Sender<mpsc::Sender<TargetUpdate>>),
    ReloadFailed(oneshot::Sender<()>),
    Register(BotName, Vec<Target>, oneshot::Sender<Vec<Result<Registered, RegisterError>>>),
    Forget(JobKey, oneshot::Sender<Result<bool, RegisterError>>),
    Keys(Filter, oneshot::Sender<Vec<(JobKey, Option<LabelValue>)>>),
    List(Filter, oneshot::Sender<Listing>),
    Campaigns(oneshot::Sender<Vec<Arc<Campaign>>>),
    Campaign(CampaignKey, oneshot::Sender<Option<(Arc<Campaign>, Vec<HistoryPoint>)>>),
    Job(JobKey, oneshot::Sender<Option<(ListedJob, Vec<HistoryPoint>)>>),
    Bots(oneshot::Sender<Vec<BotStatus>>),
    Sources(oneshot::Sender<Vec<SourceStatus>>),
    Sizes(oneshot::Sender<BTreeMap<&'static str, usize>>),
    Probe(JobKey, oneshot::Sender<Result<Box<Job>, ProbeError>>),
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only jobs of this bot.
    pub bot: Option<BotName>,
    /// Only jobs in this state.
    pub state: Option<JobState>,
    /// Only jobs with this status.
    pub status: Option<JobStatus>,
    /// Only jobs of this campaign.
    pub campaign: Option<String>,
    /// Only this request ID.
    pub request_id: Option<RequestId>,
    /// Only request IDs that contain this text.
    pub request_id_part: Option<String>,
    /// How many matching jobs to skip.
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
            && self.request_id_part.as_ref().is_none_or(|part| job.key.id.as_str().contains(part.as_str()))
    }
}

/// One job of a listing.
#[derive(Debug, Clone)]
pub struct ListedJob {
    /// The job.
    pub job: Job,
    /// The kinds of the sources that provide it.
    pub sources: Vec<SourceKind>,
    /// Time of the last answer, successful or not.
    pub last_poll: Option<Timestamp>,
    /// The outcome of the last poll, if it failed, and since when polls fail.
    pub failing: Option<(Outcome, Timestamp)>,
}

/// A page of jobs.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The number of matching jobs, listed or not.
    pub matching: usize,
    /// The jobs, most recently changed first.
    pub jobs: Vec<ListedJob>,
}

/// Why a probe has no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// No bot of that name.
    #[error("there is no bot of that name in the configuration")]
    UnknownBot,
    /// The last call for the job ended less than the minimum gap ago, or is in flight.
    #[error("the job was requested less than 2 s ago; try again later")]
    TooSoon,
    /// The budget is exhausted, or the circuit breaker blocks calls.
    #[error("no call can be made now: the budget is spent or calls are paused")]
    NoBudget,
    /// The job is remembered, and the database cannot be read.
    #[error("cannot read the job from the database; the log has the cause")]
    NotReadable,
    /// The call failed.
    #[error("the upstream gave no report: {0}")]
    Failed(String),
}

/// The polling loop has ended, because the process shuts down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the exporter is shutting down")]
pub struct Unavailable;

/// Sends commands to the polling loop; cheap to clone.
#[derive(Clone)]
pub struct Handle(mpsc::Sender<Command>);

impl Handle {
    pub(super) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_COMMANDS);
        (Self(sender), receiver)
    }

    async fn request<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Unavailable> {
        let (sender, receiver) = oneshot::channel();
        self.0.send(command(sender)).await.map_err(|_| Unavailable)?;
        receiver.await.map_err(|_| Unavailable)
    }

    /// Applies another configuration; it is in effect when this returns. Returns where discovery sends the updates of its
    /// sources: updates to an earlier configuration are dropped.
    pub async fn configure(&self, setup: Setup) -> Result<mpsc::Sender<TargetUpdate>, Unavailable> {
        self.request(|reply| Command::Configure(Box::new(setup), reply)).await
    }

    /// Records a failed reload, for the metrics.
    pub async fn reload_failed(&self) -> Result<(), Unavailable> {
        self.request(Command::ReloadFailed).await
    }

    /// Registers jobs; the results are in the order of the targets. When this returns, the jobs are on the page and in the
    /// database. Jobs that could not be written are tracked, but a restart would lose them.
    pub async fn register(
        &self,
        bot: BotName,
        targets: Vec<Target>,
    ) -> Result<Vec<Result<Registered, RegisterError>>, Unavailable> {
        self.request(|reply| Command::Register(bot, targets, reply)).await
    }

    /// Removes a job that was registered by [`Self::register`]; `false` if there was none. With
    /// [`RegisterError::NotPersisted`] the job is removed, but a restart could restore it.
    pub async fn forget(&self, key: JobKey) -> Result<Result<bool, RegisterError>, Unavailable> {
        self.request(|reply| Command::Forget(key, reply)).await
    }

    /// Lists jobs.
    pub async fn list(&self, filter: Filter) -> Result<Listing, Unavailable> {
        self.request(|reply| Command::List(filter, reply)).await
    }

    /// The keys and campaigns of all jobs that match, sorted; offset and limit are ignored.
    pub async fn keys(&self, filter: Filter) -> Result<Vec<(JobKey, Option<LabelValue>)>, Unavailable> {
        self.request(|reply| Command::Keys(filter, reply)).await
    }

    /// All campaigns, by bot and name; shared, not copied.
    pub async fn campaigns(&self) -> Result<Vec<Arc<Campaign>>, Unavailable> {
        self.request(Command::Campaigns).await
    }

    /// One campaign, and its course since the start of this process.
    pub async fn campaign(&self, key: CampaignKey) -> Result<Option<(Arc<Campaign>, Vec<HistoryPoint>)>, Unavailable> {
        self.request(|reply| Command::Campaign(key, reply)).await
    }

    /// One tracked job, and its last reports since the start of this process.
    pub async fn job(&self, key: JobKey) -> Result<Option<(ListedJob, Vec<HistoryPoint>)>, Unavailable> {
        self.request(|reply| Command::Job(key, reply)).await
    }

    /// The state of all bots.
    pub async fn bots(&self) -> Result<Vec<BotStatus>, Unavailable> {
        self.request(Command::Bots).await
    }

    /// The state of all sources of targets.
    pub async fn sources(&self) -> Result<Vec<SourceStatus>, Unavailable> {
        self.request(Command::Sources).await
    }

    /// The number of elements of each collection, by name: none may grow without bound.
    pub async fn sizes(&self) -> Result<BTreeMap<&'static str, usize>, Unavailable> {
        self.request(Command::Sizes).await
    }

    /// One job: from memory if it is tracked or was probed within the minimum gap between two calls, otherwise requested from
    /// the upstream within the bot's budget.
    pub async fn probe(&self, key: JobKey) -> Result<Result<Box<Job>, ProbeError>, Unavailable> {
        self.request(|reply| Command::Probe(key, reply)).await
    }
}
