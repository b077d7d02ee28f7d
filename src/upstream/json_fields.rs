//! The fields of a body that are read. Log entries are counted while they are read, and then dropped.
//!
//! Fields come in any order. If a field occurs twice, the last one wins.

use std::borrow::Borrow;
use std::marker::PhantomData;

use enum_map::{Enum, EnumMap};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::failure_reasons::ReasonTable;
use super::lenient_object::{ByteAllowance, Lenient, LenientList, List, Object, Shape};
use super::lenient_value::LenientValue;
use super::log_entries::{LogEntry, LogEntryCounts};
use super::refusal::Refusal;
use crate::model::JobNumber;

/// The object that a field is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    Body,
    Store,
}

/// The field of a count: the object that it is in, and its name.
const fn number_field(number: JobNumber) -> (Parent, &'static [u8]) {
    match number {
        JobNumber::Recipients => (Parent::Store, b"identitiesCount"),
        JobNumber::ReportedEntries => (Parent::Body, b"count"),
    }
}

/// The count that a field holds.
fn number_of_field(parent: Parent, key: &[u8]) -> Option<JobNumber> {
    (0..JobNumber::LENGTH).map(JobNumber::from_usize).find(|number| number_field(*number) == (parent, key))
}

/// The raw fields of a body.
pub(super) struct StatusBody<'c, R> {
    allowance: &'c ByteAllowance,
    table: &'c ReasonTable,
    pub(super) status: Option<R>,
    pub(super) percentage: Option<R>,
    numbers: EnumMap<JobNumber, Option<R>>,
    pub(super) created_on: Option<R>,
    pub(super) requested_time: Option<R>,
    pub(super) modified: Option<R>,
    pub(super) job_type: Option<R>,
    pub(super) action: Option<R>,
    store: StoreObject<'c, R>,
    /// The shape of `statusLogs`; `None` if the field is missing.
    pub(super) logs: Option<Shape>,
    pub(super) entries: LogEntryCounts<'c>,
    pub(super) errors: ErrorEnvelope<'c, R>,
}

pub(super) struct StoreObject<'c, R> {
    allowance: &'c ByteAllowance,
    numbers: EnumMap<JobNumber, Option<R>>,
}

pub(super) struct ErrorEnvelope<'c, R> {
    allowance: &'c ByteAllowance,
    /// The first entry of the envelope with a message or a code.
    pub(super) refusal: Option<Refusal>,
    raw: PhantomData<R>,
}

impl<'c, R> StatusBody<'c, R> {
    pub(super) fn new(table: &'c ReasonTable, allowance: &'c ByteAllowance) -> Self {
        Self {
            allowance,
            table,
            status: None,
            percentage: None,
            numbers: EnumMap::default(),
            created_on: None,
            requested_time: None,
            modified: None,
            job_type: None,
            action: None,
            store: StoreObject { allowance, numbers: EnumMap::default() },
            logs: None,
            entries: LogEntryCounts::new(table),
            errors: ErrorEnvelope { allowance, refusal: None, raw: PhantomData },
        }
    }

    /// The raw value of a count.
    pub(super) fn number(&self, number: JobNumber) -> &Option<R> {
        match number_field(number).0 {
            Parent::Body => &self.numbers[number],
            Parent::Store => &self.store.numbers[number],
        }
    }
}

pub(super) enum BodyField {
    Status,
    Percentage,
    Number(JobNumber),
    CreatedOn,
    RequestedTime,
    Modified,
    JobType,
    Action,
    StoreObject,
    StatusLogs,
    Errors,
}

impl<'de, R: Deserialize<'de> + Borrow<RawValue>> Object<'de> for StatusBody<'_, R> {
    type Field = BodyField;

    fn field(key: &[u8]) -> Option<BodyField> {
        Some(match key {
            b"status" => BodyField::Status,
            b"percentageComplete" => BodyField::Percentage,
            b"createdOn" => BodyField::CreatedOn,
            b"requestedTime" => BodyField::RequestedTime,
            b"lMod" => BodyField::Modified,
            b"jobType" => BodyField::JobType,
            b"action" => BodyField::Action,
            b"store" => BodyField::StoreObject,
            b"statusLogs" => BodyField::StatusLogs,
            b"errors" => BodyField::Errors,
            _ => return number_of_field(Parent::Body, key).map(BodyField::Number),
        })
    }

    fn take<A: MapAccess<'de>>(&mut self, field: BodyField, map: &mut A) -> Result<(), A::Error> {
        let slot = match field {
            BodyField::Status => &mut self.status,
            BodyField::Percentage => &mut self.percentage,
            BodyField::Number(number) => &mut self.numbers[number],
            BodyField::CreatedOn => &mut self.created_on,
            BodyField::RequestedTime => &mut self.requested_time,
            BodyField::Modified => &mut self.modified,
            BodyField::JobType => &mut self.job_type,
            BodyField::Action => &mut self.action,
            BodyField::StoreObject => {
                self.store.numbers = EnumMap::default();
                map.next_value_seed(Lenient(&mut self.store))?;
                return Ok(());
            }
            BodyField::StatusLogs => {
                self.entries = LogEntryCounts::new(self.table);
                let mut logs =
                    StatusLogs { allowance: self.allowance, entries: &mut self.entries, raw: PhantomData::<R> };
                self.logs = Some(map.next_value_seed(LenientList(&mut logs))?);
                return Ok(());
            }
            BodyField::Errors => {
                self.errors.refusal = None;
                map.next_value_seed(LenientList(&mut self.errors))?;
                return Ok(());
            }
        };
        *slot = Some(map.next_value()?);
        Ok(())
    }

    fn allowance(&self) -> &ByteAllowance {
        self.allowance
    }
}

