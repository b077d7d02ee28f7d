//! All jobs and bots: what is known of them, which configuration holds, and what the passing of time does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use crate::model::{
    ApiVersion, BotName, Channel, DropReason, JobKey, JobSlot, JobState, LabelValue, SourceId, SourceKind, Timestamp,
};

use super::Entry;
use super::bot::BotState;
use super::dirty::Dirty;
use super::retired::Retired;
use super::sources::{REMOVAL_GRACE, Sources};

/// What the configuration says of the life of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// A job unfinished so long after it was first wanted is given up.
    pub job_deadline: Duration,
    /// How long the series of an ended job stay.
    pub retention: Duration,
    /// The most jobs that have series at a time.
    pub max_jobs: usize,
}

/// What the store needs to know of a bot.
#[derive(Debug, Clone)]
pub struct BotSpec {
    /// Its name.
    pub name: BotName,
    /// Which API its jobs are read from.
    pub api: ApiVersion,
    /// Channels whose series stand at 0 from the start.
    pub channels: Vec<Channel>,
}

/// What happened to a job: what the schedulers and the exposition must follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is followed now: show it, and poll it if its state is `polling`.
    Added(JobSlot),
    /// Something of it changed: show it anew.
    Changed(JobSlot),
    /// It is not to be polled any more; it is still shown.
    Ended(JobSlot),
    /// It is gone. The slot stays taken until [`Store::release`].
    Removed(JobSlot),
}

/// A job taken in through the job API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It was not followed before.
    New,
    /// It was followed already, or has been followed to its end.
    Known,
}

/// Why a job was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// No bot of that name.
    #[error("there is no bot of that name in the configuration")]
    UnknownBot,
    /// `max_jobs` is reached.
    #[error("max_jobs is reached; a job is taken again when others have expired")]
    Full,
    /// The database could not keep it, so that a restart would lose it.
    #[error("it could not be written to the database; see the log")]
    NotPersisted,
}

/// One bot.
#[derive(Debug)]
pub(super) struct Bot {
    pub(super) book: BotState,
    api: ApiVersion,
}

impl Bot {
    pub(super) fn api(&self) -> ApiVersion {
        self.api
    }
}

/// What was turned away, by reason.
#[derive(Debug, Default)]
pub(super) struct Dropped(pub(super) [u64; DropReason::ALL.len()]);

impl Dropped {
    pub(super) fn add(&mut self, reason: DropReason, count: u64) {
        if let Some(sum) =
            DropReason::ALL.iter().position(|known| *known == reason).and_then(|index| self.0.get_mut(index))
        {
            *sum = sum.saturating_add(count);
        }
    }
}

/// The state of all jobs and the counters of all bots.
#[derive(Debug)]
pub struct Store {
    pub(super) settings: Settings,
    pub(super) bots: BTreeMap<BotName, Bot>,
    pub(super) entries: Vec<Option<Entry>>,
    pub(super) free: Vec<JobSlot>,
    pub(super) index: HashMap<JobKey, JobSlot>,
    pub(super) retired: Retired,
    pub(super) sources: Sources,
    pub(super) campaigns: HashMap<LabelValue, usize>,
    /// When ended jobs expire; entries that are out of date are passed over.
    pub(super) expiries: BinaryHeap<Reverse<(Timestamp, JobSlot)>>,
    /// When running jobs are given up.
    pub(super) deadlines: BinaryHeap<Reverse<(Timestamp, JobSlot)>>,
    /// Jobs that no source wants any more, until the grace is over.
    pub(super) orphaned: BTreeSet<JobSlot>,
    pub(super) dropped: Dropped,
    pub(super) changes: Vec<Change>,
    /// What the database has not been told; `None` where there is no database.
    pub(super) dirty: Option<Dirty>,
    /// A job came, went, or changed its state since [`crate::model::BotTotals::jobs`] was counted.
    pub(super) states_moved: bool,
}

