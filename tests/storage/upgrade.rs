//! A database of an earlier release opens, and shows the numbers that the release showed just before it stopped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use koreai_exporter::database::{Database, FILE_NAME};
use koreai_exporter::exposition::{Format, render};
use koreai_exporter::model::{ApiVersion, BotMetrics, BotName, Channel, SourceId, SourceKind, Timestamp};
use koreai_exporter::store::{BotSpec, Settings, Store};

/// Written by the binary of release 0.1.0 against `fake-upstream`: two bots, one per API, with jobs in every polling
/// state, a deleted one, log entries on five channels and all kinds of failures. `metrics.txt` has the lines of its last
/// page that depend on the database alone.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/database-v1")
}

/// A store that is configured as the release was, with the contents of a database.
async fn opened(directory: &Path) -> Store {
    let (database, contents) = Database::open(directory).await.unwrap();
    database.close().await;
    let name = |text| BotName::parse(text).unwrap();
    let spec = |bot, api, channels: &[&str]| {
        let channels = channels.iter().map(|channel| Channel::clean(channel).unwrap()).collect();
        BotSpec { name: name(bot), api, channels }
    };
    let bots = [spec("support", ApiVersion::V1, &["msteams", "slack"]), spec("sales", ApiVersion::V2, &[])];
    let source = |bot, kind, position: &str| SourceId { bot: name(bot), kind, name: position.into() };
    let sources = [
        source("support", SourceKind::Static, "static_configs"),
        source("sales", SourceKind::File, "file_sd_configs[0]"),
    ];
    let year = Duration::from_secs(365 * 86_400);
    let settings = Settings { job_deadline: year, retention: year, campaign_retention: year, max_jobs: 100 };
    let mut store = Store::new(settings);
    store.configure(settings, &bots, &sources, Timestamp::from_millis(0));
    store.restore_remembered(contents.remembered);
    store.restore(contents.bots, contents.campaigns, contents.jobs, Timestamp::from_millis(0));
    store
}

/// The samples that it shows.
async fn samples(directory: &Path) -> BTreeSet<String> {
    let store = opened(directory).await;
    let metrics: Vec<BotMetrics> = store.bots().cloned().collect();
    let jobs: Vec<_> = store.jobs().collect();
    let page = render(jobs.into_iter(), &[], &metrics, None, Format::Text);
    let not_on_its_page = [
        // A family that the release did not have.
        "koreai_job_polling",
        // Computed from the configuration.
        "koreai_exporter_polls_overdue",
        "koreai_exporter_target",
        "koreai_upstream_budget",
        "koreai_upstream_paused",
        "koreai_upstream_token",
    ];
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.filter(|line| !not_on_its_page.iter().any(|prefix| line.starts_with(prefix))).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_database_of_release_0_1_0_opens_with_the_same_numbers() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(fixture().join(FILE_NAME), directory.path().join(FILE_NAME)).unwrap();
    let page = std::fs::read_to_string(fixture().join("metrics.txt")).unwrap();
    let expected: BTreeSet<String> = page.lines().map(str::to_owned).collect();
    for state in ["polling", "finished", "gone", "abandoned"] {
        let line = format!("koreai_jobs{{bot=\"sales\",state=\"{state}\"}} 0");
        let other = format!("koreai_jobs{{bot=\"support\",state=\"{state}\"}} 0");
        assert!(!(expected.contains(&line) && expected.contains(&other)), "no job is {state}");
    }
    for opened in ["for the first time, which upgrades it", "again, in the current format"] {
        let actual = samples(directory.path()).await;
        let missing: Vec<_> = expected.difference(&actual).collect();
        // A label value that the release did not have has counted nothing.
        let added: Vec<_> = actual.difference(&expected).filter(|line| !line.ends_with(" 0")).collect();
        assert!(missing.is_empty() && added.is_empty(), "{opened}: missing {missing:#?}, added {added:#?}");
    }
}

#[tokio::test]
async fn campaigns_are_counted_from_the_jobs_of_release_0_1_0() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(fixture().join(FILE_NAME), directory.path().join(FILE_NAME)).unwrap();
    let store = opened(directory.path()).await;
    let names: Vec<_> =
        store.campaigns().map(|campaign| format!("{}/{}", campaign.key.bot, campaign.key.name)).collect();
    assert_eq!(names, ["sales/spring-sale", "sales/survey", "support/outage-notice", "support/survey"]);
    // The upgrade reads all jobs; later only the tracked ones are read.
    let again = tempfile::tempdir().unwrap();
    std::fs::copy(fixture().join(FILE_NAME), again.path().join(FILE_NAME)).unwrap();
    let (database, contents) = Database::open(again.path()).await.unwrap();
    database.close().await;
    let without: Vec<_> = contents.jobs.iter().filter(|job| job.job.campaign.is_none()).collect();
    assert!(contents.jobs.len() > 2 * without.len(), "most jobs of the fixture have a campaign");
    for bot in store.bots() {
        let mut counted = BotMetrics::new(bot.bot.clone(), &[]).counters;
        for campaign in store.campaigns().filter(|campaign| campaign.key.bot == bot.bot) {
            for (channel, counts) in &campaign.notifications {
                let sum = counted.notifications.entry(channel.clone()).or_default();
                counts.iter().for_each(|(status, count)| sum[status] += count);
            }
            campaign.jobs_finished.iter().for_each(|(status, count)| counted.jobs_finished[status] += count);
        }
        for job in without.iter().filter(|job| job.job.key.bot == bot.bot) {
            for tally in job.counted.as_deref().unwrap_or(&job.job.tallies) {
                let sum = counted.notifications.entry(tally.channel.clone()).or_default();
                tally.entries.iter().for_each(|(status, count)| sum[status] += count);
            }
            if let Some(status) = job.job.status.terminal() {
                counted.jobs_finished[status] += 1;
            }
        }
        let mut expected = bot.counters.notifications.clone();
        expected.retain(|_, counts| counts.values().any(|count| *count > 0));
        counted.notifications.retain(|channel, _| expected.contains_key(channel));
        assert_eq!(counted.notifications, expected, "{}", bot.bot);
        assert_eq!(counted.jobs_finished, bot.counters.jobs_finished, "{}", bot.bot);
    }
}
