//! Reloads: a configuration with a mistake changes nothing.

use std::cell::Cell;
use std::time::{Duration, Instant};

use koreai_exporter::store::REMOVAL_GRACE;
use reqwest::StatusCode;

use super::support::{BOT_ID, Exporter, Folder, Page, bot, finished_job, slow_job, upstream, upstream_of};

const SUCCESSFUL: &str = "koreai_exporter_config_last_reload_successful";
const SUCCESS_TIME: &str = "koreai_exporter_config_last_reload_success_timestamp_seconds";
const COUNTED: &str = "koreai_notifications_total{bot=\"support\",channel=\"msteams\",status=\"FAILURE\"}";
const BROKEN: &str = "global:\n  poll_intervall: 2s\nbots: []\n";

/// The lines that must not change while nothing happens upstream.
fn settled(page: &Page) -> Vec<String> {
    let stays = |line: &&str| {
        line.starts_with("koreai_job_") || line.starts_with("koreai_jobs") || line.starts_with("koreai_notification")
    };
    page.0.lines().filter(stays).map(str::to_owned).collect()
}

async fn with_finished_job(folder: &Folder) -> (koreai_exporter::fake_upstream::FakeUpstream, Exporter) {
    let upstream = upstream(vec![finished_job("ds-1")]).await;
    folder.configure(&upstream, "", &[("support", BOT_ID, "static_configs: [{targets: [ds-1]}]")]);
    let exporter = Exporter::start(folder).await;
    // A new series shows 0 first.
    let reason =
        "koreai_notification_failures_total{bot=\"support\",channel=\"msteams\",reason=\"identity_not_associated\"}";
    let counted = |page: &Page| page.value(COUNTED) == Some(3.0) && page.value(reason).is_some_and(|value| value > 0.0);
    exporter.until_page("it has finished", counted).await;
    (upstream, exporter)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_reported_with_its_position_and_the_previous_configuration_stays() {
    let folder = Folder::new();
    let (upstream, exporter) = with_finished_job(&folder).await;
    let before = exporter.page().await;
    folder.write("koreai.yml", BROKEN);
    let refused = exporter.post("/-/reload", "").await;
    assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR);
    let file = folder.path("koreai.yml").display().to_string();
    assert!(refused.body.starts_with("reload failed; keeping the previous configuration:\n"), "{}", refused.body);
    for part in [format!("{file}:2:"), "poll_intervall".to_owned(), "poll_interval".to_owned(), format!("{file}:3:")] {
        assert!(refused.body.contains(&part), "{part} is not in {}", refused.body);
    }
    let page = exporter.page().await;
    assert_eq!((page.value(SUCCESSFUL), page.value(SUCCESS_TIME)), (Some(0.0), before.value(SUCCESS_TIME)));
    assert_eq!(settled(&page), settled(&before));
    assert!(exporter.get("/config").await.body.contains("support"));

    folder.configure(&upstream, "", &[("support", BOT_ID, "static_configs: [{targets: [ds-1]}]")]);
    assert_eq!(exporter.post("/-/reload", "").await.status, StatusCode::OK);
    let page = exporter.page().await;
    assert_eq!(page.value(SUCCESSFUL), Some(1.0));
    assert!(page.value(SUCCESS_TIME) > before.value(SUCCESS_TIME));
    assert_eq!(settled(&page), settled(&before), "jobs and counters are kept");
    assert_eq!(upstream.record().calls_for("ds-1").count(), 1, "a finished job is not asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_secret_fails_the_whole_reload() {
    let folder = Folder::new();
    let (upstream, exporter) = with_finished_job(&folder).await;
    let good = folder.configuration(&upstream, "", &[("support", BOT_ID, ""), ("sales", "st-2", "")]);
    let (first, second) = good.rsplit_once("/secret").unwrap();
    folder.write("koreai.yml", &format!("{first}/no-such-file{second}"));
    let refused = exporter.post("/-/reload", "").await;
    assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR);
    let mistake = format!("{}:10:", folder.path("koreai.yml").display());
    assert!(refused.body.contains(&mistake), "{}", refused.body);
    assert!(refused.body.contains("bots[1].auth.client_secret_file: file does not exist"), "{}", refused.body);
    let page = exporter.page().await;
    assert_eq!((page.jobs(), page.has("sales")), (1, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_invalid_file_no_scrape_fails_and_no_value_changes_under_load() {
    let folder = Folder::new();
    let (_upstream, exporter) = with_finished_job(&folder).await;
    let before = settled(&exporter.page().await);
    folder.write("koreai.yml", BROKEN);
    let under_way = Cell::new(true);
    let reloads = async {
        for _ in 0..20 {
            assert_eq!(exporter.post("/-/reload", "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        }
        under_way.set(false);
    };
    let scrapes = async {
        let mut scrapes = 0;
        while under_way.get() {
            let scraped = exporter.get("/metrics").await;
            assert_eq!(scraped.status, StatusCode::OK);
            assert_eq!(settled(&Page(scraped.body)), before);
            scrapes += 1;
        }
        scrapes
    };
    let ((), scrapes) = tokio::join!(reloads, scrapes);
    assert!(scrapes >= 10, "{scrapes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_limits_and_channels_and_adds_and_removes_bots() {
    let bots = vec![bot(BOT_ID, vec![finished_job("ds-1")]), bot("st-2", vec![slow_job("ds-2")])];
    let upstream = upstream_of(bots).await;
    let folder = Folder::new();
    let first = "static_configs: [{targets: [ds-1]}]";
    folder.configure(&upstream, "", &[("support", BOT_ID, first)]);
    let exporter = Exporter::start(&folder).await;
    exporter.until_page("it has finished", |page| page.value(COUNTED) == Some(3.0)).await;
    let budget = "koreai_upstream_budget_requests{bot=\"support\",window=\"minute\"}";
    let used = "koreai_upstream_budget_used_requests{bot=\"support\",window=\"hour\"}";
    assert_eq!(exporter.page().await.value(budget), Some(600.0));

    let changed = format!("{first}\nrate_limit: {{per_minute: 7, per_hour: 70}}\nchannels: [msteams, pigeon]");
    let second = "static_configs: [{targets: [ds-2]}]";
    folder.configure(&upstream, "", &[("support", BOT_ID, &changed), ("sales", "st-2", second)]);
    assert_eq!(exporter.post("/-/reload", "").await.status, StatusCode::OK);
    let page = exporter.page().await;
    let pigeon = "koreai_notifications_total{bot=\"support\",channel=\"pigeon\",status=\"SUCCESS\"}";
    assert_eq!(
        [budget, pigeon, COUNTED, used].map(|series| page.value(series)),
        [Some(7.0), Some(0.0), Some(3.0), Some(1.0)]
    );
    let polled = "koreai_job_poll_up{bot=\"sales\",request_id=\"ds-2\"}";
    exporter.until_page("the new bot's job is polled", |page| page.value(polled) == Some(1.0)).await;

    folder.configure(&upstream, "", &[("sales", "st-2", second)]);
    assert_eq!(exporter.post("/-/reload", "").await.status, StatusCode::OK);
    let page = exporter.page().await;
    assert_eq!((page.has("bot=\"support\""), page.jobs(), page.value(polled)), (false, 1, Some(1.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_moves_to_another_source_never_loses_its_series() {
    let upstream = upstream(vec![slow_job("ds-1"), slow_job("ds-2")]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "static_configs: [{targets: [ds-1, ds-2]}]")]);
    let exporter = Exporter::start(&folder).await;
    let polled = "koreai_job_poll_up{bot=\"support\",request_id=\"ds-1\"}";
    exporter.until_page("it is polled", |page| page.value(polled) == Some(1.0)).await;

    folder.write("jobs.yml", "[{targets: [ds-1]}]");
    let files = format!("file_sd_configs: [{{files: ['{}']}}]", folder.path("jobs.yml").display());
    folder.configure(&upstream, "", &[("support", BOT_ID, &files)]);
    assert_eq!(exporter.post("/-/reload", "").await.status, StatusCode::OK);
    let reloaded = Instant::now();
    exporter
        .until_page("the one that is named no more has gone", |page| {
            assert_eq!(page.value(polled), Some(1.0));
            page.jobs() == 1
        })
        .await;
    assert!(reloaded.elapsed() > REMOVAL_GRACE - Duration::from_secs(1), "took {:?}", reloaded.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_flag_there_is_no_reload() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let exporter = Exporter::start_with(&folder.path("koreai.yml"), &[]).await;
    let refused = exporter.post("/-/reload", "").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.body, "reloading is disabled; enable it with --web.enable-lifecycle.\n");
    exporter.stop().await;
}
