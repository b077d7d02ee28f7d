//! Rows, files, batches.

mod damage;
mod opening;
mod rows;
mod writing;

use enum_map::{Enum, EnumMap, enum_map};

use crate::database::{BotCalls, Contents};
use crate::model::{
    ApiVersion, BotCounter, BotCounters, BotName, Campaign, CampaignKey, CampaignTotals, Channel, ChannelTally,
    CompletionSum, CreationTimes, EntryStatus, Histogram, Inconsistency, Job, JobKey, JobNumbers, JobState, JobStatus,
    LabelName, LabelValue, REQUEST_DURATION_BOUNDS, Reason, RequestId, SourceId, SourceKind, TerminalStatus, Timestamp,
};
use crate::store::{DigestKey, PersistedJob};

fn key(id: &str) -> JobKey {
    JobKey { bot: BotName::parse("support").unwrap(), id: RequestId::parse(id).unwrap() }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A job with something in every field.
fn full_job(id: &str) -> PersistedJob {
    let mut tally = ChannelTally::new(Channel::clean("msteams").unwrap());
    tally.entries = EnumMap::from_array([7, 2, 1]);
    tally.failures = vec![(Reason::parse("timeout").unwrap(), 2)];
    tally.delivery[3] = 9;
    tally.delivery_sum = 12.5;
    let mut before = tally.clone();
    before.entries[EntryStatus::Success] = 8;
    let label = |name, value| (LabelName::parse(name).unwrap(), LabelValue::parse(value).unwrap());
    let job = Job {
        campaign: LabelValue::parse("Frühling").ok(),
        labels: [label("team", "a"), label("tier", "")].into(),
        api: ApiVersion::V2,
        state: JobState::Finished,
        job_type: LabelValue::parse("alert").ok(),
        action: LabelValue::parse("notify").ok(),
        status: JobStatus::PartialSuccess,
        completion: Some(1.0),
        tallies: vec![tally],
        numbers: JobNumbers::from_fn(|_| Some(10)),
        created: Some(at(1)),
        requested: Some(at(2)),
        first_notification: Some(at(9)),
        last_notification: Some(at(3)),
        last_change: Some(at(4)),
        finished: Some(at(5)),
        poll_up: Some(true),
        last_poll_success: Some(at(6)),
        ..Job::new(key(id), ApiVersion::V1, None, [].into())
    };
    let source = |kind, name: &str| SourceId { bot: job.key.bot.clone(), kind, name: name.into() };
    PersistedJob {
        sources: vec![source(SourceKind::File, "file_sd_configs[0]"), source(SourceKind::Api, "api")],
        job,
        added: at(1_700_000_000_000),
        ended: Some(at(7)),
        last_poll: Some(at(8)),
        misses: 2,
        counted: Some([before].into()),
        inconsistencies: enum_map! {
            Inconsistency::CountMismatch | Inconsistency::PercentageOutOfRange => true,
            _ => false,
        },
        unrecognized: EnumMap::from_array([0, 1, 2, 3]),
        retired: true,
        campaign_since: Some(at(10)),
    }
}

/// The same with series.
fn tracked_job(id: &str) -> PersistedJob {
    PersistedJob { retired: false, ..full_job(id) }
}

/// What is read without the random key.
fn without_key(mut contents: Contents) -> Contents {
    contents.remembered.key = DigestKey::default();
    contents
}

/// Counters with something in every field.
fn full_counters() -> BotCounters {
    let channel = Channel::clean("msteams").unwrap();
    let mut counters = BotCounters::new(&[channel.clone(), Channel::other()]);
    counters.notifications.insert(channel.clone(), EnumMap::from_array([100, 20, 3]));
    counters.failures.insert((channel.clone(), Reason::other()), 20);
    counters.delivery.get_mut(&channel).unwrap().observe(3.25);
    counters.jobs_finished = EnumMap::from_array([4, 5, 6]);
    counters.job_duration[TerminalStatus::PartialSuccess].observe(61.0);
    counters.requests = EnumMap::from_array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0]);
    counters.request_duration = Histogram::restored(REQUEST_DURATION_BOUNDS, &[1, 2, 3], 0.25);
    counters.unlabelled = EnumMap::from_fn(|counter: BotCounter| 12_345 + counter.into_usize() as u64);
    counters.poll_delay.observe(0.5);
    counters.unrecognized = EnumMap::from_array([1, 0, 2, 0]);
    counters.inconsistencies = EnumMap::from_array([1, 2, 3, 4, 5, 6, 7, 8]);
    counters.created = CreationTimes::new(at(11));
    counters.created.channels.insert(channel.clone(), at(12));
    counters.created.failures.insert((channel, Reason::other()), at(13));
    counters
}

/// A campaign with something in every stored field.
fn full_campaign() -> Campaign {
    let channel = Channel::clean("msteams").unwrap();
    let key = CampaignKey { bot: bot(), name: LabelValue::parse("Frühling").unwrap() };
    let mut campaign = Campaign::new(key, at(20));
    campaign.notifications.insert(channel.clone(), EnumMap::from_array([100, 20, 3]));
    campaign.failures.insert((channel.clone(), Reason::other()), 20);
    campaign.jobs_finished = EnumMap::from_array([4, 5, 6]);
    campaign.created.channels.insert(channel.clone(), at(12));
    campaign.created.failures.insert((channel, Reason::other()), at(13));
    campaign.totals = CampaignTotals {
        jobs: EnumMap::from_array([1, 2, 3, 4]),
        sized: 9,
        recipients: 9000,
        weighted: CompletionSum { jobs: 8, millionths: 1 << 70 },
        weight: 8000,
        unweighted: CompletionSum { jobs: 2, millionths: 1_500_000 },
        unknown: 1,
    };
    campaign.created.all = Some(at(19));
    campaign.first_entry = Some(at(21));
    campaign.last_entry = Some(at(22));
    campaign
}

fn bot() -> BotName {
    BotName::parse("support").unwrap()
}

fn calls(by_second: &[(i64, u32)]) -> BotCalls {
    let by_second = by_second.iter().map(|(second, count)| (at(second * 1000), *count)).collect();
    BotCalls { bot: BotName::parse("support").unwrap(), by_second }
}
