//! The store: all jobs and bots, the configuration in force, and what happens as time passes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use enum_map::EnumMap;

use crate::model::{
    ApiVersion, BotCounters, BotGauges, BotMetrics, BotName, Channel, DropReason, Job, JobKey, JobSlot, JobState,
    SourceId, SourceKind, Timestamp,
};

use super::bot::BotState;
use super::campaigns::Campaigns;
use super::dirty::Dirty;
use super::dropped::Dropped;
use super::entry::Entry;
use super::recalls::Recalls;
use super::remembered::Remembered;
use super::retired::Retired;
use super::sources::{REMOVAL_GRACE, Source, SourceStatus, Sources};

/// Outdated deadlines and expiries that are tolerated besides two for each slot.
const SPARE_TIMERS: usize = 64;

/// The configured limits of the life of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// A job that is unfinished this long after a source first named it is abandoned.
    pub job_deadline: Duration,
    /// How long the series of an ended job stay; those of a gone job stay at least until its `job_deadline`.
    pub retention: Duration,
    /// How long a campaign is kept after its last change.
    pub campaign_retention: Duration,
    /// Limit of jobs with series.
    pub max_jobs: usize,
}

/// The configuration of a bot, as far as the store needs it.
#[derive(Debug, Clone)]
pub struct BotSpec {
    /// Its name.
    pub name: BotName,
    /// The API that its jobs are read from.
    pub api: ApiVersion,
    /// Channels whose series are initialised to 0.
    pub channels: Vec<Channel>,
}

/// A change of a job that the schedulers and the exposition must follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is tracked now, or again after it was gone: render it, and poll it if [`Store::is_polled`].
    Added(JobSlot),
    /// Its values changed: render it again.
    Changed(JobSlot),
    /// It is not polled any more; it is still rendered.
    Ended(JobSlot),
    /// It was removed. The slot stays reserved until [`Store::release`].
    Removed(JobSlot),
}

/// The result of a registration through the job API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It was not tracked before.
    New,
    /// It is tracked already, or has ended.
    Known,
}

/// Why a job was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// No bot of that name.
    #[error("no bot with this name is configured")]
    UnknownBot,
    /// `max_jobs` is reached.
    #[error("max_jobs is reached; register the job again when other jobs have expired, or raise max_jobs")]
    Full,
    /// The database could not store it, so that a restart would lose it.
    #[error("cannot write the job to the database; the log has the cause")]
    NotPersisted,
}

/// The state of all jobs and the counters of all bots.
#[derive(Debug)]
pub struct Store {
    pub(super) settings: Settings,
    pub(super) bots: BTreeMap<BotName, BotState>,
    pub(super) entries: Vec<Option<Entry>>,
    pub(super) free: Vec<JobSlot>,
    pub(super) index: HashMap<JobKey, JobSlot>,
    pub(super) retired: Retired,
    pub(super) remembered: Remembered,
    pub(super) recalls: Recalls,
    pub(super) sources: Sources,
    pub(super) campaigns: Campaigns,
    /// When ended jobs expire; outdated elements are skipped.
    pub(super) expiries: BinaryHeap<Reverse<(Timestamp, JobSlot)>>,
    /// When running jobs are abandoned; outdated elements are skipped.
    pub(super) deadlines: BinaryHeap<Reverse<(Timestamp, JobSlot)>>,
    /// Jobs that no source names any more, until [`REMOVAL_GRACE`] is over.
    pub(super) orphaned: BTreeSet<JobSlot>,
    pub(super) dropped: Dropped,
    pub(super) changes: Vec<Change>,
    /// What differs from the database; `None` with in-memory storage.
    pub(super) dirty: Option<Dirty>,
    /// A job was added, removed or changed its state since [`BotGauges::jobs`] was counted.
    pub(super) job_states_changed: bool,
    /// The time of the last call that had one.
    pub(super) now: Timestamp,
}

