//! What an answer of upstream does to a job and to the counters.

use crate::model::{
    BotTotals, DropReason, EntryStatus, Inconsistency, Job, JobSlot, JobState, JobStatus, Outcome, Report, Timestamp,
    Unrecognized, UnrecognizedKind,
};

use super::store::{Change, Store};
use super::{Entry, counting};

/// After so many answers in a row that upstream does not know the ID, the job is `gone`. More than one, since nobody has
/// documented how soon after the send call the status API knows a job.
pub const NOT_FOUND_LIMIT: u8 = 3;

/// What an answer did to a job.
#[derive(Debug, PartialEq)]
pub struct RecordOutcome {
    /// Where the job stands now.
    pub standing: Transition,
    /// Kinds of inconsistency that were not seen on this job before.
    pub inconsistencies: Vec<Inconsistency>,
    /// Unknown words that were not counted on this job before.
    pub unrecognized: Vec<Unrecognized>,
}

/// Where a job stands after an answer.
#[derive(Debug, PartialEq)]
pub enum Transition {
    /// It runs on.
    Running {
        /// Whether anything differs from the report before; `true` for the first.
        changed: bool,
        /// Log entries in the report.
        entries: u64,
    },
    /// Upstream is done with it, with this status.
    Finished(JobStatus),
    /// Upstream does not know it (any more).
    Gone,
    /// The answer said nothing; what was known stays.
    Unanswered,
    /// It is not followed any more; the answer was counted with the bot's calls and is otherwise passed over.
    NotFollowed,
}

impl Store {
    /// Takes an answer: `report` is there exactly where the outcome is [`Outcome::Ok`].
    pub fn record(&mut self, slot: JobSlot, outcome: Outcome, report: Option<Report>, now: Timestamp) -> RecordOutcome {
        let mut recorded =
            RecordOutcome { standing: Transition::NotFollowed, inconsistencies: Vec::new(), unrecognized: Vec::new() };
        let Some(entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::as_mut) else { return recorded };
        if entry.job.state != JobState::Polling {
            return recorded;
        }
        let Some(book) = self.bots.get_mut(&entry.job.key.bot).map(|bot| &mut bot.book) else { return recorded };
        entry.last_poll = Some(now);
        match report {
            Some(mut report) => {
                let moved = book.bound_channels(&mut report);
                let changed = differs(&entry.job, &report);
                let entries = report.entries;
                note_decrease(entry, &mut report);
                let advance = counted_advance(entry, &report);
                if advance.decreased {
                    report.inconsistencies.push(Inconsistency::EntriesDecreased);
                }
                let noted = channel_mark(entry);
                recorded.unrecognized = new_words(entry, &report, &mut book.totals);
                // The same entries are seen again with every poll.
                let newly_moved = moved.min(u64::from(channel_mark(entry).saturating_sub(noted)));
                self.dropped.add(DropReason::MaxChannels, newly_moved);
                recorded.inconsistencies = new_kinds(entry, &report.inconsistencies, &mut book.totals);
                let status = report.status;
                take_over(&mut entry.job, report, changed, now);
                // An entry with an unknown status may yet become a success or a failure: such entries are counted as
                // UNKNOWN when the job has ended, so that none is counted twice.
                book.count_entries(&without_unknown(advance.added));
                entry.misses = 0;
                if status.is_terminal() {
                    entry.job.finished = Some(now);
                    book.count_finished(status, duration_seconds(&entry.job));
                    self.end(slot, JobState::Finished, now);
                    recorded.standing = Transition::Finished(status);
                } else {
                    recorded.standing = Transition::Running { changed, entries };
                }
            }
            None => {
                entry.job.poll_up = Some(false);
                recorded.standing = Transition::Unanswered;
                if outcome == Outcome::NotFound {
                    entry.misses = entry.misses.saturating_add(1);
                    if entry.misses >= NOT_FOUND_LIMIT {
                        self.end(slot, JobState::Gone, now);
                        recorded.standing = Transition::Gone;
                    }
                } else if outcome != Outcome::RateLimited && outcome != Outcome::Unauthorized {
                    entry.misses = 0;
                }
            }
        }
        self.note(Change::Changed(slot));
        recorded
    }

    /// Ends the polling of a job.
    pub(super) fn end(&mut self, slot: JobSlot, state: JobState, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::as_mut) else { return };
        entry.job.state = state;
        entry.ended = Some(now);
        let ends_at = now.plus(self.settings.retention);
        self.expiries.push(std::cmp::Reverse((ends_at, slot)));
        if let Some(bot) = self.bots.get_mut(&entry.job.key.bot) {
            let unknown_index = EntryStatus::ALL.len() - 1;
            for tally in &entry.job.tallies {
                let unknown = tally.entries.get(unknown_index).copied().unwrap_or(0);
                if unknown > 0 {
                    let counts = bot.book.totals.notifications.entry(tally.channel.clone()).or_default();
                    if let Some(sum) = counts.get_mut(unknown_index) {
                        *sum = sum.saturating_add(unknown);
                    }
                }
            }
        }
        self.note(Change::Ended(slot));
        self.states_moved = true;
    }
}

