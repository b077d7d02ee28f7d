//! Applies the outcome of a poll to its job and to the counters.

use std::time::Duration;

use enum_map::EnumMap;

use crate::model::{
    ApiVersion, BotCounters, CampaignKey, ChannelTally, DropReason, EntryStatus, HistoryPoint, Inconsistency, Job,
    JobKey, JobSlot, JobState, Outcome, Report, TerminalStatus, Timestamp, Unrecognized, UnrecognizedKind,
};

use super::campaigns::Counted;
use super::counting;
use super::entry::{self, Entry};
use super::store::{Change, Settings, Store};

/// A job is `gone` after this many consecutive polls with the outcome [`Outcome::NotFound`]. More than one, because the
/// upstream does not document how soon after the send call the status API knows a job.
pub const NOT_FOUND_LIMIT: u8 = 3;

/// The minimum time from the first to the last of these polls, so that a short disturbance does not end jobs.
pub const NOT_FOUND_MIN_TIME: Duration = Duration::from_secs(60);

/// The effect of a poll on its job.
#[derive(Debug, PartialEq)]
pub struct RecordOutcome {
    /// The job after the poll.
    pub transition: Transition,
    /// Kinds of inconsistency that are new for this job.
    pub inconsistencies: Vec<Inconsistency>,
    /// Unrecognized values that are new for this job.
    pub unrecognized: Vec<Unrecognized>,
    /// The job was gone, and the upstream knows it again.
    pub revived: bool,
}

impl RecordOutcome {
    /// An outcome without anything new.
    pub(super) fn of(transition: Transition) -> Self {
        Self { transition, inconsistencies: Vec::new(), unrecognized: Vec::new(), revived: false }
    }
}

/// The state of a job after a poll.
#[derive(Debug, PartialEq)]
pub enum Transition {
    /// It is still running.
    Running {
        /// Whether the report differs from the previous one; `true` for the first.
        changed: bool,
        /// Log entries in the report.
        entries: u64,
    },
    /// It has this terminal status.
    Finished(TerminalStatus),
    /// The upstream does not know it (any more); it is polled rarely from now on.
    Gone,
    /// It was gone, and the upstream still does not know it.
    StillGone,
    /// The poll failed; the last values stay.
    PollFailed,
    /// It is not tracked any more; the report is ignored.
    NotTracked,
}