impl Store {
    /// A store without bots and jobs.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            bots: BTreeMap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            index: HashMap::new(),
            retired: Retired::default(),
            remembered: Remembered::default(),
            recalls: Recalls::default(),
            sources: Sources::default(),
            campaigns: Campaigns::default(),
            expiries: BinaryHeap::new(),
            deadlines: BinaryHeap::new(),
            orphaned: BTreeSet::new(),
            dropped: Dropped::default(),
            changes: Vec::new(),
            dirty: None,
            job_states_changed: false,
            now: Timestamp::default(),
        }
    }

    /// Applies a configuration: bots and sources that it does not have are removed, the others keep their state.
    ///
    /// The jobs of a removed bot are removed at once. The jobs of a removed source stay for [`REMOVAL_GRACE`], so that
    /// moving them to another source leaves no gap.
    pub fn configure(&mut self, settings: Settings, bots: &[BotSpec], sources: &[SourceId], now: Timestamp) {
        self.settings = settings;
        self.now = now;
        for spec in bots {
            match self.bots.get_mut(&spec.name) {
                Some(bot) => bot.configure(spec.api, &spec.channels, now),
                None => {
                    let bot = BotState::new(spec.name.clone(), spec.api, &spec.channels, now);
                    self.bots.insert(spec.name.clone(), bot);
                }
            }
        }
        let configured: HashSet<&BotName> = bots.iter().map(|spec| &spec.name).collect();
        for name in self.bots.keys().filter(|name| !configured.contains(name)) {
            Dirty::mark_bot(&mut self.dirty, name);
        }
        self.bots.retain(|name, _| configured.contains(name));
        for source in sources {
            self.sources.find_or_insert(source);
        }
        let configured_sources: HashSet<&SourceId> = sources.iter().collect();
        let removed = self.sources.retain(|id| {
            configured_sources.contains(id) || (id.kind == SourceKind::Api && configured.contains(&id.bot))
        });
        for slot in self.slots().collect::<Vec<_>>() {
            let Some(entry) = self.entry_mut(slot) else { continue };
            let bot = entry.job.key.bot.clone();
            let sources_before = entry.sources.len();
            entry.sources.retain(|source| !removed.contains(source));
            let orphan = entry.sources.is_empty();
            let orphaned_now = orphan && sources_before > 0;
            if orphaned_now {
                entry.orphaned_since = Some(now);
                self.orphaned.insert(slot);
            }
            if self.entry(slot).is_some_and(|entry| entry.sources.len() != sources_before) {
                self.mark_dirty(slot);
            }
            if !configured.contains(&bot) {
                self.remove(slot);
                continue;
            }
            if let Some(api) = self.bots.get(&bot).map(|bot| bot.api)
                && let Some(entry) = self.entry_mut(slot)
                && entry.job.api != api
            {
                entry.job.api = api;
                self.note(Change::Changed(slot));
            }
        }
        self.recalls.retain(|source, _| !removed.contains(&source));
        self.retain_remembered(&configured);
        self.remove_foreign_campaigns();
        self.reschedule();
        self.count_sources();
    }

    /// Advances to `now`: abandons jobs at their deadline, removes expired and orphaned jobs, and admits waiting targets
    /// within `max_jobs`.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = now;
        while let Some(Reverse((due, slot))) = self.deadlines.peek().copied().filter(|Reverse((due, _))| *due <= now) {
            self.deadlines.pop();
            let deadline = self.settings.job_deadline;
            match self.entry(slot).filter(|e| e.added.plus(deadline) <= due).map(|e| e.job.state) {
                Some(JobState::Polling) => {
                    self.end(slot, JobState::Abandoned, now);
                    self.note(Change::Changed(slot));
                }
                Some(JobState::Gone) => self.note(Change::Ended(slot)),
                Some(JobState::Finished | JobState::Abandoned) | None => {}
            }
        }
        while let Some(Reverse((due, slot))) = self.expiries.peek().copied().filter(|Reverse((due, _))| *due <= now) {
            self.expiries.pop();
            let Settings { retention, job_deadline, .. } = self.settings;
            if self.entry(slot).and_then(|e| e.expires_at(retention, job_deadline)).is_some_and(|at| at <= due) {
                self.remove(slot);
            }
        }
        let mut over = Vec::new();
        for slot in self.orphaned.iter().copied() {
            let Some(entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::as_mut) else { continue };
            if entry.orphaned_since.get_or_insert(now).plus(REMOVAL_GRACE) <= now {
                over.push(slot);
            }
        }
        for slot in over {
            self.remove(slot);
        }
        while self.has_capacity() {
            let Some((index, target)) = self.sources.waiting.pop_front() else { break };
            let Some(bot) = self.sources.get_mut(index).map(|source| source.id.bot.clone()) else { continue };
            self.add_reference(index, &bot, target, true, now);
        }
        self.expire_campaigns(now);
        // There is a tick for every poll, and few polls change a state.
        if self.job_states_changed {
            self.count_jobs();
        }
    }

    /// The next time at which [`Self::tick`] has work.
    pub fn next_tick(&self) -> Option<Timestamp> {
        let heads = [self.deadlines.peek(), self.expiries.peek()];
        let earliest = heads.into_iter().flatten().map(|Reverse((due, _))| *due).min();
        let grace = self.orphaned.iter().filter_map(|slot| self.entry(*slot)?.orphaned_since).min();
        [earliest, grace.map(|since| since.plus(REMOVAL_GRACE))].into_iter().flatten().min()
    }

    /// The changes since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Releases the slot of a removed job; to be called when no call for it is in flight.
    pub fn release(&mut self, slot: JobSlot) {
        if self.entry(slot).is_none() {
            self.free.push(slot);
        }
    }

    /// A tracked job with its bookkeeping.
    pub fn entry(&self, slot: JobSlot) -> Option<&Entry> {
        self.entries.get(slot.index() as usize)?.as_ref()
    }

    /// A tracked job.
    pub fn job(&self, slot: JobSlot) -> Option<&Job> {
        self.entry(slot).map(|entry| &entry.job)
    }

    /// The slot of a tracked job.
    pub fn find(&self, key: &JobKey) -> Option<JobSlot> {
        self.index.get(key).copied()
    }

    /// A job that has ended and whose series have expired, unless only the database has it.
    pub fn retired_job(&self, key: &JobKey) -> Option<&Job> {
        let entry = self.retired.get(key)?;
        matches!(entry.job.state, JobState::Finished | JobState::Gone).then_some(&entry.job)
    }

    /// All tracked jobs, in the order of their slots.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.entries.iter().flatten().map(|entry| &entry.job)
    }

    /// The slots of all tracked jobs.
    pub fn tracked_slots(&self) -> impl Iterator<Item = JobSlot> {
        self.slots()
    }

    /// The kinds of the sources that name a job.
    pub fn sources_of(&self, slot: JobSlot) -> Vec<SourceKind> {
        let Some(entry) = self.entry(slot) else { return Vec::new() };
        let mut kinds: Vec<SourceKind> =
            entry.sources.iter().filter_map(|index| self.sources.get(*index)).map(|source| source.id.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The state of the configured sources, in the order in which they were first configured.
    pub fn source_statuses(&self) -> Vec<SourceStatus> {
        let status = |source: &Source| SourceStatus {
            id: source.id.clone(),
            down_since: source.down_since,
            targets: source.targets,
            invalid: source.invalid,
        };
        self.sources.configured().map(status).collect()
    }

    /// The metrics of all bots, by name.
    pub fn bots(&self) -> impl Iterator<Item = &BotMetrics> {
        self.bots.values().map(|bot| &bot.metrics)
    }

    /// The counters of a bot, to be persisted with the next batch.
    pub fn counters_mut(&mut self, name: &BotName) -> Option<&mut BotCounters> {
        let bot = self.bots.get_mut(name)?;
        Dirty::mark_bot(&mut self.dirty, name);
        Some(&mut bot.metrics.counters)
    }

    /// The gauges of a bot, which are not persisted.
    pub fn gauges_mut(&mut self, name: &BotName) -> Option<&mut BotGauges> {
        self.bots.get_mut(name).map(|bot| &mut bot.metrics.gauges)
    }

    /// Rejected items.
    pub fn dropped(&self) -> EnumMap<DropReason, u64> {
        self.dropped.counts()
    }

    pub(super) fn entry_mut(&mut self, slot: JobSlot) -> Option<&mut Entry> {
        self.entries.get_mut(slot.index() as usize)?.as_mut()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = JobSlot> + use<'_> {
        let occupied = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_some());
        occupied.filter_map(|(index, _)| u32::try_from(index).ok().map(JobSlot::new))
    }

    /// Records a change of a job, and with it of its bot's and its campaign's counters.
    pub(super) fn note(&mut self, change: Change) {
        let (Change::Added(slot) | Change::Changed(slot) | Change::Ended(slot) | Change::Removed(slot)) = change;
        self.settle(slot);
        self.mark_dirty(slot);
        self.changes.push(change);
    }

    /// Marks a job and its bot for the next batch.
    pub(super) fn mark_dirty(&mut self, slot: JobSlot) {
        if let Some(entry) = self.entries.get(slot.index() as usize).and_then(Option::as_ref) {
            Dirty::mark_job(&mut self.dirty, &entry.job.key);
            Dirty::mark_bot(&mut self.dirty, &entry.job.key.bot);
        }
    }

    /// Drops outdated deadlines and expiries when most of them are: jobs that are removed early leave theirs behind.
    pub(super) fn prune_timers(&mut self) {
        let limit = 2 * self.entries.len() + SPARE_TIMERS;
        if self.deadlines.len() > limit || self.expiries.len() > limit {
            self.reschedule();
        }
    }

    /// Rebuilds deadlines and expiries after the settings changed.
    pub(super) fn reschedule(&mut self) {
        let mut deadlines = Vec::new();
        let mut expiries = Vec::new();
        let Settings { retention, job_deadline, .. } = self.settings;
        for slot in self.slots() {
            let Some(entry) = self.entry(slot) else { continue };
            expiries.extend(entry.expires_at(retention, job_deadline).map(|at| Reverse((at, slot))));
            if matches!(entry.job.state, JobState::Polling | JobState::Gone) {
                deadlines.push(Reverse((entry.added.plus(job_deadline), slot)));
            }
        }
        self.deadlines = deadlines.into();
        self.expiries = expiries.into();
    }
}
