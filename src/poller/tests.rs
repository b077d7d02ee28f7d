//! The polling loop, driven step by step.

mod persisted;

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::bot::{BotRuntime, FailureKind};
use super::call::{CallError, CallResult};
use super::handle::Command;
use super::in_flight::EndedCall;
use super::probes::ProbeResult;
use super::{BotSetup, Parts, Poller, ProbeError, Setup};
use crate::auth::TokenSource;
use crate::clock::Clock;
use crate::config::{Algorithm, Auth, ClientId, KeySource, SigningAuth};
use crate::database::Database;
use crate::exposition::{Encoding, ExporterView, Format};
use crate::model::{
    ApiVersion, BotName, JobKey, JobSeries, JobState, Outcome, RequestId, Shard, SourceId, SourceKind, Target,
    TargetUpdate, Timestamp,
};
use crate::upstream::{BodyBudget, Client, ClientSettings, PollError, ReasonTable};
use crate::{scheduler, store};

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn setup() -> Setup {
    setup_with(KeySource::SecretEnv { name: "SECRET".to_owned(), value: "a-secret".into() })
}

fn setup_with(key: KeySource) -> Setup {
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
        key,
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
        definition: 0,
        fingerprint: 0,
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
    let bot = BotName::parse("support").unwrap();
    // The calls of a second count as made at the end of it.
    let counts_until = START.plus(Duration::from_millis(999)).plus(scheduler::HOUR_SPAN);
    for (written_at, calls) in [(counts_until, 1), (counts_until.plus(Duration::from_millis(2)), 0)] {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(directory.path()).await.unwrap();
        let (mut poller, _parts) =
            Poller::new(setup(), exporter(), Arc::new(Clock::starting_at(START)), Some(database), rand::make_rng());
        assert!(poller.bots.get_mut(&bot).unwrap().scheduler.start_probe(START).is_some());
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

/// A loop without a database, at [`START`].
fn poller() -> (Poller, Parts) {
    Poller::new(setup(), exporter(), Arc::new(Clock::starting_at(START)), None, rand::make_rng())
}

fn bot() -> BotName {
    BotName::parse("support").unwrap()
}

fn key(id: &str) -> JobKey {
    JobKey { bot: bot(), id: RequestId::parse(id).unwrap() }
}

fn register(poller: &mut Poller, id: &str) {
    let target = Target { id: RequestId::parse(id).unwrap(), campaign: None, labels: [].into() };
    poller.store.register(&bot(), target, START).unwrap();
    poller.apply_job_changes(START);
}

fn probe(poller: &mut Poller, id: &str) -> oneshot::Receiver<ProbeResult> {
    let (reply, receiver) = oneshot::channel();
    poller.handle_command(Command::Probe(key(id), reply));
    receiver
}

/// Ends the next call, whose connection was refused, with another outcome instead.
async fn end_call(poller: &mut Poller, outcome: Outcome) {
    let ended = poll_fn(|context| poller.calls.poll_next(context)).await;
    let result = CallResult {
        result: Err(CallError::Poll(PollError {
            outcome,
            detail: "a test".into(),
            retry_after: None,
            hourly: false,
            phrase: None,
        })),
        duration: Some(Duration::from_millis(1)),
        received_bytes: 0,
        decoded_bytes: 0,
        token_expiry: None,
        secret: None,
    };
    poller.handle_call_result(EndedCall { call: ended.call, result });
}

#[tokio::test]
async fn a_probe_that_is_rejected_pauses_the_bot_and_is_reported_as_its_failure() {
    for (outcome, seconds) in [(Outcome::Unauthorized, 30), (Outcome::RateLimited, 60)] {
        let (mut poller, _parts) = poller();
        let mut reply = probe(&mut poller, "ds-1");
        end_call(&mut poller, outcome).await;
        assert!(matches!(reply.try_recv().unwrap(), Err(ProbeError::Failed(_))));
        let bot = poller.bots.get(&bot()).unwrap();
        let paused = bot.scheduler.paused_until(START).unwrap().since(START).as_secs();
        assert!((seconds..=seconds + 1).contains(&paused), "{outcome:?} pauses for {paused} s");
        let status = poller.bot_statuses(START);
        assert_eq!(status[0].failure.as_ref().map(|(outcome, ..)| *outcome), Some(outcome));
        assert!(status[0].last_response.is_some() && status[0].last_success.is_none());
        assert_eq!(probe(&mut poller, "ds-2").try_recv().unwrap(), Err(ProbeError::NoBudget));
    }
}

#[tokio::test]
async fn a_deleted_job_is_neither_probed_nor_polled_within_the_minimum_gap() {
    let (mut poller, _parts) = poller();
    register(&mut poller, "ds-1");
    let soon = START.plus(Duration::from_secs(3));
    poller.start_calls(&bot(), soon);
    assert!(poller.calls.contains(&key("ds-1")), "the first poll is in flight");
    assert!(poller.store.forget(&key("ds-1"), START));
    poller.apply_job_changes(START);
    assert_eq!(probe(&mut poller, "ds-1").try_recv().unwrap(), Err(ProbeError::TooSoon), "a call is in flight");

    register(&mut poller, "ds-1");
    assert_eq!(poller.bots.get(&bot()).unwrap().scheduler.jobs(), 1, "only the removed one");
    end_call(&mut poller, Outcome::Timeout).await;
    let now = poller.clock.now();
    let next = poller.start_calls(&bot(), now).unwrap();
    assert!(next.since(now) >= Duration::from_millis(1_900), "the next poll is {:?} after the last", next.since(now));
}

#[tokio::test]
async fn a_missing_secret_is_reported_and_polls_resume_when_it_returns() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    let setup = setup_with(KeySource::SecretFile(path.clone()));
    let clock = Arc::new(Clock::starting_at(START));
    let (mut poller, _parts) = Poller::new(setup, exporter(), clock, None, rand::make_rng());
    let _reply = probe(&mut poller, "ds-1");
    let ended = poll_fn(|context| poller.calls.poll_next(context)).await;
    poller.handle_call_result(ended);
    let status = &poller.bot_statuses(START)[0];
    assert_eq!(status.metrics.gauges.token_up, Some(false));
    assert!(status.failure.as_ref().unwrap().2.contains(path.to_str().unwrap()), "{:?}", status.failure);
    let now = poller.clock.now();
    let paused_until = |poller: &Poller| poller.bots.get(&bot()).unwrap().scheduler.paused_until(now);
    poller.bots.retry_changed_secrets(now);
    assert!(paused_until(&poller).unwrap().since(now) <= Duration::from_secs(30));

    std::fs::write(&path, "s3cret").unwrap();
    poller.bots.retry_changed_secrets(now);
    assert_eq!(paused_until(&poller), None);
    let _reply = probe(&mut poller, "ds-2");
    let ended = poll_fn(|context| poller.calls.poll_next(context)).await;
    poller.handle_call_result(ended);
    assert_eq!(poller.bot_statuses(now)[0].metrics.gauges.token_up, Some(true));
}

#[tokio::test]
async fn a_reload_with_a_changed_bot_ends_the_pause_after_a_401() {
    let (mut poller, _parts) = poller();
    let _reply = probe(&mut poller, "ds-1");
    end_call(&mut poller, Outcome::Unauthorized).await;
    let now = poller.clock.now();
    assert!(poller.bots.get(&bot()).unwrap().scheduler.paused_until(now).is_some());
    poller.configure(setup(), now);
    assert!(poller.bots.get(&bot()).unwrap().scheduler.paused_until(now).is_some(), "nothing has changed");
    let mut changed = setup();
    changed.bots[0].definition = 1;
    poller.configure(changed, now);
    assert_eq!(poller.bots.get(&bot()).unwrap().scheduler.paused_until(now), None);
}

#[tokio::test]
async fn a_reload_with_a_changed_bot_and_a_registration_revive_a_gone_job_at_once() {
    for revival in ["reload", "registration", "registration during a call"] {
        let (mut poller, _parts) = poller();
        register(&mut poller, "ds-1");
        let slot = poller.store.find(&key("ds-1")).unwrap();
        for second in [10, 40, 71] {
            let now = START.plus(Duration::from_secs(second));
            poller.store.record(slot, Outcome::NotFound, None, now);
        }
        let mut now = START.plus(Duration::from_secs(71));
        let polled = &mut poller.bots.get_mut(&bot()).unwrap().scheduler;
        assert!(matches!(polled.next(now), scheduler::Next::Poll { .. }));
        polled.observe(slot, now, scheduler::Observation::Gone);
        poller.apply_job_changes(now);
        let due = poller.start_calls(&bot(), now).unwrap();
        assert_eq!(due.since(now), Duration::from_secs(300), "polled rarely");

        now = now.plus(Duration::from_secs(10));
        match revival {
            "reload" => {
                let mut changed = setup();
                changed.bots[0].definition = 1;
                poller.configure(changed, now);
            }
            "registration" => register(&mut poller, "ds-1"),
            _ => {
                now = due;
                poller.start_calls(&bot(), now);
                assert!(poller.calls.contains(&key("ds-1")));
                register(&mut poller, "ds-1");
                end_call(&mut poller, Outcome::NotFound).await;
                now = poller.clock.now().max(now).plus(Duration::from_secs(6));
            }
        }
        poller.start_calls(&bot(), now);
        assert!(poller.calls.contains(&key("ds-1")), "{revival}");
    }
}

#[tokio::test]
async fn an_update_from_before_a_reload_is_not_applied_to_the_source_that_has_its_place_now() {
    let source = SourceId { bot: bot(), kind: SourceKind::File, name: "file_sd_configs[0]".into() };
    let (mut poller, parts) = poller();
    let target = Target { id: RequestId::parse("ds-old").unwrap(), campaign: None, labels: [].into() };
    let update = TargetUpdate { source: source.clone(), targets: Some(vec![target]), up: true, invalid: 0 };
    parts.updates.send(update.clone()).await.unwrap();
    let (reply, mut configured) = oneshot::channel();
    let setup = Setup { sources: vec![source], ..setup() };
    poller.handle_command(Command::Configure(Box::new(setup), reply));
    poller.publish(poller.clock.now());
    assert!(poller.inbox.try_next_update().is_none(), "it was for the sources of the earlier configuration");
    assert!(parts.updates.send(update.clone()).await.is_err(), "the earlier discovery is no longer heard");
    configured.try_recv().unwrap().send(update).await.unwrap();
    assert!(poller.inbox.try_next_update().is_some());
}

#[test]
fn failures_of_alternating_kinds_are_new_once_and_keep_their_start() {
    let setup = setup().bots.remove(0);
    let mut bot = BotRuntime::new(setup);
    let kinds =
        [FailureKind::Request(Outcome::Timeout), FailureKind::Request(Outcome::ServerError), FailureKind::Token];
    for round in 0..3 {
        for kind in kinds {
            assert_eq!(
                bot.record_failure(kind, "detail", START.plus(Duration::from_secs(round))),
                round == 0,
                "{kind:?}"
            );
        }
    }
    assert_eq!(bot.end_failure().unwrap().since, START);
    assert!(bot.record_failure(FailureKind::Token, "detail", START), "a new failure");
}
