//! Counts log entries while they are read.

use std::borrow::Borrow;

use serde_json::value::RawValue;

use super::delivery::DeliveryTimes;
use super::failure_reasons::ReasonTable;
use super::lenient_value::LenientValue;
use crate::model::{Channel, ChannelTally, EntryStatus, Reason, Timestamp, Unrecognized, UnrecognizedKind};

/// Channels of one body with a tally of their own; entries of further channels count as `other`. Upstream documents five.
pub(super) const MAX_CHANNELS_PER_REPORT: usize = 32;
/// Cached spellings of channels, so that few names need cleaning.
const MAX_SPELLINGS: usize = 2 * MAX_CHANNELS_PER_REPORT;
/// Characters of an unknown status in a sample.
const MAX_SAMPLE_CHARS: usize = 48;

/// The fields of one log entry that are read.
pub(super) struct LogEntry<R> {
    pub(super) channel: Option<R>,
    pub(super) status: Option<R>,
    pub(super) comments: Option<R>,
    pub(super) created_on: Option<R>,
}

/// Counts the entries of one body.
pub(super) struct LogEntryCounts<'t> {
    table: &'t ReasonTable,
    count: u64,
    tallies: Vec<ChannelTally>,
    spellings: Vec<(Box<str>, u8)>,
    times: DeliveryTimes,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    bad_timestamp: bool,
    status_sample: Option<String>,
    unknown_statuses: u64,
    unknown_channels: u64,
    unknown_reasons: u64,
}

impl<'t> LogEntryCounts<'t> {
    pub(super) fn new(table: &'t ReasonTable) -> Self {
        Self {
            table,
            count: 0,
            tallies: Vec::new(),
            spellings: Vec::new(),
            times: DeliveryTimes::default(),
            oldest: None,
            newest: None,
            bad_timestamp: false,
            status_sample: None,
            unknown_statuses: 0,
            unknown_channels: 0,
            unknown_reasons: 0,
        }
    }

    /// Counts one entry. A missing status is [`EntryStatus::Unknown`], a missing channel `other`; neither is reported.
    pub(super) fn add<R: Borrow<RawValue>>(&mut self, entry: &LogEntry<R>) {
        self.count = self.count.saturating_add(1);
        let at = self.channel(entry.channel.as_ref().map(Borrow::borrow));
        let status = self.status(entry.status.as_ref().map(Borrow::borrow));
        let reason = match status {
            EntryStatus::Failure => Some(self.reason(entry.comments.as_ref().map(Borrow::borrow))),
            EntryStatus::Success | EntryStatus::Unknown => None,
        };
        match entry.created_on.as_ref().map(|raw| LenientValue::of(raw.borrow()).timestamp()) {
            Some(Ok(Some(time))) => {
                self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
                self.newest = self.newest.max(Some(time));
                self.times.push(at, time);
            }
            Some(Err(_)) => self.bad_timestamp = true,
            Some(Ok(None)) | None => {}
        }
        let Some(tally) = self.tallies.get_mut(usize::from(at)) else { return };
        tally.entries[status] += 1;
        if let Some(reason) = reason {
            match tally.failures.iter_mut().find(|(known, _)| known == reason) {
                Some((_, count)) => *count += 1,
                None => tally.failures.push((reason.clone(), 1)),
            }
        }
    }

    fn status(&mut self, raw: Option<&RawValue>) -> EntryStatus {
        let Some(raw) = raw else { return EntryStatus::Unknown };
        if raw.get() == r#""SUCCESS""# {
            return EntryStatus::Success;
        }
        let (status, sample) = match LenientValue::of(raw) {
            LenientValue::Null => return EntryStatus::Unknown,
            LenientValue::Text(text) => (EntryStatus::parse(&text), sample(&text)),
            LenientValue::Number(_) | LenientValue::Other => (EntryStatus::Unknown, None),
        };
        if status == EntryStatus::Unknown {
            self.unknown_statuses += 1;
            self.status_sample = self.status_sample.take().or(sample);
        }
        status
    }

    fn reason(&mut self, raw: Option<&RawValue>) -> &'t Reason {
        let comment = match raw.map(LenientValue::of) {
            Some(LenientValue::Text(text)) => text,
            None | Some(LenientValue::Null) => return self.table.other(),
            Some(LenientValue::Number(_) | LenientValue::Other) => Default::default(),
        };
        self.table.find(&comment).unwrap_or_else(|| {
            self.unknown_reasons += 1;
            self.table.other()
        })
    }

    /// The index of the tally of a channel.
    fn channel(&mut self, raw: Option<&RawValue>) -> u8 {
        let text = match raw.map(LenientValue::of) {
            Some(LenientValue::Text(text)) => text,
            None | Some(LenientValue::Null) => return self.tally_of(Channel::other()),
            Some(LenientValue::Number(_) | LenientValue::Other) => {
                self.unknown_channels += 1;
                return self.tally_of(Channel::other());
            }
        };
        if let Some((_, at)) = self.spellings.iter().find(|(spelling, _)| **spelling == *text) {
            return *at;
        }
        let known = |channel: &Channel| self.tallies.iter().any(|tally| tally.channel == *channel);
        match Channel::clean(&text) {
            Some(channel) if self.tallies.len() < MAX_CHANNELS_PER_REPORT || known(&channel) => {
                let at = self.tally_of(channel);
                if self.spellings.len() < MAX_SPELLINGS {
                    self.spellings.push((Box::from(&*text), at));
                }
                at
            }
            _ => {
                self.unknown_channels += 1;
                self.tally_of(Channel::other())
            }
        }
    }

    fn tally_of(&mut self, channel: Channel) -> u8 {
        let at = self.tallies.iter().position(|tally| tally.channel == channel).unwrap_or_else(|| {
            self.tallies.push(ChannelTally::new(channel));
            self.tallies.len() - 1
        });
        u8::try_from(at).unwrap_or(u8::MAX)
    }

    pub(super) fn finish(mut self, requested: Option<Timestamp>) -> CountedLogEntries {
        if let Some(requested) = requested {
            self.times.fill(requested, &mut self.tallies);
        }
        let unrecognized = [
            (UnrecognizedKind::EntryStatus, self.status_sample, self.unknown_statuses),
            (UnrecognizedKind::Channel, None, self.unknown_channels),
            (UnrecognizedKind::FailureReason, None, self.unknown_reasons),
        ];
        CountedLogEntries {
            entries: self.count,
            tallies: self.tallies,
            oldest: self.oldest,
            newest: self.newest,
            bad_timestamp: self.bad_timestamp,
            unrecognized: unrecognized
                .into_iter()
                .filter(|(_, _, count)| *count > 0)
                .map(|(kind, sample, count)| Unrecognized { kind, sample, count })
                .collect(),
        }
    }
}

/// The counts of all entries of a body.
pub(super) struct CountedLogEntries {
    pub(super) entries: u64,
    pub(super) tallies: Vec<ChannelTally>,
    pub(super) oldest: Option<Timestamp>,
    pub(super) newest: Option<Timestamp>,
    pub(super) bad_timestamp: bool,
    pub(super) unrecognized: Vec<Unrecognized>,
}

/// An unknown status as a sample for the log, unless it may be personal data. An address or number is not shortened: a part
/// of it is personal data too.
pub(super) fn sample(text: &str) -> Option<String> {
    let text = text.trim();
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '-');
    let fits = text.len() <= MAX_SAMPLE_CHARS && text.starts_with(|c: char| c.is_ascii_alphabetic());
    (fits && text.chars().all(harmless)).then(|| text.to_owned())
}
