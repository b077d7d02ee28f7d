//! Which jobs are followed: what sources, requests and the passing of time do to them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use crate::model::{
    ApiVersion, BotName, BotTotals, Channel, DropReason, Job, JobKey, JobSlot, JobState, LabelValue, SourceId,
    SourceKind, Target, TargetUpdate, Timestamp,
};

use super::Entry;
use super::book::{Book, MAX_CAMPAIGNS};
use super::dirty::Dirty;
use super::retired::Retired;
use super::sources::{MAX_WAITING, REMOVAL_GRACE, SourceIndex, Sources};

/// The campaign of jobs whose own is beyond [`MAX_CAMPAIGNS`].
const OTHER_CAMPAIGN: &str = "other";

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
    NotKept,
}

/// One bot.
#[derive(Debug)]
pub(super) struct Bot {
    pub(super) book: Book,
    api: ApiVersion,
}

impl Bot {
    pub(super) fn api(&self) -> ApiVersion {
        self.api
    }
}

/// What was turned away, by reason.
#[derive(Debug, Default)]
pub(super) struct Dropped([u64; DropReason::ALL.len()]);

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
    free: Vec<JobSlot>,
    pub(super) index: HashMap<JobKey, JobSlot>,
    pub(super) retired: Retired,
    pub(super) sources: Sources,
    campaigns: HashMap<LabelValue, usize>,
    /// When ended jobs expire; entries that are out of date are passed over.
    pub(super) expiries: BinaryHeap<Reverse<(Timestamp, JobSlot)>>,
    /// When running jobs are given up.
    deadlines: BinaryHeap<Reverse<(Timestamp, JobSlot)>>,
    /// Jobs that no source wants any more, until the grace is over.
    unwanted: HashSet<JobSlot>,
    pub(super) dropped: Dropped,
    pub(super) changes: Vec<Change>,
    /// What the database has not been told; `None` where there is no database.
    pub(super) dirty: Option<Dirty>,
    /// A job came, went, or changed its state since [`BotTotals::jobs`] was counted.
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
            unwanted: HashSet::new(),
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
                    let bot = Bot { book: Book::new(spec.name.clone(), &spec.channels), api: spec.api };
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
                self.unwanted.insert(slot);
            }
            if self.entry(slot).is_some_and(|entry| entry.wanted_by.len() != sources_before) {
                self.mark(slot);
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

    /// Takes what a source says now.
    pub fn apply(&mut self, update: TargetUpdate, now: Timestamp) {
        // What a source of an earlier configuration still had to say is passed over.
        let Some(index) = self.sources.find(&update.source) else { return };
        let Some(source) = self.sources.get_mut(index) else { return };
        source.up = update.up;
        self.dropped.add(DropReason::InvalidTarget, update.invalid.saturating_sub(source.invalid));
        source.invalid = update.invalid;
        if let Some(targets) = update.targets {
            source.targets = u64::try_from(targets.len()).unwrap_or(u64::MAX);
            let named: HashSet<&str> = targets.iter().map(|target| target.id.as_str()).collect();
            let mut unnamed = Vec::new();
            for slot in self.slots() {
                // A source of which a part cannot be read takes nothing away: that part may name it.
                if let Some(entry) = self.entry(slot).filter(|_| update.up)
                    && entry.wanted_by.contains(&index)
                    && !named.contains(entry.job.key.id.as_str())
                {
                    unnamed.push(slot);
                }
            }
            for slot in unnamed {
                self.unwant(slot, index, now);
            }
            let was_waiting: HashSet<crate::model::RequestId> = self
                .sources
                .waiting
                .iter()
                .filter(|(source, _)| *source == index)
                .map(|(_, target)| target.id.clone())
                .collect();
            self.sources.waiting.retain(|(source, _)| *source != index);
            for target in targets {
                let counted_before = was_waiting.contains(&target.id);
                self.want(index, &update.source.bot, target, counted_before, now);
            }
        }
        self.count_sources();
    }

    /// Takes one job in through the job API. After the last of several, [`Self::recount`] is due.
    pub fn register(&mut self, bot: &BotName, target: Target, now: Timestamp) -> Result<Registered, RegisterError> {
        if !self.bots.contains_key(bot) {
            return Err(RegisterError::UnknownBot);
        }
        let key = JobKey { bot: bot.clone(), id: target.id.clone() };
        let known = self.index.contains_key(&key) || self.is_over(&key, now);
        if !known && self.index.len() >= self.settings.max_jobs {
            self.dropped.add(DropReason::MaxJobs, 1);
            return Err(RegisterError::Full);
        }
        let source = SourceId { bot: bot.clone(), kind: SourceKind::Api, name: "api".into() };
        if let Some(index) = self.sources.place(&source) {
            self.want(index, bot, target, true, now);
        }
        Ok(if known { Registered::Known } else { Registered::New })
    }

    /// Brings the gauges of sources and jobs in step; walks over all jobs.
    pub fn recount(&mut self) {
        self.count_sources();
    }

    /// Forgets a job that the job API took in: its series go at once unless another source wants it. What was counted is
    /// remembered, so that a job taken in again is not counted again. `false`: there was none.
    pub fn forget(&mut self, key: &JobKey, now: Timestamp) -> bool {
        let Some(slot) = self.index.get(key).copied() else { return false };
        let source = SourceId { bot: key.bot.clone(), kind: SourceKind::Api, name: "api".into() };
        let Some(index) = self.sources.place(&source) else { return false };
        let Some(entry) = self.entry(slot) else { return false };
        if !entry.wanted_by.contains(&index) {
            return false;
        }
        self.unwant(slot, index, now);
        if self.unwanted.contains(&slot) {
            self.remove(slot);
        }
        self.count_sources();
        true
    }

    /// Lets time pass: gives jobs up at their deadline, expires ended ones, lets go of unwanted ones, takes waiting
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
        for slot in self.unwanted.iter().copied() {
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
            self.want(index, &bot, target, true, now);
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
        let grace = self.unwanted.iter().filter_map(|slot| self.entry(*slot)?.unwanted_since).min();
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

    /// A followed job with its bookkeeping.
    pub fn entry(&self, slot: JobSlot) -> Option<&Entry> {
        self.entries.get(slot.index() as usize)?.as_ref()
    }

    /// A followed job.
    pub fn job(&self, slot: JobSlot) -> Option<&Job> {
        self.entry(slot).map(|entry| &entry.job)
    }

    /// Where a job is kept.
    pub fn find(&self, key: &JobKey) -> Option<JobSlot> {
        self.index.get(key).copied()
    }

    /// A job that was followed to its end and whose series have gone.
    pub fn over(&self, key: &JobKey) -> Option<&Job> {
        let entry = self.retired.get(key)?;
        matches!(entry.job.state, JobState::Finished | JobState::Gone).then_some(&entry.job)
    }

    /// All followed jobs, in the order of their slots.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.entries.iter().flatten().map(|entry| &entry.job)
    }

    /// The sources that want a job.
    pub fn sources_of(&self, slot: JobSlot) -> Vec<SourceKind> {
        let Some(entry) = self.entry(slot) else { return Vec::new() };
        let mut kinds: Vec<SourceKind> =
            entry.wanted_by.iter().filter_map(|index| self.sources.get(*index)).map(|source| source.id.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The counters of all bots, by name.
    pub fn totals(&self) -> impl Iterator<Item = &BotTotals> {
        self.bots.values().map(|bot| &bot.book.totals)
    }

    /// The counters of one bot, for what the loop around the store counts.
    pub fn totals_mut(&mut self, name: &BotName) -> Option<&mut BotTotals> {
        let bot = self.bots.get_mut(name)?;
        Dirty::bot(&mut self.dirty, name);
        Some(&mut bot.book.totals)
    }

    /// The same, for gauges that move with time and are not kept.
    pub fn gauges_mut(&mut self, bot: &BotName) -> Option<&mut BotTotals> {
        self.bots.get_mut(bot).map(|bot| &mut bot.book.totals)
    }

    /// What was turned away, in the order of [`DropReason::ALL`].
    pub fn dropped(&self) -> [u64; DropReason::ALL.len()] {
        self.dropped.0
    }

    fn entry_mut(&mut self, slot: JobSlot) -> Option<&mut Entry> {
        self.entries.get_mut(slot.index() as usize)?.as_mut()
    }

    fn slots(&self) -> impl Iterator<Item = JobSlot> + use<'_> {
        let taken = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_some());
        taken.filter_map(|(index, _)| u32::try_from(index).ok().map(JobSlot::new))
    }

    /// Whether a job was followed to its end and its series have expired: it is not taken in again.
    fn is_over(&self, key: &JobKey, now: Timestamp) -> bool {
        let ended = self.retired.get(key).and_then(|entry| entry.ended);
        ended.is_some_and(|ended| ended.plus(self.settings.retention) <= now)
    }

    /// A source names a target. `refused_before`: that it has no room was counted already, or is told otherwise.
    fn want(&mut self, index: SourceIndex, bot: &BotName, target: Target, refused_before: bool, now: Timestamp) {
        let key = JobKey { bot: bot.clone(), id: target.id.clone() };
        if let Some(slot) = self.index.get(&key).copied() {
            self.want_again(slot, index, target);
            return;
        }
        if self.is_over(&key, now) {
            return;
        }
        let Some(slot) = (self.index.len() < self.settings.max_jobs).then(|| self.free_slot()).flatten() else {
            if !refused_before {
                self.dropped.add(DropReason::MaxJobs, 1);
            }
            if self.sources.waiting.len() < MAX_WAITING {
                self.sources.waiting.push_back((index, target));
            }
            return;
        };
        let Some(api) = self.bots.get(bot).map(|bot| bot.api) else { return };
        let campaign = self.enter_campaign(target.campaign);
        let mut entry = match self.retired.take(&key) {
            Some(mut known) => {
                known.job.campaign = campaign;
                known.job.labels = target.labels;
                known.job.api = api;
                known
            }
            None => Entry::new(Job::new(key.clone(), api, campaign, target.labels), now),
        };
        entry.wanted_by = vec![index];
        entry.unwanted_since = None;
        self.seat(slot, entry);
        self.mark(slot);
    }

    /// Puts a job into its slot; its deadline or expiry goes by the times that it has.
    pub(super) fn seat(&mut self, slot: JobSlot, entry: Entry) {
        match entry.ended {
            Some(ended) => self.expiries.push(Reverse((ended.plus(self.settings.retention), slot))),
            None => self.deadlines.push(Reverse((entry.added.plus(self.settings.job_deadline), slot))),
        }
        if let Some(place) = self.entries.get_mut(slot.index() as usize) {
            self.index.insert(entry.job.key.clone(), slot);
            *place = Some(entry);
            self.changes.push(Change::Added(slot));
            self.states_moved = true;
        }
    }

    /// Something of a job changed, and of its bot's counters.
    pub(super) fn note(&mut self, change: Change) {
        let (Change::Added(slot) | Change::Changed(slot) | Change::Ended(slot) | Change::Removed(slot)) = change;
        self.mark(slot);
        self.changes.push(change);
    }

    /// The database is to be told of a job and its bot.
    pub(super) fn mark(&mut self, slot: JobSlot) {
        if let Some(entry) = self.entries.get(slot.index() as usize).and_then(Option::as_ref) {
            Dirty::job(&mut self.dirty, &entry.job.key);
            Dirty::bot(&mut self.dirty, &entry.job.key.bot);
        }
    }

    /// A source names a job that is followed. Its labels are those of the source that has wanted it longest.
    fn want_again(&mut self, slot: JobSlot, index: SourceIndex, target: Target) {
        self.unwanted.remove(&slot);
        let Some(entry) = self.entry_mut(slot) else { return };
        entry.unwanted_since = None;
        if !entry.wanted_by.contains(&index) {
            entry.wanted_by.push(index);
            self.mark(slot);
        }
        let Some(entry) = self.entry_mut(slot) else { return };
        if entry.wanted_by.first() != Some(&index) {
            return;
        }
        if entry.job.labels != target.labels {
            entry.job.labels = target.labels;
            self.note(Change::Changed(slot));
        }
        let Some(before) = self.entry(slot).map(|entry| entry.job.campaign.clone()) else { return };
        let stays_other = before.as_ref().is_some_and(|before| before.as_str() == OTHER_CAMPAIGN)
            && target.campaign.as_ref().is_some_and(|campaign| !self.admits_campaign(campaign));
        if before != target.campaign && !stays_other {
            let campaign = self.enter_campaign(target.campaign);
            self.leave_campaign(before.as_ref());
            if let Some(entry) = self.entry_mut(slot) {
                entry.job.campaign = campaign;
            }
            self.note(Change::Changed(slot));
        }
    }

    fn unwant(&mut self, slot: JobSlot, index: SourceIndex, now: Timestamp) {
        let Some(entry) = self.entry_mut(slot) else { return };
        entry.wanted_by.retain(|source| *source != index);
        if entry.wanted_by.is_empty() {
            entry.unwanted_since = Some(now);
            self.unwanted.insert(slot);
        }
        self.mark(slot);
    }

    /// Takes a job's series away and remembers what was counted of it.
    fn remove(&mut self, slot: JobSlot) {
        let Some(mut entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::take) else { return };
        self.unwanted.remove(&slot);
        self.index.remove(&entry.job.key);
        self.leave_campaign(entry.job.campaign.as_ref());
        entry.wanted_by = Vec::new();
        entry.unwanted_since = None;
        Dirty::job(&mut self.dirty, &entry.job.key);
        if self.bots.contains_key(&entry.job.key.bot) {
            self.retire(entry);
        }
        self.changes.push(Change::Removed(slot));
        self.states_moved = true;
    }

    /// Remembers a job without series.
    pub(super) fn retire(&mut self, entry: Entry) {
        for forgotten in self.retired.insert(entry) {
            Dirty::job(&mut self.dirty, &forgotten);
        }
    }

    pub(super) fn free_slot(&mut self) -> Option<JobSlot> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        let slot = u32::try_from(self.entries.len()).ok()?;
        self.entries.push(None);
        Some(JobSlot::new(slot))
    }

    pub(super) fn enter_campaign(&mut self, campaign: Option<LabelValue>) -> Option<LabelValue> {
        let mut campaign = campaign?;
        if !self.admits_campaign(&campaign) {
            self.dropped.add(DropReason::MaxCampaigns, 1);
            campaign = LabelValue::parse(OTHER_CAMPAIGN).ok()?;
        }
        *self.campaigns.entry(campaign.clone()).or_default() += 1;
        Some(campaign)
    }

    fn admits_campaign(&self, campaign: &LabelValue) -> bool {
        self.campaigns.len() < MAX_CAMPAIGNS || self.campaigns.contains_key(campaign)
    }

    fn leave_campaign(&mut self, campaign: Option<&LabelValue>) {
        let Some(campaign) = campaign else { return };
        if let Some(jobs) = self.campaigns.get_mut(campaign) {
            *jobs = jobs.saturating_sub(1);
            if *jobs == 0 {
                self.campaigns.remove(campaign);
            }
        }
    }

    /// Deadlines and expiries after the settings changed.
    fn reschedule(&mut self) {
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

    pub(super) fn count_sources(&mut self) {
        // The job API names no whole set: its targets are the jobs that came by it.
        let mut registered: HashMap<BotName, u64> = HashMap::new();
        for entry in self.entries.iter().flatten() {
            let by_api = |index: &SourceIndex| self.sources.get(*index).is_some_and(|s| s.id.kind == SourceKind::Api);
            if entry.wanted_by.iter().any(by_api) {
                *registered.entry(entry.job.key.bot.clone()).or_default() += 1;
            }
        }
        for bot in self.bots.values_mut() {
            bot.book.totals.targets = Default::default();
            bot.book.totals.source_up = Default::default();
        }
        for source in self.sources.configured() {
            let Some(bot) = self.bots.get_mut(&source.id.bot) else { continue };
            let Some(index) = SourceKind::ALL.iter().position(|kind| *kind == source.id.kind) else { continue };
            let totals = &mut bot.book.totals;
            let named = match source.id.kind {
                SourceKind::Api => registered.get(&source.id.bot).copied().unwrap_or(0),
                SourceKind::Static | SourceKind::File | SourceKind::Http => source.targets,
            };
            if let (Some(targets), Some(up)) = (totals.targets.get_mut(index), totals.source_up.get_mut(index)) {
                *targets = Some(targets.unwrap_or(0).saturating_add(named));
                *up = Some(up.unwrap_or(true) && source.up);
            }
        }
        self.count_jobs();
    }

    fn count_jobs(&mut self) {
        self.states_moved = false;
        for bot in self.bots.values_mut() {
            bot.book.totals.jobs = [0; JobState::ALL.len()];
        }
        for entry in self.entries.iter().flatten() {
            let Some(bot) = self.bots.get_mut(&entry.job.key.bot) else { continue };
            let index = JobState::ALL.iter().position(|state| *state == entry.job.state);
            if let Some(count) = index.and_then(|index| bot.book.totals.jobs.get_mut(index)) {
                *count += 1;
            }
        }
    }
}
