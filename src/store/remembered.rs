//! The index of remembered jobs: what is needed of them without reading their rows.
//!
//! The rows are in the database. An entry of the index takes about 26 bytes: a digest of bot and request ID, the last
//! state, and when it was reached.

use std::collections::BTreeMap;
use std::time::Duration;

use siphasher::sip128::SipHasher24;

use crate::model::{BotName, JobKey, JobState, Timestamp};

/// Limit of remembered jobs with a database; those that ended longest ago are forgotten first.
pub(super) const MAX_REMEMBERED: usize = 1_000_000;

/// Jobs that are forgotten at once, so that looking for the oldest is rare.
const FORGOTTEN_AT_ONCE: usize = MAX_REMEMBERED / 100;

/// The unit of the times in a [`Mark`].
const MARK_UNIT: Duration = Duration::from_secs(4);

/// The key of all digests of a database, random for each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DigestKey(pub [u8; 16]);

/// 96 bits of a keyed hash of bot and request ID. With a million remembered jobs, two jobs share a digest with a
/// probability of 10^-17, and nobody can choose IDs that do, because the key is random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 12]);

impl Digest {
    /// The digest of a job.
    pub fn of(key: DigestKey, job: &JobKey) -> Self {
        let hasher = SipHasher24::new_with_key(&key.0);
        // A space is in neither of them.
        let bytes = hasher.hash(format!("{} {}", job.bot, job.id).as_bytes()).as_bytes();
        let mut digest = [0; 12];
        digest.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        Self(digest)
    }
}

/// The last state of a remembered job, and when it was reached, in units of 4 s. The bits are stored in the
/// database: two of state, then the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(pub u32);

impl Mark {
    /// The mark of a job that reached its last state at this time.
    pub fn new(state: JobState, at: Timestamp) -> Self {
        let state = match state {
            JobState::Polling => 0,
            JobState::Finished => 1,
            JobState::Gone => 2,
            JobState::Abandoned => 3,
        };
        let units = at.since(Timestamp::from_millis(0)).as_secs() / MARK_UNIT.as_secs();
        Self(u32::try_from(units).unwrap_or(u32::MAX >> 2).min(u32::MAX >> 2) << 2 | state)
    }

    /// The last state; `Polling` for a job that lost its last source before it ended, and for a gone job that was revived.
    pub fn state(self) -> JobState {
        match self.0 & 3 {
            0 => JobState::Polling,
            1 => JobState::Finished,
            2 => JobState::Gone,
            _ => JobState::Abandoned,
        }
    }

    /// When the state was reached.
    pub(super) fn at(self) -> Timestamp {
        Timestamp::from_millis(0).plus(MARK_UNIT * (self.0 >> 2))
    }

    /// The same time without an end: the job is polled when a source names it again.
    #[must_use]
    pub fn revived(self) -> Self {
        Self(self.0 & !3)
    }
}

/// All remembered jobs of a database, without their rows.
#[derive(Debug, Default, PartialEq)]
pub struct RememberedMarks {
    /// The key of the digests.
    pub key: DigestKey,
    /// By bot, sorted.
    pub bots: Vec<(BotName, Vec<(Digest, Mark)>)>,
}

/// The index.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    key: DigestKey,
    bots: BTreeMap<BotName, BTreeMap<Digest, Mark>>,
    len: usize,
}

impl Remembered {
    pub(super) fn new(marks: RememberedMarks) -> Self {
        let bots: BTreeMap<_, BTreeMap<_, _>> =
            marks.bots.into_iter().map(|(bot, marks)| (bot, marks.into_iter().collect())).collect();
        let len = bots.values().map(BTreeMap::len).sum();
        Self { key: marks.key, bots, len }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, job: &JobKey) -> Option<Mark> {
        self.bots.get(&job.bot)?.get(&Digest::of(self.key, job)).copied()
    }

    /// Adds a job. Returns the jobs that were forgotten to stay within [`MAX_REMEMBERED`].
    #[must_use]
    pub(super) fn insert(&mut self, job: &JobKey, mark: Mark) -> Vec<(BotName, Digest)> {
        if !self.bots.contains_key(&job.bot) {
            self.bots.insert(job.bot.clone(), BTreeMap::new());
        }
        let digest = Digest::of(self.key, job);
        if self.bots.get_mut(&job.bot).is_some_and(|marks| marks.insert(digest, mark).is_none()) {
            self.len += 1;
        }
        if self.len > MAX_REMEMBERED { self.forget_oldest() } else { Vec::new() }
    }

    pub(super) fn remove(&mut self, job: &JobKey) {
        let digest = Digest::of(self.key, job);
        if self.bots.get_mut(&job.bot).and_then(|marks| marks.remove(&digest)).is_some() {
            self.len -= 1;
        }
    }

    /// Forgets all jobs of the bots for which `keep` is false; returns these bots.
    pub(super) fn retain_bots(&mut self, keep: impl Fn(&BotName) -> bool) -> Vec<BotName> {
        let removed: Vec<_> = self.bots.keys().filter(|bot| !keep(bot)).cloned().collect();
        removed.iter().for_each(|bot| drop(self.bots.remove(bot)));
        self.len = self.bots.values().map(BTreeMap::len).sum();
        removed
    }

