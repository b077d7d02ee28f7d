//! What was asked, answered and named: the facts that promises about calls are held against.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use koreai_exporter::database::{BotCalls as PersistedCalls, Contents};
use koreai_exporter::fake_upstream::Truth;
use koreai_exporter::model::{BotName, JobKey, JobState, RequestId};
use koreai_exporter::store::Digest;

use super::story::Story;
use super::time::BEGIN;

/// Bot and request ID.
pub(crate) type Key = (String, String);

/// A source: bot and its name.
pub(crate) type Source = (String, String);

/// Two calls for one ID are never closer.
const LEAST_GAP: Duration = Duration::from_secs(2);
/// Calls under way at a time, per bot.
const MAX_IN_FLIGHT: usize = 32;
/// Statuses with which a job ends.
pub(crate) const TERMINAL: [&str; 3] = ["SUCCESS", "PARTIAL_SUCCESS", "FAILURE"];
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// What has happened so long before a kill is in the database, where the disk is well: a page's interval, the batch
/// before, and its own.
const KEPT_WITHIN: Duration = Duration::from_millis(1_500);

/// The most that was told of a job, and what of it the program must have counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// The last report that arrived whole.
    pub(crate) last: Option<Truth>,
    /// When it was told that the job has finished, while a source named it.
    pub(crate) finished: Option<Duration>,
    /// Since when the report says what it says.
    pub(crate) since: Duration,
}

#[derive(Default)]
struct BotCalls {
    limits: (u32, u32),
    /// When calls of the last hour began.
    calls: VecDeque<Duration>,
    in_flight: usize,
}

/// All facts.
pub(crate) struct Ledger {
    pub(crate) story: Story,
    bots: BTreeMap<String, BotCalls>,
    last_call: BTreeMap<Key, Duration>,
    pub(crate) told: BTreeMap<Key, Told>,
    /// What each source named when the program last read it.
    views: BTreeMap<Source, BTreeSet<String>>,
    named_since: BTreeMap<Key, Duration>,
    /// Jobs that the program may track although it could not write them.
    unwritten: BTreeSet<Key>,
    pub(crate) calls: u64,
    /// Calls whose end the program may not have counted.
    pub(crate) uncounted: u64,
    /// When calls that have ended did so, since the last batch that is surely kept.
    ended: VecDeque<Duration>,
    under_way: u64,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// What has happened so long before a kill is in the database, where the disk is well.
    kept_within: Duration,
}

impl Ledger {
    /// Pages are rendered at least `page_interval` apart.
    pub(crate) fn new(page_interval: Duration) -> Self {
        Self {
            kept_within: KEPT_WITHIN + page_interval,
            story: Story::new(),
            bots: BTreeMap::new(),
            last_call: BTreeMap::new(),
            told: BTreeMap::new(),
            views: BTreeMap::new(),
            named_since: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            calls: 0,
            uncounted: 0,
            ended: VecDeque::new(),
            under_way: 0,
            faults: BTreeMap::new(),
        }
    }

    /// A fault was put on.
    pub(crate) fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// The budget in force.
    pub(crate) fn set_limits(&mut self, bot: &str, per_minute: u32, per_hour: u32) {
        self.bots.entry(bot.to_owned()).or_default().limits = (per_minute, per_hour);
    }

    /// Another budget may be in force.
    pub(crate) fn widen_limits(&mut self, bot: &str, per_minute: u32, per_hour: u32) {
        let limits = &mut self.bots.entry(bot.to_owned()).or_default().limits;
        *limits = (limits.0.max(per_minute), limits.1.max(per_hour));
    }

    /// The program is told to stop: calls under way are aborted.
    pub(crate) fn stopping(&mut self) {
        self.uncounted += self.under_way;
    }

