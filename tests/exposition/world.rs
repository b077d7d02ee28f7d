//! Jobs and bots that together have every family and every special case.

use std::sync::Arc;
use std::time::Duration;

use enum_map::EnumMap;
use koreai_exporter::exposition::{ExporterView, StorageView};
use koreai_exporter::model::{
    ApiVersion, BotMetrics, BotName, Campaign, CampaignKey, CampaignShare, Channel, ChannelTally, CreationTimes, Job,
    JobKey, JobNumber, JobState, JobStatus, LabelName, LabelValue, Reason, RequestId, Shard, TerminalStatus, Timestamp,
    TokenKind,
};

pub(crate) fn channel(name: &str) -> Channel {
    Channel::clean(name).unwrap()
}

pub(crate) fn value(text: &str) -> LabelValue {
    LabelValue::parse(text).unwrap()
}

pub(crate) fn job(bot: &str, id: &str) -> Job {
    let key = JobKey { bot: BotName::parse(bot).unwrap(), id: RequestId::parse(id).unwrap() };
    Job::new(key, ApiVersion::V1, None, Arc::from([]))
}

pub(crate) fn tally(name: &str, entries: [u64; 3], failures: &[(&str, u64)]) -> ChannelTally {
    let mut tally = ChannelTally::new(channel(name));
    tally.entries = EnumMap::from_array(entries);
    tally.failures = failures.iter().map(|(reason, count)| (Reason::parse(reason).unwrap(), *count)).collect();
    tally
}

