//! The stored codes: the one place that says how a closed set is written to the database.
//!
//! A code is part of the format. It belongs to one variant for ever: the order of variants and their label values may
//! change, a code must not, and the code of a removed variant is not used again. The compiler asks for the code of a new
//! variant. How to add a stored field is described in `format.rs`.

use enum_map::Enum;

use crate::model::{
    ApiVersion, BotCounter, EntryStatus, Inconsistency, JobNumber, JobState, JobStatus, Outcome, SourceKind,
    TerminalStatus, UnrecognizedKind,
};

/// An enum that the database stores.
pub(super) trait Code: Sized {
    /// What the enum is, for errors.
    const NAME: &'static str;

    /// The stored code.
    fn code(self) -> u8;

    /// The variant with this code.
    fn from_code(code: u8) -> Option<Self>;
}

macro_rules! codes {
    ($($name:literal $enum:ident { $($code:literal = $variant:ident,)+ })+) => {
        $(impl Code for $enum {
            const NAME: &'static str = $name;

            fn code(self) -> u8 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        })+
    };
}

/// A text of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum JobText {
    Campaign,
    JobType,
    Action,
}

/// A time of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum JobTime {
    Created,
    Requested,
    LastNotification,
    LastChange,
    Finished,
    LastPollSuccess,
    Ended,
    LastPoll,
    FirstNotification,
    CampaignSince,
}

codes! {
    "polling state" JobState {
        0 = Polling,
        1 = Finished,
        2 = Gone,
        3 = Abandoned,
    }
    "counter of a bot" BotCounter {
        0 = ResponseBytes,
        1 = ReceivedBytes,
        2 = NotModified,
    }
    "API version" ApiVersion {
        0 = V1,
        1 = V2,
    }
    "job status" JobStatus {
        0 = InProgress,
        1 = Success,
        2 = PartialSuccess,
        3 = Failure,
        4 = Unknown,
    }
    "terminal status" TerminalStatus {
        0 = Success,
        1 = PartialSuccess,
        2 = Failure,
    }
    "entry status" EntryStatus {
        0 = Success,
        1 = Failure,
        2 = Unknown,
    }
    "source type" SourceKind {
        0 = Static,
        1 = File,
        2 = Http,
        3 = Api,
    }
    "outcome" Outcome {
        0 = Ok,
        1 = Unauthorized,
        2 = RateLimited,
        3 = NotFound,
        4 = ClientError,
        5 = ServerError,
        6 = Timeout,
        7 = Network,
        8 = Malformed,
        9 = TooLarge,
        10 = WrongEndpoint,
    }
    "kind of unrecognized value" UnrecognizedKind {
        0 = JobStatus,
        1 = EntryStatus,
        2 = Channel,
        3 = FailureReason,
    }
    "kind of inconsistency" Inconsistency {
        0 = CountMismatch,
        1 = MoreEntriesThanRecipients,
        2 = PercentageOutOfRange,
        3 = PercentageDecreased,
        4 = EntriesDecreased,
        5 = ModifiedBeforeCreated,
        6 = BadTimestamp,
        7 = BadNumber,
    }
    "job number" JobNumber {
        0 = Recipients,
        1 = ReportedEntries,
    }
    "job text" JobText {
        0 = Campaign,
        1 = JobType,
        2 = Action,
    }
    "job time" JobTime {
        0 = Created,
        1 = Requested,
        2 = LastNotification,
        3 = LastChange,
        4 = Finished,
        5 = LastPollSuccess,
        6 = Ended,
        7 = LastPoll,
        8 = FirstNotification,
        9 = CampaignSince,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes<T: Code + Enum>() -> Vec<u8> {
        (0..T::LENGTH).map(|index| T::from_usize(index).code()).collect()
    }

    fn check<T: Code + Enum + PartialEq + std::fmt::Debug>() {
        let mut seen = codes::<T>();
        for (index, code) in seen.iter().enumerate() {
            assert_eq!(T::from_code(*code), Some(T::from_usize(index)), "{} {code}", T::NAME);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), T::LENGTH, "two variants of {} have one code", T::NAME);
        assert_eq!(T::from_code(u8::MAX), None, "{}", T::NAME);
    }

    #[test]
    fn every_variant_has_a_code_of_its_own_and_reads_back() {
        check::<JobState>();
        check::<ApiVersion>();
        check::<JobStatus>();
        check::<TerminalStatus>();
        check::<EntryStatus>();
        check::<SourceKind>();
        check::<Outcome>();
        check::<UnrecognizedKind>();
        check::<Inconsistency>();
        check::<JobNumber>();
        check::<JobText>();
        check::<JobTime>();
    }
}