    /// A call for a job begins.
    pub(crate) fn call(&mut self, key: &Key, now: Duration) {
        self.calls += 1;
        self.under_way += 1;
        let bot = self.bots.entry(key.0.clone()).or_default();
        bot.calls.push_back(now);
        while bot.calls.front().is_some_and(|at| *at + HOUR <= now) {
            bot.calls.pop_front();
        }
        bot.in_flight += 1;
        let (hour, minute) = (bot.calls.len(), bot.calls.iter().rev().take_while(|at| **at + MINUTE > now).count());
        let (per_minute, per_hour) = bot.limits;
        if minute > per_minute as usize || hour > per_hour as usize {
            let what = format!(
                "{}: {minute} calls in a minute, {hour} in an hour; allowed are {per_minute} and {per_hour}",
                key.0
            );
            self.story.broken(now, "budget", &what);
        }
        let in_flight = bot.in_flight;
        if in_flight > MAX_IN_FLIGHT {
            self.story.broken(now, "calls under way", &format!("{}: {in_flight}", key.0));
        }
        if let Some(last) = self.last_call.insert(key.clone(), now)
            && now < last + LEAST_GAP
        {
            let what = format!("{} was called {:?} after the call before", key.1, now - last);
            self.story.broken(now, "least gap", &what);
        }
        if let Some(at) = self.told.get(key).and_then(|told| told.finished) {
            self.story.broken(now, "finished is final", &format!("{} was told to have finished at {at:?}", key.1));
        }
    }

    /// The call has ended, one way or the other.
    pub(crate) fn call_ended(&mut self, bot: &str, now: Duration) {
        if let Some(bot) = self.bots.get_mut(bot) {
            bot.in_flight = bot.in_flight.saturating_sub(1);
        }
        self.under_way = self.under_way.saturating_sub(1);
        self.ended.push_back(now);
        if self.ended.len() > 10_000 {
            self.ended.pop_front();
        }
    }

    /// A report has arrived whole; the call began at `began`.
    pub(crate) fn told(&mut self, key: &Key, truth: Truth, terminal: bool, began: Duration, now: Duration) {
        // From the moment in which a source named it to the loop that has heard of it nothing passes but turns.
        let tracked = self.named_since.get(key).is_some_and(|since| *since < began);
        let told = self.told.entry(key.clone()).or_default();
        let same = told.last.as_ref().is_some_and(|last| last.entries == truth.entries && last.status == truth.status);
        if !tracked {
            // The program passes such a report over, and the next one is news to it.
            told.since = Duration::MAX;
        } else if !same {
            told.since = now;
        }
        told.last = Some(truth);
        if terminal && tracked {
            told.finished = Some(now);
        }
    }

    /// The program has read a source, which names these.
    pub(crate) fn named(&mut self, source: Source, ids: BTreeSet<String>, now: Duration) {
        let before = self.views.insert(source.clone(), ids).unwrap_or_default();
        self.view_changed(&source, before, now);
    }

    /// The job API has taken a job in.
    pub(crate) fn registered(&mut self, bot: &str, id: &str, now: Duration) {
        let source = (bot.to_owned(), "api".to_owned());
        let before = self.views.get(&source).cloned().unwrap_or_default();
        self.views.entry(source.clone()).or_default().insert(id.to_owned());
        self.view_changed(&source, before, now);
    }

    /// The job API has said that a job could not be written.
    pub(crate) fn not_written(&mut self, bot: &str, id: &str) {
        self.unwritten.insert((bot.to_owned(), id.to_owned()));
    }

    /// Whether the program may know that a job has finished.
    pub(crate) fn may_know_the_end_of(&self, key: &Key) -> bool {
        let Some(told) = self.told.get(key) else { return false };
        let over = |truth: &Truth| TERMINAL.contains(&truth.status.as_str());
        told.finished.is_some() || (self.unwritten.contains(key) && told.last.as_ref().is_some_and(over))
    }

    /// The job API is told to forget a job.
    pub(crate) fn forgotten(&mut self, bot: &str, id: &str, now: Duration) {
        let source = (bot.to_owned(), "api".to_owned());
        let before = self.views.get(&source).cloned().unwrap_or_default();
        self.views.entry(source.clone()).or_default().remove(id);
        self.view_changed(&source, before, now);
    }

