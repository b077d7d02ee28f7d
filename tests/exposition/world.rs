//! Jobs and bots that together have every family and every special case.

use std::sync::Arc;
use std::time::Duration;

use koreai_exporter::exposition::{ExporterView, StorageView};
use koreai_exporter::model::{
    ApiVersion, BotName, BotTotals, Channel, ChannelTally, Job, JobKey, JobState, JobStatus, LabelName, LabelValue,
    Reason, RequestId, Timestamp,
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
    tally.entries = entries;
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
    running.recipients = Some(1000);
    running.reported_entries = Some(425);
    running.created = time(1_643_057_723_029);
    running.requested = time(1_643_057_723_000);
    running.last_notification = time(1_643_057_760_500);
    running.last_change = time(1_643_057_761_000);
    running.poll_up = Some(true);
    running.last_poll_success = time(1_643_057_776_120);

    let mut finished = running.clone();
    finished.key.id = RequestId::parse("ds-finished").unwrap();
    finished.campaign = Some(value("spring"));
    finished.labels = Arc::from([]);
    finished.state = JobState::Finished;
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

pub(crate) fn bots() -> Vec<BotTotals> {
    let mut support = BotTotals::new(BotName::parse("support").unwrap(), &[channel("msteams"), channel("ivr")]);
    support.notifications.insert(channel("slack"), [3, 0, 0]);
    support.notifications.insert(channel("msteams"), [400, 20, 5]);
    support.failures.insert((channel("msteams"), Reason::parse("recipient_unknown").unwrap()), 15);
    support.failures.insert((channel("msteams"), Reason::other()), 5);
    for delivery in support.delivery.values_mut() {
        [0.4, 1.0, 2.6, 20_000.0].into_iter().for_each(|seconds| delivery.observe(seconds));
    }
    support.jobs_finished = [0, 1, 0];
    support.job_duration[1].observe(37.5);
    support.jobs = [2, 1, 0, 0];
    support.requests = [10, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    support.request_duration.observe(0.12);
    support.response_bytes = 501_234;
    support.budget = [600, 18_000];
    support.budget_used = [11, 46];
    support.paused_until = Some(Timestamp::from_millis(1_643_057_900_000));
    support.token_expiry = Some(Timestamp::from_millis(1_643_058_000_000));
    support.targets = [Some(2), Some(0), None, Some(1)];
    support.source_up = [Some(true), Some(false), None, Some(true)];
    support.polls_overdue = 4;
    support.poll_delay.observe(0.7);
    support.unrecognized = [1, 2, 3, 4];
    support.inconsistencies = [1, 2, 3, 4, 5, 6, 7, 8];
    vec![support, BotTotals::new(BotName::parse("sales").unwrap(), &[channel("whatsapp")])]
}

pub(crate) fn exporter() -> ExporterView {
    ExporterView {
        version: "0.1.0".to_owned(),
        revision: "f1aadab".to_owned(),
        rustversion: "1.95.0".to_owned(),
        config_last_reload_successful: true,
        config_last_reload_success: Timestamp::from_millis(1_643_057_700_000).plus(Duration::from_millis(250)),
        dropped: [1, 0, 0, 2],
        storage: Some(StorageView { size_bytes: 1_589_248, errors: vec![("read", 0), ("write", 1)] }),
    }
}