fn time(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

/// One never polled, one half done with every label, one finished with failures, one read from V2, one gone.
pub(crate) fn jobs() -> Vec<Job> {
    let never_polled = job("support", "ds-never-polled");

    let mut running = job("support", "ds-running");
    running.campaign = Some(value("spring \"sale\" \\ 50 %"));
    running.labels = Arc::from([
        (LabelName::parse("owner").unwrap(), value("Ünal")),
        (LabelName::parse("team").unwrap(), value("crm")),
    ]);
    running.job_type = Some(value("PROACTIVE_NOTIFICATIONS_API"));
    running.action = Some(value("PROACTIVE_NOTIFICATIONS"));
    running.status = JobStatus::InProgress;
    running.completion = Some(0.425);
    running.tallies = vec![tally("msteams", [400, 20, 5], &[("recipient_unknown", 15), ("other", 5)])];
    running.numbers[JobNumber::Recipients] = Some(1000);
    running.numbers[JobNumber::ReportedEntries] = Some(425);
    running.created = time(1_643_057_723_029);
    running.requested = time(1_643_057_723_000);
    running.last_notification = time(1_643_057_760_500);
    running.last_change = time(1_643_057_761_000);
    running.poll_up = Some(true);
    running.last_poll_success = time(1_643_057_776_120);
    running.expected_end = time(1_643_057_827_500);

    let mut finished = running.clone();
    finished.key.id = RequestId::parse("ds-finished").unwrap();
    finished.campaign = Some(value("spring"));
    finished.labels = Arc::from([]);
    finished.state = JobState::Finished;
    finished.expected_end = None;
    finished.status = JobStatus::PartialSuccess;
    finished.completion = Some(1.0);
    finished.tallies = vec![tally("slack", [3, 0, 0], &[]), tally("ivr", [0, 2, 0], &[("bot_not_installed", 2)])];
    finished.finished = time(1_643_057_800_001);

    let mut from_v2 = job("sales", "ds-v2");
    from_v2.api = ApiVersion::V2;
    from_v2.status = JobStatus::Success;
    from_v2.state = JobState::Finished;
    from_v2.tallies = vec![tally("whatsapp", [2, 0, 0], &[])];
    from_v2.poll_up = Some(true);

    let mut gone = job("sales", "ds-gone");
    gone.state = JobState::Gone;
    gone.poll_up = Some(false);

    vec![never_polled, running, finished, from_v2, gone]
}

pub(crate) fn bots() -> Vec<BotMetrics> {
    let mut metrics = BotMetrics::new(BotName::parse("support").unwrap(), &[channel("msteams"), channel("ivr")]);
    let support = &mut metrics.counters;
    support.notifications.insert(channel("slack"), EnumMap::from_array([3, 0, 0]));
    support.notifications.insert(channel("msteams"), EnumMap::from_array([400, 20, 5]));
    support.failures.insert((channel("msteams"), Reason::parse("recipient_unknown").unwrap()), 15);
    support.failures.insert((channel("msteams"), Reason::other()), 5);
    for delivery in support.delivery.values_mut() {
        [0.4, 1.0, 2.6, 20_000.0].into_iter().for_each(|seconds| delivery.observe(seconds));
    }
    support.jobs_finished[TerminalStatus::PartialSuccess] = 1;
    support.job_duration[TerminalStatus::PartialSuccess].observe(37.5);
    support.requests = EnumMap::from_array([10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    support.request_duration.observe(0.12);
    support.unlabelled = EnumMap::from_array([501_234, 40_123, 7]);
    support.poll_delay.observe(0.7);
    support.unrecognized = EnumMap::from_array([1, 2, 3, 4]);
    support.inconsistencies = EnumMap::from_array([1, 2, 3, 4, 5, 6, 7, 8]);
    let gauges = &mut metrics.gauges;
    gauges.jobs = EnumMap::from_array([2, 1, 0, 0]);
    gauges.budget = EnumMap::from_array([600, 18_000]);
    gauges.budget_used = EnumMap::from_array([11, 46]);
    gauges.paused_until = Some(Timestamp::from_millis(1_643_057_900_000));
    gauges.token_expiry = Some((TokenKind::Signed, Timestamp::from_millis(1_643_058_000_000)));
    gauges.last_answer = Some(Timestamp::from_millis(1_643_057_776_000));
    gauges.token_up = Some(true);
    gauges.targets = EnumMap::from_array([Some(2), Some(0), None, Some(1)]);
    gauges.source_up = EnumMap::from_array([Some(true), Some(false), None, Some(true)]);
    gauges.polls_overdue = 4;
    vec![metrics, BotMetrics::new(BotName::parse("sales").unwrap(), &[channel("whatsapp")])]
}

/// One with every family, one without recipients and completion.
pub(crate) fn campaigns() -> Vec<Campaign> {
    let key = |bot, name| CampaignKey { bot: BotName::parse(bot).unwrap(), name: value(name) };
    let began = Timestamp::from_millis(1_643_057_710_000);
    let mut spring = Campaign::new(key("support", "spring \"sale\" \\ 50 %"), began);
    for job in jobs() {
        if let Some(share) = CampaignShare::of(&job).filter(|share| share.campaign == spring.key.name) {
            spring.totals.add(&share);
        }
    }
    spring.notifications.insert(channel("msteams"), EnumMap::from_array([400, 20, 0]));
    spring.created.channels.insert(channel("msteams"), began);
    let reason = |reason| (channel("msteams"), Reason::parse(reason).unwrap());
    spring.failures = [(reason("other"), 5), (reason("recipient_unknown"), 15)].into();
    spring.created.failures.insert(reason("recipient_unknown"), began.plus(Duration::from_secs(9)));
    spring.jobs_finished[TerminalStatus::PartialSuccess] = 1;
    spring.last_change = Timestamp::from_millis(1_643_057_761_000);
    spring.expected_end = time(1_643_057_827_500);
    let mut unsized_one = Campaign::new(key("sales", "survey"), began);
    unsized_one.created = CreationTimes::default();
    unsized_one.totals.unknown = 1;
    vec![spring, unsized_one]
}

pub(crate) fn exporter() -> ExporterView {
    ExporterView {
        version: "0.1.0".to_owned(),
        revision: "f1aadab".to_owned(),
        rustversion: "1.95.0".to_owned(),
        shard: Shard::WHOLE,
        started: Timestamp::from_millis(1_643_057_700_000),
        config_last_reload_successful: true,
        config_last_reload_success: Timestamp::from_millis(1_643_057_700_000).plus(Duration::from_millis(250)),
        dropped: EnumMap::from_array([1, 0, 0, 2]),
        storage: Some(StorageView { size_bytes: 1_589_248, errors: EnumMap::from_array([1, 0, 0]) }),
    }
}
