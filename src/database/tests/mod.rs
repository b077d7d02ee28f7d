//! Rows, files, batches.

mod damage;
mod opening;
mod rows;
mod writing;

use crate::database::BotCalls;
use crate::model::{
    ApiVersion, BotName, BotTotals, Channel, ChannelTally, Histogram, Job, JobKey, JobState, JobStatus, LabelName,
    LabelValue, REQUEST_DURATION_BOUNDS, Reason, RequestId, SourceId, SourceKind, Timestamp,
};
use crate::store::PersistedJob;

fn key(id: &str) -> JobKey {
    JobKey { bot: BotName::parse("support").unwrap(), id: RequestId::parse(id).unwrap() }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A job with something in every field.
fn full_job(id: &str) -> PersistedJob {
    let mut tally = ChannelTally::new(Channel::clean("msteams").unwrap());
    tally.entries = [7, 2, 1];
    tally.failures = vec![(Reason::parse("timeout").unwrap(), 2)];
    tally.delivery[3] = 9;
    tally.delivery_sum = 12.5;
    let mut before = tally.clone();
    before.entries = [8, 2, 1];
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
        recipients: Some(10),
        reported_entries: Some(10),
        created: Some(at(1)),
        requested: Some(at(2)),
        last_notification: Some(at(3)),
        last_change: Some(at(4)),
        finished: Some(at(5)),
        poll_up: Some(true),
        last_poll_success: Some(at(6)),
        ..Job::new(key(id), ApiVersion::V1, None, [].into())
    };
    let source = |kind, name: &str| SourceId { bot: job.key.bot.clone(), kind, name: name.into() };
    PersistedJob {
        wanted_by: vec![source(SourceKind::File, "file_sd_configs[0]"), source(SourceKind::Api, "api")],
        job,
        added: at(1_700_000_000_000),
        ended: Some(at(7)),
        last_poll: Some(at(8)),
        misses: 2,
        counted: Some([before].into()),
        inconsistencies: 5,
        unrecognized: [0, 1, 2, 3],
        retired: true,
    }
}

/// Counters with something in every field.
fn full_totals() -> BotTotals {
    let channel = Channel::clean("msteams").unwrap();
    let mut totals = BotTotals::new(BotName::parse("support").unwrap(), &[channel.clone(), Channel::other()]);
    totals.notifications.insert(channel.clone(), [100, 20, 3]);
    totals.failures.insert((channel.clone(), Reason::other()), 20);
    totals.delivery.get_mut(&channel).unwrap().observe(3.25);
    totals.jobs_finished = [4, 5, 6];
    totals.job_duration[1].observe(61.0);
    totals.requests = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    totals.request_duration = Histogram::restored(REQUEST_DURATION_BOUNDS, &[1, 2, 3], 0.25);
    totals.response_bytes = 12_345;
    totals.poll_delay.observe(0.5);
    totals.unrecognized = [1, 0, 2, 0];
    totals.inconsistencies = [1, 2, 3, 4, 5, 6, 7, 8];
    totals
}

fn calls(by_second: &[(i64, u32)]) -> BotCalls {
    let by_second = by_second.iter().map(|(second, count)| (at(second * 1000), *count)).collect();
    BotCalls { bot: BotName::parse("support").unwrap(), by_second }
}
