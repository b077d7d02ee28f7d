use enum_map::{EnumMap, enum_map};
use proptest::prelude::*;

use super::{at, full_campaign, full_counters, full_job, key};
use crate::database::codes::Code;
use crate::database::encoding::{self, ByCode};
use crate::database::{bot_row, campaign_row, format, job_row};
use crate::model::{
    ApiVersion, BotCounter, BotCounters, BotName, Channel, ChannelTally, CreationTimes, Job, JobNumber, JobState,
    JobStatus, LabelName, LabelValue, Reason, SourceId, SourceKind, Timestamp,
};
use crate::store::PersistedJob;

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.trim().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn rows_of_format_2_are_pinned() {
    // A change here is a change of the format: see format.rs. UPDATE_GOLDEN=1 writes the files of a new format.
    for (name, row) in [
        ("format_2_job.hex", job_row::to_bytes(&full_job("ds-1")).unwrap()),
        ("format_2_bot.hex", bot_row::to_bytes(&full_counters()).unwrap()),
        ("format_2_campaign.hex", campaign_row::to_bytes(&full_campaign()).unwrap()),
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/database/tests").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, hex(&row) + "\n").unwrap();
        }
        assert_eq!(hex(&row), std::fs::read_to_string(path).unwrap().trim(), "{name}");
    }
}

#[test]
fn rows_of_format_1_are_read_as_ever() {
    let reader = format::reader(1).unwrap();
    let job = bytes(include_str!("format_1_job.hex"));
    let mut expected = full_job("ds-1");
    expected.campaign_since = None;
    expected.job.first_notification = None;
    assert_eq!((reader.job)(key("ds-1"), &job).unwrap(), expected);
    let full = full_counters();
    // The only counter without labels that format 1 has.
    let unlabelled = enum_map! { BotCounter::ResponseBytes => full.unlabelled[BotCounter::ResponseBytes], _ => 0 };
    let counters = BotCounters { created: CreationTimes::default(), unlabelled, ..full };
    assert_eq!((reader.bot)(&bytes(include_str!("format_1_bot.hex"))).unwrap(), counters);
}

#[test]
fn a_job_a_bot_and_a_campaign_with_everything_read_back_as_they_were() {
    let job = full_job("ds-1");
    assert_eq!(job_row::from_bytes(key("ds-1"), &job_row::to_bytes(&job).unwrap()).unwrap(), job);
    let counters = full_counters();
    assert_eq!(bot_row::from_bytes(&bot_row::to_bytes(&counters).unwrap()).unwrap(), counters);
    let campaign = full_campaign();
    let row = campaign_row::to_bytes(&campaign).unwrap();
    assert_eq!(campaign_row::from_bytes(campaign.key.clone(), &row).unwrap(), campaign);
}

#[test]
fn a_code_that_is_missing_reads_as_the_default_and_an_unknown_one_is_refused() {
    let without = encoding::encode(&vec![(JobNumber::ReportedEntries.code(), Some(7_u64))]).unwrap();
    let numbers: ByCode<JobNumber, Option<u64>> = encoding::decode(&without).unwrap();
    assert_eq!((numbers.0[JobNumber::Recipients], numbers.0[JobNumber::ReportedEntries]), (None, Some(7)));
    let unknown = encoding::encode(&vec![(200_u8, Some(7_u64))]).unwrap();
    assert!(encoding::decode::<ByCode<JobNumber, Option<u64>>>(&unknown).is_err());
}

#[test]
fn a_row_that_is_truncated_or_too_long_is_refused() {
    let mut bytes = job_row::to_bytes(&full_job("ds-1")).unwrap();
    for end in 0..bytes.len() {
        assert!(job_row::from_bytes(key("ds-1"), &bytes[..end]).is_err(), "{end} bytes");
    }
    bytes.push(0);
    assert!(job_row::from_bytes(key("ds-1"), &bytes).is_err());
}

prop_compose! {
    fn tally()(
        channel in "[a-z][a-z0-9_-]{0,31}", entries: [u64; 3], reasons in prop::collection::vec(("[a-z][a-z0-9_]{0,63}", any::<u64>()), 0..4),
        delivery: [u64; 12], delivery_sum in 0.0..1e12,
    ) -> ChannelTally {
        let channel = Channel::clean(&channel).unwrap();
        let failures = reasons.into_iter().map(|(reason, count)| (Reason::parse(&reason).unwrap(), count)).collect();
        ChannelTally { channel, entries: EnumMap::from_array(entries), failures, delivery, delivery_sum }
    }
}

fn value() -> impl Strategy<Value = LabelValue> {
    "[^\\p{Cc}]{0,128}".prop_map(|text| LabelValue::parse(&text).unwrap())
}

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    any::<Option<i64>>().prop_map(|millis| millis.map(at))
}

prop_compose! {
    fn published()(
        campaign in prop::option::of(value()), job_type in prop::option::of(value()), label in value(),
        state in prop::sample::select(&JobState::ALL), status in prop::sample::select(&JobStatus::ALL),
        completion in prop::option::of(0.0..=1.0), tallies in prop::collection::vec(tally(), 0..4),
        numbers: [Option<u64>; 2], poll_up: Option<bool>, created in time(), last_change in time(), finished in time(),
    ) -> Job {
        let labels = [(LabelName::parse("team").unwrap(), label)].into();
        Job {
            job_type, state, status, completion, tallies, poll_up, created, last_change, finished,
            numbers: EnumMap::from_fn(|number| match number {
                JobNumber::Recipients => numbers[0],
                _ => numbers[1],
            }),
            ..Job::new(key("ds-1"), ApiVersion::V1, campaign, labels)
        }
    }
}

prop_compose! {
    fn persisted()(
        job in published(), added: i64, ended in time(), last_poll in time(), misses: u8, inconsistencies: [bool; 8],
        counted in prop::option::of(prop::collection::vec(tally(), 0..3)), unrecognized: [u32; 4], retired: bool, campaign_since in time(),
        sources in prop::collection::vec((prop::sample::select(&SourceKind::ALL), "[a-z_]{1,20}"), 0..3),
    ) -> PersistedJob {
        let bot = BotName::parse("support").unwrap();
        let source = |(kind, name): (_, String)| SourceId { bot: bot.clone(), kind, name: name.into() };
        PersistedJob {
            job, added: at(added), ended, last_poll, misses, retired, campaign_since,
            inconsistencies: EnumMap::from_array(inconsistencies), unrecognized: EnumMap::from_array(unrecognized),
            counted: counted.map(Vec::into_boxed_slice), sources: sources.into_iter().map(source).collect(),
        }
    }
}

proptest! {
    #[test]
    fn every_job_reads_back_as_it_was(job in persisted()) {
        let bytes = job_row::to_bytes(&job).unwrap();
        prop_assert_eq!(job_row::from_bytes(job.job.key.clone(), &bytes).unwrap(), job);
    }

    #[test]
    fn reading_any_bytes_never_panics(bytes: Vec<u8>) {
        let _any = job_row::from_bytes(key("ds-1"), &bytes);
        let _any = bot_row::from_bytes(&bytes);
        let _any = campaign_row::from_bytes(full_campaign().key, &bytes);
        let v1 = format::reader(1).unwrap();
        let _any = (v1.job)(key("ds-1"), &bytes);
        let _any = (v1.bot)(&bytes);
    }
}