impl Store {
    /// Applies the outcome of a poll; `report` is present exactly if the outcome is [`Outcome::Ok`].
    pub fn record(&mut self, slot: JobSlot, outcome: Outcome, report: Option<Report>, now: Timestamp) -> RecordOutcome {
        let mut recorded = RecordOutcome::of(Transition::NotTracked);
        if !self.is_polled(slot, now) {
            return recorded;
        }
        let Some(entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::as_mut) else { return recorded };
        let Some(bot) = self.bots.get_mut(&entry.job.key.bot) else { return recorded };
        self.now = now;
        entry.last_poll = Some(now);
        let campaign = entry.job.campaign.clone().map(|name| CampaignKey { bot: entry.job.key.bot.clone(), name });
        entry.failing = match outcome {
            Outcome::Ok => None,
            failed => Some((failed, entry.failing.map_or(now, |(_, since)| since))),
        };
        match report {
            Some(mut report) => {
                entry.entity_tag = None;
                if entry.job.state == JobState::Gone {
                    entry.revive();
                    recorded.revived = true;
                    self.job_states_changed = true;
                }
                let moved = bot.limit_channels(&mut report, now);
                let changed = differs(&entry.job, &report);
                let entries = report.entries;
                note_decrease(entry, &mut report);
                let advance = counted_advance(entry, &report);
                if advance.decreased {
                    report.inconsistencies.push(Inconsistency::EntriesDecreased);
                }
                let noted = entry.unrecognized[UnrecognizedKind::Channel];
                recorded.unrecognized = count_unrecognized(entry, &report, &mut bot.metrics.counters);
                // Every report repeats the entries of the one before.
                let newly_moved = entry.unrecognized[UnrecognizedKind::Channel].saturating_sub(noted);
                let newly_moved = moved.min(u64::from(newly_moved));
                self.dropped.add(DropReason::MaxChannels, newly_moved);
                recorded.inconsistencies =
                    count_inconsistencies(entry, &report.inconsistencies, &mut bot.metrics.counters);
                let status = report.status;
                update(&mut entry.job, report, changed, now);
                entry.history.push(point(&entry.job, now));
                // An entry with an unknown status may yet become a success or a failure: such entries are counted as
                // UNKNOWN when the job has ended, so that none is counted twice.
                let added = without_unknown(advance.added);
                bot.count_entries(&added, now);
                if let Some(key) = &campaign {
                    let mut counted = Counted { dropped: &mut self.dropped, dirty: &mut self.dirty, now };
                    self.campaigns.count_entries(key, &added, &mut counted);
                    self.campaigns.saw_entries(key, entry.job.first_notification, entry.job.last_notification);
                }
                entry.misses = 0;
                entry.not_found_since = None;
                if let Some(status) = status.terminal() {
                    entry.job.finished = Some(now);
                    bot.count_finished(status, duration_seconds(&entry.job));
                    if let Some(key) = &campaign {
                        self.campaigns.count_finished(key, status, &mut self.dirty);
                    }
                    self.end(slot, JobState::Finished, now);
                    recorded.transition = Transition::Finished(status);
                } else {
                    recorded.transition = Transition::Running { changed, entries };
                }
            }
            None => {
                entry.job.poll_up = Some(false);
                recorded.transition = Transition::PollFailed;
                if entry.job.state == JobState::Gone {
                    if outcome == Outcome::NotFound {
                        recorded.transition = Transition::StillGone;
                    }
                } else if outcome == Outcome::NotFound {
                    entry.misses = entry.misses.saturating_add(1);
                    let since = *entry.not_found_since.get_or_insert(now);
                    if entry.misses >= NOT_FOUND_LIMIT && now.since(since) >= NOT_FOUND_MIN_TIME {
                        self.end(slot, JobState::Gone, now);
                        recorded.transition = Transition::Gone;
                    }
                } else if !matches!(
                    outcome,
                    // These say nothing about the job.
                    Outcome::RateLimited | Outcome::Unauthorized | Outcome::WrongEndpoint
                ) {
                    entry.misses = 0;
                    entry.not_found_since = None;
                }
            }
        }
        self.note(Change::Changed(slot));
        if let (Some(key), Transition::Running { changed: true, .. } | Transition::Finished(_)) =
            (&campaign, &recorded.transition)
        {
            self.campaigns.remember(key, now);
        }
        recorded
    }

    /// Ends the polling of a job, or makes it rare if the job is gone.
    pub(super) fn end(&mut self, slot: JobSlot, state: JobState, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(slot.index() as usize).and_then(Option::as_mut) else { return };
        entry.job.state = state;
        entry.job.expected_end = None;
        entry.entity_tag = None;
        entry.ended = Some(now);
        let Settings { retention, job_deadline, .. } = self.settings;
        self.expiries.extend(entry.expires_at(retention, job_deadline).map(|at| std::cmp::Reverse((at, slot))));
        if let Some(bot) = self.bots.get_mut(&entry.job.key.bot) {
            let unknown = entry.count_unknown();
            bot.count_entries(&unknown, now);
            if let Some(name) = entry.job.campaign.clone() {
                let mut counted = Counted { dropped: &mut self.dropped, dirty: &mut self.dirty, now };
                let key = CampaignKey { bot: entry.job.key.bot.clone(), name };
                self.campaigns.count_entries(&key, &unknown, &mut counted);
            }
        }
        self.note(if state == JobState::Gone { Change::Changed(slot) } else { Change::Ended(slot) });
        self.job_states_changed = true;
        self.prune_timers();
    }
}

fn without_unknown(mut added: Vec<ChannelTally>) -> Vec<ChannelTally> {
    for tally in &mut added {
        tally.entries[EntryStatus::Unknown] = 0;
    }
    added
}

/// Whether a report differs from the previous one.
fn differs(job: &Job, report: &Report) -> bool {
    job.last_poll_success.is_none()
        || job.status != report.status
        || (report.completion.is_some() && job.completion != report.completion)
        || !same_counts(&job.tallies, &report.tallies)
        || report.numbers.iter().any(|(number, value)| value.is_some() && job.numbers[number] != *value)
}

