//! What a reply promises about the page, and what a restart remembers of gone jobs and of their bots.

use std::path::Path;

use super::*;
use crate::poller::persister::{Replies, Reply};
use crate::store::RegisterError;

async fn opened(directory: &Path, setup: Setup) -> (Poller, Parts) {
    let database = Database::open(directory).await.unwrap();
    Poller::new(setup, exporter(), Arc::new(Clock::starting_at(START)), Some(database), rand::make_rng())
}

/// Writes what has changed.
async fn persist(poller: &mut Poller) {
    poller.publish(START);
    while poller.persister.page_delayed_until().is_some() {
        let written = poller.persister.written().await;
        poller.write_ended(written).unwrap();
    }
}

#[tokio::test]
async fn a_reply_is_sent_after_the_page_that_shows_its_change_is_published() {
    let directory = tempfile::tempdir().unwrap();
    for database in [false, true] {
        let (mut poller, parts) = if database { opened(directory.path(), setup()).await } else { poller() };
        persist(&mut poller).await;
        register(&mut poller, "ds-1");
        let (reply, mut receiver) = oneshot::channel::<Result<bool, RegisterError>>();
        poller.persister.queue(Reply::Forgotten(reply, true));
        let page = poller.pages.render(&mut poller.store, &poller.bots, None, START);
        let mut released = poller.persister.persist(&mut poller.store, Vec::new(), Some(page), Replies::Send, START);
        if database {
            released.release(|_| panic!("the batch is being written"));
            let written = poller.persister.written().await;
            released = poller.persister.complete(written, &mut poller.store, START).unwrap();
        }
        assert!(receiver.try_recv().is_err() && !shows(&parts, "ds-1"));
        released.release(|page| {
            assert!(receiver.try_recv().is_err(), "a scrape that follows the reply would get the page before");
            poller.pages.publish(page, 1);
        });
        assert!(shows(&parts, "ds-1"));
        assert_eq!(receiver.try_recv().unwrap(), Ok(true));
    }
}

#[tokio::test]
async fn a_bot_that_changed_while_the_exporter_was_down_revives_its_gone_jobs() {
    for (fingerprint, polled) in [(0, false), (1, true)] {
        let directory = tempfile::tempdir().unwrap();
        let (mut poller, _parts) = opened(directory.path(), setup()).await;
        register(&mut poller, "ds-1");
        let slot = poller.store.find(&key("ds-1")).unwrap();
        for second in [10, 40, 71] {
            poller.store.record(slot, Outcome::NotFound, None, START.plus(Duration::from_secs(second)));
        }
        assert_eq!(poller.store.job(slot).unwrap().state, JobState::Gone);
        persist(&mut poller).await;
        poller.persister.finish(&mut poller.store, Vec::new(), START).await;

        // The second start finds the bot as it is now.
        for revived in [polled, false] {
            let mut changed = setup();
            changed.bots[0].fingerprint = fingerprint;
            let (mut poller, _parts) = opened(directory.path(), changed).await;
            let slot = poller.store.find(&key("ds-1")).unwrap();
            assert_eq!(
                poller.store.job(slot).unwrap().state == JobState::Polling,
                revived,
                "fingerprint {fingerprint}"
            );
            for second in [110, 140, 171] {
                poller.store.record(slot, Outcome::NotFound, None, START.plus(Duration::from_secs(second)));
            }
            assert_eq!(poller.store.job(slot).unwrap().state, JobState::Gone);
            persist(&mut poller).await;
            poller.persister.finish(&mut poller.store, Vec::new(), START).await;
        }
    }
}

/// Handles what the loop would: rows that have been read.
async fn read_rows(poller: &mut Poller) {
    poller.start_recall(START);
    let rows = poll_fn(|context| poller.recalls.poll(context)).await;
    poller.recall_ended(rows);
}

#[tokio::test]
async fn a_remembered_job_is_tracked_and_acknowledged_when_its_row_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let (mut poller, parts) = opened(directory.path(), setup()).await;
    register(&mut poller, "ds-1");
    poller.store.counters_mut(&bot()).unwrap();
    assert!(poller.store.forget(&key("ds-1"), START));
    poller.apply_job_changes(START);
    persist(&mut poller).await;
    let sizes = poller.store.sizes();
    let size = |name| sizes.iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!((size("store.retired"), size("store.remembered")), (0, 1), "only the database has it");

    let target = Target { id: key("ds-1").id, campaign: None, labels: [].into() };
    let (reply, mut receiver) = oneshot::channel();
    poller.handle_command(Command::Register(bot(), vec![target], reply));
    persist(&mut poller).await;
    assert!(receiver.try_recv().is_err(), "its row is being read");
    read_rows(&mut poller).await;
    assert!(poller.store.find(&key("ds-1")).is_some());
    persist(&mut poller).await;
    assert_eq!(receiver.try_recv().unwrap(), [Ok(crate::store::Registered::New)]);
    assert!(shows(&parts, "ds-1"));
    poller.persister.finish(&mut poller.store, Vec::new(), START).await;

    let (poller, _parts) = opened(directory.path(), setup()).await;
    assert!(poller.store.find(&key("ds-1")).is_some());
}

#[tokio::test]
async fn a_probe_of_a_remembered_job_is_answered_from_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let (mut poller, _parts) = opened(directory.path(), setup()).await;
    register(&mut poller, "ds-1");
    let slot = poller.store.find(&key("ds-1")).unwrap();
    for second in [10, 40, 71] {
        poller.store.record(slot, Outcome::NotFound, None, START.plus(Duration::from_secs(second)));
    }
    assert!(poller.store.forget(&key("ds-1"), START));
    poller.apply_job_changes(START);
    persist(&mut poller).await;
    let mut reply = probe(&mut poller, "ds-1");
    assert!(reply.try_recv().is_err() && !poller.calls.contains(&key("ds-1")));
    read_rows(&mut poller).await;
    assert_eq!(reply.try_recv().unwrap().unwrap().state, JobState::Gone);
}
