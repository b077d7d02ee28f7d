use proptest::prelude::*;

use super::{at, full_job, full_totals, key};
use crate::database::{bot_row, job_row};
use crate::model::{
    ApiVersion, BotName, Channel, ChannelTally, Job, JobState, JobStatus, LabelName, LabelValue, Reason, SourceId,
    SourceKind, Timestamp,
};
use crate::store::PersistedJob;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn rows_of_format_1_are_written_as_ever() {
    // A change here is a change of the format: raise FORMAT, and read both.
    assert_eq!(hex(&job_row::to_bytes(&full_job("ds-1")).unwrap()), include_str!("format_1_job.hex").trim());
    assert_eq!(hex(&bot_row::to_bytes(&full_totals()).unwrap()), include_str!("format_1_bot.hex").trim());
}

#[test]
fn a_job_and_a_bot_with_everything_read_back_as_they_were() {
    let job = full_job("ds-1");
    assert_eq!(job_row::from_bytes(key("ds-1"), &job_row::to_bytes(&job).unwrap()).unwrap(), job);
    let totals = full_totals();
    assert_eq!(bot_row::from_bytes(totals.bot.clone(), &bot_row::to_bytes(&totals).unwrap()).unwrap(), totals);
}

#[test]
fn a_row_that_is_cut_off_or_too_long_is_none() {
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
        ChannelTally { channel, entries, failures, delivery, delivery_sum }
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
        recipients: Option<u64>, poll_up: Option<bool>, created in time(), last_change in time(), finished in time(),
    ) -> Job {
        let labels = [(LabelName::parse("team").unwrap(), label)].into();
        Job {
            job_type, state, status, completion, tallies, recipients, poll_up, created, last_change, finished,
            ..Job::new(key("ds-1"), ApiVersion::V1, campaign, labels)
        }
    }
}

prop_compose! {
    fn kept()(
        job in published(), added: i64, ended in time(), last_poll in time(), misses: u8, inconsistencies: u16,
        counted in prop::option::of(prop::collection::vec(tally(), 0..3)), unrecognized: [u32; 4], retired: bool,
        sources in prop::collection::vec((prop::sample::select(&SourceKind::ALL), "[a-z_]{1,20}"), 0..3),
    ) -> PersistedJob {
        let bot = BotName::parse("support").unwrap();
        let source = |(kind, name): (_, String)| SourceId { bot: bot.clone(), kind, name: name.into() };
        PersistedJob {
            job, added: at(added), ended, last_poll, misses, inconsistencies, unrecognized, retired,
            counted: counted.map(Vec::into_boxed_slice), wanted_by: sources.into_iter().map(source).collect(),
        }
    }
}

proptest! {
    #[test]
    fn every_job_reads_back_as_it_was(job in kept()) {
        let bytes = job_row::to_bytes(&job).unwrap();
        prop_assert_eq!(job_row::from_bytes(job.job.key.clone(), &bytes).unwrap(), job);
    }

    #[test]
    fn whatever_stands_in_a_row_reading_it_never_panics(bytes: Vec<u8>) {
        let _any = job_row::from_bytes(key("ds-1"), &bytes);
        let _any = bot_row::from_bytes(BotName::parse("support").unwrap(), &bytes);
    }
}
