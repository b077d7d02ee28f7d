//! The polling loop, driven step by step.

use std::sync::Arc;
use std::time::Duration;

use super::{BotSetup, Parts, Poller, Setup};
use crate::auth::TokenSource;
use crate::clock::Clock;
use crate::config::{Algorithm, Auth, ClientId, KeySource, SigningAuth};
use crate::database::Database;
use crate::exposition::{Encoding, ExporterView, Format};
use crate::model::{ApiVersion, BotName, JobSeries, RequestId, Shard, Target, Timestamp};
use crate::upstream::{BodyBudget, Client, ClientSettings, ReasonTable};
use crate::{scheduler, store};

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn setup() -> Setup {
    let name = BotName::parse("support").unwrap();
    let settings = ClientSettings {
        base_url: "http://127.0.0.1:9/".parse().unwrap(),
        bot_id: "st-1".to_owned(),
        api: ApiVersion::V1,
        timeout: Duration::from_secs(1),
        max_body_bytes: 1 << 20,
        tls: crate::client_tls::ClientTls::default(),
        proxy_url: None,
    };
    let client = Client::new(&settings, Arc::new(ReasonTable::new(&[])), BodyBudget::new()).unwrap();
    let tokens = TokenSource::new(&Auth::Sign(SigningAuth {
        client_id: ClientId::parse("cs-1").unwrap(),
        key: KeySource::SecretEnv { name: "SECRET".to_owned(), value: "a-secret".into() },
        algorithm: Algorithm::Hs256,
        subject: "tests".to_owned(),
        token_lifetime: Duration::from_secs(300),
        jti: false,
    }))
    .unwrap();
    let bot = BotSetup {
        spec: store::BotSpec { name, api: ApiVersion::V1, channels: Vec::new() },
        schedule: scheduler::Settings {
            poll_interval: Duration::from_secs(15),
            max_poll_interval: Duration::from_secs(300),
            per_minute: 600,
            per_hour: 18_000,
            max_in_flight: 1,
        },
        client: Arc::new(client),
        tokens: Arc::new(tokens),
    };
    let day = Duration::from_secs(86_400);
    let life = store::Settings { job_deadline: day, retention: day, campaign_retention: day, max_jobs: 10 };
    Setup {
        life,
        job_series: JobSeries::All,
        bots: vec![bot],
        sources: Vec::new(),
        static_targets: Vec::new(),
        shard: Shard::WHOLE,
    }
}

fn exporter() -> ExporterView {
    ExporterView {
        version: String::new(),
        revision: String::new(),
        rustversion: String::new(),
        shard: Shard::WHOLE,
        started: START,
        config_last_reload_successful: true,
        config_last_reload_success: START,
        dropped: Default::default(),
        storage: None,
    }
}

/// Whether the current page has a job.
fn shows(parts: &Parts, id: &str) -> bool {
    let body = parts.published.page().response(Format::Text, Encoding::Identity, "");
    let text: Vec<u8> = body.flat_map(|chunk| chunk.to_vec()).collect();
    String::from_utf8(text).unwrap().contains(&format!("request_id=\"{id}\""))
}

#[tokio::test]
async fn a_page_is_not_published_before_its_contents_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path()).await.unwrap();
    let clock = Arc::new(Clock::starting_at(START));
    let (mut poller, parts) = Poller::new(setup(), exporter(), clock, Some(database), rand::make_rng());
    // What `new` found to be written is written first.
    poller.publish(START);
    while poller.persister.page_delayed_until().is_some() {
        let written = poller.persister.written().await;
        poller.write_ended(written).unwrap();
    }

    let bot = BotName::parse("support").unwrap();
    let target = Target { id: RequestId::parse("ds-1").unwrap(), campaign: None, labels: [].into() };
    poller.store.register(&bot, target, START).unwrap();
    poller.apply_job_changes(START);
    poller.publish(START);
    assert!(!shows(&parts, "ds-1"), "the batch is being written");

    let written = poller.persister.written().await;
    assert!(!shows(&parts, "ds-1"));
    poller.write_ended(written).unwrap();
    assert!(shows(&parts, "ds-1"));
}

#[tokio::test]
async fn a_call_is_stored_for_as_long_as_it_counts_in_the_budget() {
    let directory = tempfile::tempdir().unwrap();
    let bot = BotName::parse("support").unwrap();
    // The calls of a second count as made at the end of it.
    let counts_until = START.plus(Duration::from_millis(999)).plus(scheduler::HOUR_SPAN);
    for (written_at, calls) in [(counts_until, 1), (counts_until.plus(Duration::from_millis(2)), 0)] {
        let database = Database::open(directory.path()).await.unwrap();
        let (mut poller, _parts) =
            Poller::new(setup(), exporter(), Arc::new(Clock::starting_at(START)), Some(database), rand::make_rng());
        assert!(poller.bots.get_mut(&bot).unwrap().scheduler.try_take_call(START));
        write(&mut poller, &bot, START).await;
        write(&mut poller, &bot, written_at).await;
        poller.persister.finish(&mut poller.store, Vec::new(), written_at).await;

        let (database, contents) = Database::open(directory.path()).await.unwrap();
        let stored: u32 = contents.calls.iter().flat_map(|calls| &calls.by_second).map(|(_, count)| count).sum();
        assert_eq!(stored, calls, "written at {written_at:?}");
        database.close().await;
    }
}

/// Writes a batch with the counters of the bot.
async fn write(poller: &mut Poller, bot: &BotName, now: Timestamp) {
    poller.store.counters_mut(bot).unwrap();
    poller.publish(now);
    assert!(poller.persister.page_delayed_until().is_some(), "a batch is being written");
    let written = poller.persister.written().await;
    poller.write_ended(written).unwrap();
}