fn without_unknown(mut added: Vec<crate::model::ChannelTally>) -> Vec<crate::model::ChannelTally> {
    for tally in &mut added {
        let [_, _, unknown] = &mut tally.entries;
        *unknown = 0;
    }
    added
}

/// Whether a report tells something that the last one did not.
fn differs(job: &Job, report: &Report) -> bool {
    job.last_poll_success.is_none()
        || job.status != report.status
        || (report.completion.is_some() && job.completion != report.completion)
        || job.tallies != report.tallies
        || (report.recipients.is_some() && job.recipients != report.recipients)
        || (report.reported_entries.is_some() && job.reported_entries != report.reported_entries)
}

fn note_decrease(entry: &Entry, report: &mut Report) {
    if let (Some(before), Some(now)) = (entry.job.completion, report.completion)
        && now < before
    {
        report.inconsistencies.push(Inconsistency::PercentageDecreased);
    }
}

/// Moves the job's marks on. They are kept apart only where they differ from the last report's counts, which is after a
/// shrunken list: most jobs pay for one set.
fn counted_advance(entry: &mut Entry, report: &Report) -> counting::Advance {
    let mut counted = entry.counted().to_vec();
    let advance = counting::advance(&mut counted, &report.tallies);
    counted.sort_by(|a, b| a.channel.cmp(&b.channel));
    let mut seen = report.tallies.clone();
    seen.sort_by(|a, b| a.channel.cmp(&b.channel));
    entry.counted = (counted != seen).then(|| counted.into_boxed_slice());
    advance
}

/// How many entries of channels without a series of their own were noted of the job so far.
fn channel_mark(entry: &Entry) -> u32 {
    let index = UnrecognizedKind::ALL.iter().position(|kind| *kind == UnrecognizedKind::Channel);
    index.and_then(|index| entry.unrecognized.get(index)).copied().unwrap_or(0)
}

fn new_words(entry: &mut Entry, report: &Report, totals: &mut BotTotals) -> Vec<Unrecognized> {
    let mut new = Vec::new();
    for word in &report.unrecognized {
        let Some(index) = UnrecognizedKind::ALL.iter().position(|kind| *kind == word.kind) else { continue };
        let count = u32::try_from(word.count).unwrap_or(u32::MAX);
        let (Some(mark), Some(sum)) = (entry.unrecognized.get_mut(index), totals.unrecognized.get_mut(index)) else {
            continue;
        };
        if count > *mark {
            *sum = sum.saturating_add(u64::from(count - *mark));
            *mark = count;
            new.push(word.clone());
        }
    }
    new
}

fn new_kinds(entry: &mut Entry, kinds: &[Inconsistency], totals: &mut BotTotals) -> Vec<Inconsistency> {
    let mut new = Vec::new();
    for kind in kinds {
        if !entry.is_new(*kind) {
            continue;
        }
        if let Some(sum) = Inconsistency::ALL
            .iter()
            .position(|known| known == kind)
            .and_then(|index| totals.inconsistencies.get_mut(index))
        {
            *sum = sum.saturating_add(1);
        }
        new.push(*kind);
    }
    new
}

/// Puts a report's values into the job; what the report does not say stays as it was.
fn take_over(job: &mut Job, report: Report, changed: bool, now: Timestamp) {
    job.status = report.status;
    job.tallies = report.tallies;
    job.completion = report.completion.or(job.completion);
    job.recipients = report.recipients.or(job.recipients);
    job.reported_entries = report.reported_entries.or(job.reported_entries);
    job.created = report.created.or(job.created);
    job.requested = report.requested.or(job.requested);
    job.last_notification = report.last_notification.or(job.last_notification);
    job.job_type = report.job_type.or(job.job_type.take());
    job.action = report.action.or(job.action.take());
    job.poll_up = Some(true);
    job.last_poll_success = Some(now);
    if changed {
        job.last_change = Some(now);
    }
}

/// From the request to the last log entry; `None` where either is missing. Never `lMod` (UPSTREAM: it can lie before
/// `createdOn`).
fn duration_seconds(job: &Job) -> Option<f64> {
    let start = job.requested.or(job.created)?;
    Some(job.last_notification?.since(start).as_secs_f64())
}

impl Store {
    /// What a report makes of a job that is not followed; nothing is counted.
    pub fn as_job(&self, key: crate::model::JobKey, report: Report, now: Timestamp) -> Job {
        let api = self.bots.get(&key.bot).map_or(crate::model::ApiVersion::V1, |bot| bot.api());
        let mut job = Job::new(key, api, None, [].into());
        let status = report.status;
        take_over(&mut job, report, true, now);
        if status.is_terminal() {
            job.state = JobState::Finished;
            job.finished = Some(now);
        }
        job
    }
}