impl Store {
    /// One that knows no bot and no job.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            bots: BTreeMap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            index: HashMap::new(),
            retired: Retired::default(),
            sources: Sources::default(),
            campaigns: HashMap::new(),
            expiries: BinaryHeap::new(),
            deadlines: BinaryHeap::new(),
            orphaned: BTreeSet::new(),
            dropped: Dropped::default(),
            changes: Vec::new(),
            dirty: None,
            states_moved: false,
        }
    }

    /// Takes a configuration: the bots and sources that it does not have are forgotten, the others keep what they have.
    /// The jobs of a bot that is gone go at once; those of a source that is gone have [`REMOVAL_GRACE`] to be named by
    /// another one, so that moving them from one source to another leaves no gap.
    pub fn configure(&mut self, settings: Settings, bots: &[BotSpec], sources: &[SourceId], now: Timestamp) {
        self.settings = settings;
        for spec in bots {
            match self.bots.get_mut(&spec.name) {
                Some(bot) => {
                    bot.api = spec.api;
                    bot.book.add_channels(&spec.channels);
                }
                None => {
                    let bot = Bot { book: BotState::new(spec.name.clone(), &spec.channels), api: spec.api };
                    self.bots.insert(spec.name.clone(), bot);
                }
            }
        }
        let wanted: HashSet<&BotName> = bots.iter().map(|spec| &spec.name).collect();
        for name in self.bots.keys().filter(|name| !wanted.contains(name)) {
            Dirty::bot(&mut self.dirty, name);
        }
        self.bots.retain(|name, _| wanted.contains(name));
        for source in sources {
            self.sources.place(source);
        }
        let kept: HashSet<&SourceId> = sources.iter().collect();
        let gone =
            self.sources.retain(|id| kept.contains(id) || (id.kind == SourceKind::Api && wanted.contains(&id.bot)));
        for slot in self.slots().collect::<Vec<_>>() {
            let Some(entry) = self.entry_mut(slot) else { continue };
            let bot = entry.job.key.bot.clone();
            let sources_before = entry.wanted_by.len();
            entry.wanted_by.retain(|source| !gone.contains(source));
            let orphan = entry.wanted_by.is_empty();
            let orphaned_now = orphan && sources_before > 0;
            if orphaned_now {
                entry.unwanted_since = Some(now);
                self.orphaned.insert(slot);
            }
            if self.entry(slot).is_some_and(|entry| entry.wanted_by.len() != sources_before) {
                self.mark_dirty(slot);
            }
            if !wanted.contains(&bot) {
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
        for key in self.retired.retain(|entry| wanted.contains(&entry.job.key.bot)) {
            Dirty::job(&mut self.dirty, &key);
        }
        self.reschedule();
        self.count_sources();
    }

    /// Lets time pass: gives jobs up at their deadline, expires ended ones, lets go of orphaned ones, takes waiting
    /// targets in where there is room.
    pub fn tick(&mut self, now: Timestamp) {
        while let Some(Reverse((due, slot))) = self.deadlines.peek().copied().filter(|Reverse((due, _))| *due <= now) {
            self.deadlines.pop();
            let deadline = self.settings.job_deadline;
            if self.entry(slot).is_some_and(|e| e.job.state == JobState::Polling && e.added.plus(deadline) <= due) {
                self.end(slot, JobState::Abandoned, now);
                self.note(Change::Changed(slot));
            }
        }
        while let Some(Reverse((due, slot))) = self.expiries.peek().copied().filter(|Reverse((due, _))| *due <= now) {
            self.expiries.pop();
            let retention = self.settings.retention;
            if self.entry(slot).and_then(|e| e.ended).is_some_and(|ended| ended.plus(retention) <= due) {
                self.remove(slot);
            }
        }
        let mut over = Vec::new();
        for slot in self.orphaned.iter().copied() {
            let Some(entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::as_mut) else { continue };
            if entry.unwanted_since.get_or_insert(now).plus(REMOVAL_GRACE) <= now {
                over.push(slot);
            }
        }
        for slot in over {
            self.remove(slot);
        }
        while self.index.len() < self.settings.max_jobs {
            let Some((index, target)) = self.sources.waiting.pop_front() else { break };
            let Some(bot) = self.sources.get_mut(index).map(|source| source.id.bot.clone()) else { continue };
            self.add_reference(index, &bot, target, true, now);
        }
        // Ticks come with every answer, which seldom changes a state.
        if self.states_moved {
            self.count_jobs();
        }
    }

    /// The next moment at which [`Self::tick`] has something to do.
    pub fn next_tick(&self) -> Option<Timestamp> {
        let heads = [self.deadlines.peek(), self.expiries.peek()];
        let earliest = heads.into_iter().flatten().map(|Reverse((due, _))| *due).min();
        let grace = self.orphaned.iter().filter_map(|slot| self.entry(*slot)?.unwanted_since).min();
        [earliest, grace.map(|since| since.plus(REMOVAL_GRACE))].into_iter().flatten().min()
    }

    /// What happened since this was last called.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Gives a removed job's slot back; to be called when no call for it is under way.
    pub fn release(&mut self, slot: JobSlot) {
        if self.entry(slot).is_none() {
            self.free.push(slot);
        }
    }

    pub(super) fn entry_mut(&mut self, slot: JobSlot) -> Option<&mut Entry> {
        self.entries.get_mut(slot.index() as usize)?.as_mut()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = JobSlot> + use<'_> {
        let taken = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_some());
        taken.filter_map(|(index, _)| u32::try_from(index).ok().map(JobSlot::new))
    }

    /// Something of a job changed, and of its bot's counters.
    pub(super) fn note(&mut self, change: Change) {
        let (Change::Added(slot) | Change::Changed(slot) | Change::Ended(slot) | Change::Removed(slot)) = change;
        self.mark_dirty(slot);
        self.changes.push(change);
    }

    /// The database is to be told of a job and its bot.
    pub(super) fn mark_dirty(&mut self, slot: JobSlot) {
        if let Some(entry) = self.entries.get(slot.index() as usize).and_then(Option::as_ref) {
            Dirty::job(&mut self.dirty, &entry.job.key);
            Dirty::bot(&mut self.dirty, &entry.job.key.bot);
        }
    }

    /// Deadlines and expiries after the settings changed.
    pub(super) fn reschedule(&mut self) {
        let mut deadlines = Vec::new();
        let mut expiries = Vec::new();
        for slot in self.slots() {
            let Some(entry) = self.entry(slot) else { continue };
            match entry.ended {
                Some(ended) => expiries.push(Reverse((ended.plus(self.settings.retention), slot))),
                None => deadlines.push(Reverse((entry.added.plus(self.settings.job_deadline), slot))),
            }
        }
        self.deadlines = deadlines.into();
        self.expiries = expiries.into();
    }
}