/// Whether two sets of counts are equal, in whatever order their channels and reasons are.
fn same_counts(a: &[ChannelTally], b: &[ChannelTally]) -> bool {
    // The order of the terms of a sum of seconds changes its last digits.
    let same_seconds = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (1.0 + a.abs());
    let same = |a: &ChannelTally, b: &ChannelTally| {
        a.channel == b.channel
            && a.entries == b.entries
            && a.delivery == b.delivery
            && same_seconds(a.delivery_sum, b.delivery_sum)
            && a.failures.len() == b.failures.len()
            && a.failures.iter().all(|failure| b.failures.contains(failure))
    };
    // Each channel is in a report once.
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, by_position)| same(a, by_position) || b.iter().any(|other| same(a, other)))
}

fn note_decrease(entry: &Entry, report: &mut Report) {
    if let (Some(before), Some(now)) = (entry.job.completion, report.completion)
        && now < before
    {
        report.inconsistencies.push(Inconsistency::PercentageDecreased);
    }
}

/// Raises the highest counts of the job. They are stored separately only if they differ from the counts of the last
/// report, which is the case after a list shrank: most jobs store one set.
fn counted_advance(entry: &mut Entry, report: &Report) -> counting::Advance {
    let mut counted = entry.counted().to_vec();
    let advance = counting::advance(&mut counted, &report.tallies);
    entry.counted = entry::marks(counted, report.tallies.clone());
    advance
}

/// Counts unrecognized values that are new for the job; returns them.
fn count_unrecognized(entry: &mut Entry, report: &Report, counters: &mut BotCounters) -> Vec<Unrecognized> {
    let mut new = Vec::new();
    for value in &report.unrecognized {
        let count = u32::try_from(value.count).unwrap_or(u32::MAX);
        let mark = &mut entry.unrecognized[value.kind];
        if count > *mark {
            let sum = &mut counters.unrecognized[value.kind];
            *sum = sum.saturating_add(u64::from(count - *mark));
            *mark = count;
            new.push(value.clone());
        }
    }
    new
}

/// Counts kinds of inconsistency that are new for the job; returns them.
fn count_inconsistencies(entry: &mut Entry, kinds: &[Inconsistency], counters: &mut BotCounters) -> Vec<Inconsistency> {
    let mut new = Vec::new();
    for kind in kinds.iter().copied() {
        if entry.mark_counted(kind) {
            counters.inconsistencies[kind] = counters.inconsistencies[kind].saturating_add(1);
            new.push(kind);
        }
    }
    new
}

/// The numbers of a job after a report.
pub(super) fn point(job: &Job, at: Timestamp) -> HistoryPoint {
    let sum = |status| job.tallies.iter().fold(0_u64, |sum, tally| sum.saturating_add(tally.entries[status]));
    HistoryPoint { at, status: Some(job.status), completion: job.completion, entries: EnumMap::from_fn(sum) }
}

/// Copies the values of a report into the job; values that the report does not have stay.
fn update(job: &mut Job, report: Report, changed: bool, now: Timestamp) {
    job.status = report.status;
    job.tallies = report.tallies;
    job.completion = report.completion.or(job.completion);
    for (number, value) in report.numbers {
        job.numbers[number] = value.or(job.numbers[number]);
    }
    job.created = report.created.or(job.created);
    job.requested = report.requested.or(job.requested);
    job.first_notification = report.first_notification.or(job.first_notification);
    job.last_notification = report.last_notification.or(job.last_notification);
    job.job_type = report.job_type.or(job.job_type.take());
    job.action = report.action.or(job.action.take());
    job.poll_up = Some(true);
    job.last_poll_success = Some(now);
    if changed {
        job.last_change = Some(now);
    }
}

/// Seconds from the request to the last log entry; `None` if either time is missing. Never `lMod`, which can be before
/// `createdOn` (docs/UPSTREAM.md#field-meaning).
fn duration_seconds(job: &Job) -> Option<f64> {
    let start = job.requested.or(job.created)?;
    Some(job.last_notification?.since(start).as_secs_f64())
}

impl Store {
    /// A report as a job that is not tracked; nothing is counted.
    pub fn as_job(&self, key: JobKey, report: Report, now: Timestamp) -> Job {
        let api = self.bots.get(&key.bot).map_or(ApiVersion::V1, |bot| bot.api);
        let mut job = Job::new(key, api, None, [].into());
        let status = report.status;
        update(&mut job, report, true, now);
        if status.is_terminal() {
            job.state = JobState::Finished;
            job.finished = Some(now);
        }
        job
    }
}