    /// Marks a gone job as revived.
    pub(super) fn revive(&mut self, job: &JobKey) {
        let digest = Digest::of(self.key, job);
        if let Some(mark) = self.bots.get_mut(&job.bot).and_then(|marks| marks.get_mut(&digest))
            && mark.state() == JobState::Gone
        {
            *mark = mark.revived();
        }
    }

    /// Marks all gone jobs of a bot as revived; returns whether there are any.
    pub(super) fn revive_all(&mut self, bot: &BotName) -> bool {
        let mut any = false;
        for mark in self.bots.get_mut(bot).into_iter().flat_map(BTreeMap::values_mut) {
            if mark.state() == JobState::Gone {
                *mark = mark.revived();
                any = true;
            }
        }
        any
    }

    /// Forgets jobs until [`FORGOTTEN_AT_ONCE`] more have a place.
    pub(super) fn forget_oldest(&mut self) -> Vec<(BotName, Digest)> {
        let most = MAX_REMEMBERED - FORGOTTEN_AT_ONCE;
        let Some(excess) = self.len.checked_sub(most).filter(|excess| *excess > 0) else { return Vec::new() };
        let mut times: Vec<Timestamp> = self.bots.values().flat_map(BTreeMap::values).map(|mark| mark.at()).collect();
        let (_, newest_forgotten, _) = times.select_nth_unstable(excess - 1);
        let newest_forgotten = *newest_forgotten;
        let mut forgotten = Vec::with_capacity(excess);
        for (bot, marks) in &mut self.bots {
            marks.retain(|digest, mark| {
                let keep = mark.at() > newest_forgotten || forgotten.len() == excess;
                if !keep {
                    forgotten.push((bot.clone(), *digest));
                }
                keep
            });
        }
        self.len -= forgotten.len();
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RequestId;

    fn key(number: usize) -> JobKey {
        JobKey { bot: BotName::parse("support").unwrap(), id: RequestId::parse(&format!("ds-{number}")).unwrap() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_mark_has_state_and_time() {
        for state in [JobState::Polling, JobState::Finished, JobState::Gone, JobState::Abandoned] {
            let mark = Mark::new(state, at(1_800_000_003));
            assert_eq!((mark.state(), mark.at()), (state, at(1_800_000_000)));
            assert_eq!((mark.revived().state(), mark.revived().at()), (JobState::Polling, at(1_800_000_000)));
        }
        assert_eq!(Mark::new(JobState::Gone, at(-5)).at(), at(0));
        assert_eq!(Mark::new(JobState::Gone, Timestamp::from_millis(i64::MAX)).state(), JobState::Gone);
    }

    #[test]
    fn digests_differ_by_job_and_by_key() {
        let digest = |key_byte, number| Digest::of(DigestKey([key_byte; 16]), &key(number));
        assert_eq!(digest(1, 1), digest(1, 1));
        assert_ne!(digest(1, 1), digest(1, 2));
        assert_ne!(digest(1, 1), digest(2, 1));
    }

    #[test]
    fn those_that_ended_longest_ago_are_forgotten_first() {
        let mut remembered = Remembered::default();
        let mark = |number: usize| Mark::new(JobState::Finished, at(4 * i64::try_from(number).unwrap()));
        (1..=MAX_REMEMBERED).for_each(|number| assert_eq!(remembered.insert(&key(number), mark(number)), []));
        // The first one comes back and ends again: it is now the last.
        remembered.remove(&key(1));
        assert_eq!(remembered.insert(&key(1), mark(MAX_REMEMBERED + 1)), []);
        let forgotten = remembered.insert(&key(0), mark(MAX_REMEMBERED + 2));
        assert_eq!(forgotten.len(), FORGOTTEN_AT_ONCE + 1);
        assert_eq!(remembered.len(), MAX_REMEMBERED - FORGOTTEN_AT_ONCE);
        let last_forgotten = FORGOTTEN_AT_ONCE + 2;
        let left = [0, 1, 2, last_forgotten, last_forgotten + 1].map(|number| remembered.get(&key(number)).is_some());
        assert_eq!(left, [true, true, false, false, true]);
    }

    #[test]
    fn gone_jobs_are_revived_by_bot_or_alone() {
        let mut remembered = Remembered::default();
        for (number, state) in [(1, JobState::Gone), (2, JobState::Gone), (3, JobState::Finished)] {
            assert_eq!(remembered.insert(&key(number), Mark::new(state, at(8))), []);
        }
        let states = |remembered: &Remembered| [1, 2, 3].map(|number| remembered.get(&key(number)).unwrap().state());
        remembered.revive(&key(1));
        remembered.revive(&key(3));
        assert_eq!(states(&remembered), [JobState::Polling, JobState::Gone, JobState::Finished]);
        assert!(remembered.revive_all(&key(1).bot));
        assert!(!remembered.revive_all(&key(1).bot));
        assert_eq!(states(&remembered), [JobState::Polling, JobState::Polling, JobState::Finished]);
        assert_eq!(remembered.retain_bots(|_| false), [key(1).bot]);
        assert_eq!(remembered.len(), 0);
    }
}