impl<'de, R: Deserialize<'de>> Object<'de> for StoreObject<'_, R> {
    type Field = JobNumber;

    fn field(key: &[u8]) -> Option<JobNumber> {
        number_of_field(Parent::Store, key)
    }

    fn take<A: MapAccess<'de>>(&mut self, number: JobNumber, map: &mut A) -> Result<(), A::Error> {
        self.numbers[number] = Some(map.next_value()?);
        Ok(())
    }

    fn allowance(&self) -> &ByteAllowance {
        self.allowance
    }
}

struct StatusLogs<'f, 'c, R> {
    allowance: &'c ByteAllowance,
    entries: &'f mut LogEntryCounts<'c>,
    raw: PhantomData<R>,
}

impl<'de, R: Deserialize<'de> + Borrow<RawValue>> List<'de> for StatusLogs<'_, '_, R> {
    fn take<A: SeqAccess<'de>>(&mut self, seq: &mut A) -> Result<bool, A::Error> {
        let mut entry = EntryFields::<R> {
            allowance: self.allowance,
            entry: LogEntry { channel: None, status: None, comments: None, created_on: None },
        };
        let taken = seq.next_element_seed(Lenient(&mut entry))?.is_some();
        if taken {
            self.entries.add(&entry.entry);
        }
        Ok(taken)
    }

    fn allowance(&self) -> &ByteAllowance {
        self.allowance
    }
}

struct EntryFields<'c, R> {
    allowance: &'c ByteAllowance,
    entry: LogEntry<R>,
}

enum EntryField {
    Channel,
    Status,
    Comments,
    CreatedOn,
}

impl<'de, R: Deserialize<'de>> Object<'de> for EntryFields<'_, R> {
    type Field = EntryField;

    fn field(key: &[u8]) -> Option<EntryField> {
        Some(match key {
            b"channel" => EntryField::Channel,
            b"status" => EntryField::Status,
            b"comments" => EntryField::Comments,
            b"createdOn" => EntryField::CreatedOn,
            _ => return None,
        })
    }

    fn take<A: MapAccess<'de>>(&mut self, field: EntryField, map: &mut A) -> Result<(), A::Error> {
        let slot = match field {
            EntryField::Channel => &mut self.entry.channel,
            EntryField::Status => &mut self.entry.status,
            EntryField::Comments => &mut self.entry.comments,
            EntryField::CreatedOn => &mut self.entry.created_on,
        };
        *slot = Some(map.next_value()?);
        Ok(())
    }

    fn allowance(&self) -> &ByteAllowance {
        self.allowance
    }
}

impl<'de, R: Deserialize<'de> + Borrow<RawValue>> List<'de> for ErrorEnvelope<'_, R> {
    fn take<A: SeqAccess<'de>>(&mut self, seq: &mut A) -> Result<bool, A::Error> {
        let mut error = ErrorFields::<R> { allowance: self.allowance, msg: None, code: None };
        let taken = seq.next_element_seed(Lenient(&mut error))?.is_some();
        if self.refusal.is_none() && (error.msg.is_some() || error.code.is_some()) {
            let msg = error.msg.as_ref().map(|raw| LenientValue::of(raw.borrow()));
            let code = error.code.as_ref().and_then(|raw| LenientValue::of(raw.borrow()).count().ok().flatten());
            let message = if let Some(LenientValue::Text(text)) = &msg { Some(&**text) } else { None };
            self.refusal = Some(Refusal::from_envelope(code, message));
        }
        Ok(taken)
    }

    fn allowance(&self) -> &ByteAllowance {
        self.allowance
    }
}

struct ErrorFields<'c, R> {
    allowance: &'c ByteAllowance,
    msg: Option<R>,
    code: Option<R>,
}

enum ErrorField {
    Msg,
    Code,
}

impl<'de, R: Deserialize<'de>> Object<'de> for ErrorFields<'_, R> {
    type Field = ErrorField;

    fn field(key: &[u8]) -> Option<ErrorField> {
        Some(match key {
            b"msg" => ErrorField::Msg,
            b"code" => ErrorField::Code,
            _ => return None,
        })
    }

    fn take<A: MapAccess<'de>>(&mut self, field: ErrorField, map: &mut A) -> Result<(), A::Error> {
        match field {
            ErrorField::Msg => self.msg = Some(map.next_value()?),
            ErrorField::Code => self.code = Some(map.next_value()?),
        }
        Ok(())
    }

    fn allowance(&self) -> &ByteAllowance {
        self.allowance
    }
}