    fn view_changed(&mut self, source: &Source, before: BTreeSet<String>, now: Duration) {
        let after = self.views.get(source).cloned().unwrap_or_default();
        for id in before.difference(&after) {
            let named = self.views.iter().any(|((bot, _), ids)| *bot == source.0 && ids.contains(id));
            if !named {
                self.named_since.remove(&(source.0.clone(), id.clone()));
            }
        }
        for id in after.difference(&before) {
            self.named_since.entry((source.0.clone(), id.clone())).or_insert(now);
        }
    }

    /// The program has ended: what it cannot have kept is forgiven. `good` is when the last batch came that was written.
    pub(crate) fn program_ended(&mut self, good: Option<Duration>, healthy: bool, clean: bool, now: Duration) {
        let within = self.kept_within;
        let kept = |at: Duration| match clean && healthy {
            true => at < now,
            false => good.is_some_and(|good| at < good) || (healthy && at.saturating_add(within) < now),
        };
        for bot in self.bots.values_mut() {
            bot.calls.retain(|at| kept(*at));
            bot.in_flight = 0;
        }
        self.last_call.retain(|_, at| kept(*at));
        self.uncounted += self.under_way + self.ended.iter().filter(|at| !kept(**at)).count() as u64;
        self.under_way = 0;
        self.ended.clear();
        for told in self.told.values_mut() {
            told.since = if kept(told.since) { told.since } else { Duration::MAX };
        }
    }

    /// What the next life of the program finds: of what was told, all that `program_ended` did not forgive is there.
    pub(crate) fn found(
        &mut self,
        contents: &Contents,
        good: Option<Duration>,
        healthy: bool,
        clean: bool,
        now: Duration,
    ) {
        let finished: BTreeSet<Key> = contents
            .jobs
            .iter()
            .filter(|kept| kept.job.state == JobState::Finished)
            .map(|kept| (kept.job.key.bot.to_string(), kept.job.key.id.to_string()))
            .collect();
        // Of jobs without series only the marks are read at the start.
        let remembered: BTreeSet<Digest> = contents
            .remembered
            .bots
            .iter()
            .flat_map(|(_, marks)| marks)
            .filter(|(_, mark)| mark.state() == JobState::Finished)
            .map(|(digest, _)| *digest)
            .collect();
        let is_remembered = |(bot, id): &Key| {
            let key = BotName::parse(bot).ok().zip(RequestId::parse(id).ok()).map(|(bot, id)| JobKey { bot, id });
            key.is_some_and(|key| remembered.contains(&Digest::of(contents.remembered.key, &key)))
        };
        let within = self.kept_within;
        let kept = |at: Duration| match clean && healthy {
            true => at < now,
            false => good.is_some_and(|good| at < good) || (healthy && at.saturating_add(within) < now),
        };
        for (key, told) in &mut self.told {
            let Some(at) = told.finished.filter(|_| !finished.contains(key) && !is_remembered(key)) else { continue };
            if kept(at) {
                let what = format!("{} was told to have finished at {at:?}; the database does not know", key.1);
                self.story.broken(now, "what is kept stays kept", &what);
            }
            told.finished = None;
        }
    }

    /// Of the calls of the last hour, the next life of the program finds all that `program_ended` did not forgive.
    pub(crate) fn found_calls(&mut self, persisted: &[PersistedCalls], now: Duration) {
        let since = now.saturating_sub(HOUR);
        let begin = i64::try_from(since.as_millis()).unwrap_or(i64::MAX) + BEGIN;
        for (name, bot) in &self.bots {
            let made = bot.calls.iter().filter(|at| **at > since).count() as u64;
            let by_second =
                persisted.iter().filter(|calls| calls.bot.as_str() == name).flat_map(|calls| &calls.by_second);
            let found: u64 = by_second
                .filter(|(second, _)| second.as_millis() + 1_000 > begin)
                .map(|(_, count)| u64::from(*count))
                .sum();
            if found < made {
                let what = format!("{name}: {made} calls in the hour before, the database has {found} of them");
                self.story.broken(now, "calls of the last hour are kept", &what);
            }
        }
    }
}
