use super::*;
use crate::model::{Campaign, CampaignKey};

fn campaign_key(name: &str) -> CampaignKey {
    CampaignKey { bot: bot(), name: LabelValue::parse(name).unwrap() }
}

fn campaign<'a>(world: &'a World, name: &str) -> &'a Campaign {
    world.store.campaign(&campaign_key(name)).unwrap()
}

/// Log entries of a campaign on Teams: successes, failures, unknown.
fn counted_in(world: &World, name: &str) -> [u64; 3] {
    campaign(world, name).notifications[&channel("msteams")].into_array()
}

fn tracking_in(campaigns: &[(&str, &str)]) -> World {
    let mut world = World::new();
    world.store.record_changes();
    let targets = campaigns.iter().map(|(id, campaign)| in_campaign(id, campaign)).collect();
    world.names_targets("a", targets, at(0));
    world
}

/// Another store that starts from what the database has of this one.
fn restarted(world: &mut World, now: Timestamp) -> World {
    let dirty = world.store.take_dirty();
    let bots = dirty.bots.iter().filter_map(|bot| Some((bot.clone(), world.store.persisted_counters(bot)?.clone())));
    let campaigns = dirty.campaigns.iter().filter_map(|key| world.store.campaign(key).cloned());
    let jobs = dirty.jobs.iter().filter_map(|key| world.store.persisted_job(key));
    let (bots, campaigns, jobs) = (bots.collect(), campaigns.collect(), jobs.collect());
    let mut after = World::new();
    after.store.restore(bots, campaigns, jobs, now);
    after
}

#[test]
fn a_campaign_outlives_the_series_of_its_jobs_until_its_own_retention_is_over() {
    let mut world = tracking_in(&[("ds-1", "spring"), ("ds-2", "spring")]);
    world.answered("ds-1", JobStatus::Success, [5, 0, 0], at(10));
    world.answered("ds-2", JobStatus::PartialSuccess, [3, 2, 0], at(20));
    let shown = campaign(&world, "spring").clone();
    assert_eq!(shown.totals.jobs.into_array(), [0, 2, 0, 0]);
    assert_eq!(shown.jobs_finished.into_array(), [1, 1, 0]);
    assert_eq!(shown.failures[&(channel("msteams"), Reason::parse("timeout").unwrap())], 2);
    world.store.tick(at(20).plus(HOUR));
    assert_eq!(world.tracked(), Vec::<String>::new());
    assert_eq!(*campaign(&world, "spring"), shown);
    world.store.tick(at(20).plus(LIFE.campaign_retention).minus(Duration::from_secs(1)));
    assert_eq!(*campaign(&world, "spring"), shown);
    world.store.tick(at(80).plus(LIFE.campaign_retention));
    assert_eq!(world.store.campaign(&campaign_key("spring")), None);
}

#[test]
fn a_restart_counts_nothing_again_and_loses_nothing() {
    let mut world = tracking_in(&[("ds-1", "spring"), ("ds-2", "spring")]);
    world.answered("ds-1", JobStatus::InProgress, [5, 0, 1], at(10));
    world.answered("ds-2", JobStatus::Success, [7, 0, 0], at(20));
    let before = campaign(&world, "spring").clone();
    let mut world = restarted(&mut world, at(30));
    assert_eq!(*campaign(&world, "spring"), before);
    assert!(world.store.take_dirty().is_empty(), "what was just read is not written again");
    world.answered("ds-1", JobStatus::Success, [6, 0, 1], at(40));
    assert_eq!(counted_in(&world, "spring"), [13, 0, 1]);
    assert_eq!(campaign(&world, "spring").totals.jobs.into_array(), [0, 2, 0, 0]);
}

#[test]
fn campaigns_that_an_earlier_version_did_not_store_are_counted_from_its_jobs() {
    let mut world = tracking_in(&[("ds-1", "spring"), ("ds-2", "spring"), ("ds-3", "summer")]);
    world.answered("ds-1", JobStatus::InProgress, [5, 0, 1], at(10));
    world.answered("ds-2", JobStatus::Success, [7, 0, 2], at(20));
    let before = campaign(&world, "spring").clone();
    let dirty = world.store.take_dirty();
    let mut jobs: Vec<_> = dirty.jobs.iter().filter_map(|key| world.store.persisted_job(key)).collect();
    jobs.iter_mut().for_each(|job| job.campaign_since = None);
    let mut world = World::new();
    world.store.restore(Vec::new(), Vec::new(), jobs, at(30));
    let after = campaign(&world, "spring");
    assert_eq!((&after.notifications, after.totals), (&before.notifications, before.totals));
    assert_eq!((after.jobs_finished, after.last_change), (before.jobs_finished, before.last_change));
    let dirty = world.store.take_dirty();
    assert_eq!((dirty.jobs.len(), dirty.campaigns.len()), (3, 2), "both are written together");
}

#[test]
fn a_job_that_changes_its_campaign_moves_and_each_entry_stays_where_it_was_counted() {
    let mut world = tracking_in(&[("ds-1", "spring")]);
    world.answered("ds-1", JobStatus::InProgress, [5, 0, 0], at(10));
    world.names_targets("a", vec![in_campaign("ds-1", "summer")], at(20));
    world.answered("ds-1", JobStatus::Success, [8, 1, 0], at(30));
    assert_eq!((counted_in(&world, "spring"), counted_in(&world, "summer")), ([5, 0, 0], [3, 1, 0]));
    assert_eq!(campaign(&world, "spring").totals.all_jobs(), 0);
    assert_eq!(campaign(&world, "summer").totals.jobs[JobState::Finished], 1);
    world.names_targets("a", vec![target("ds-1")], at(40));
    world.names_targets("a", vec![in_campaign("ds-1", "spring")], at(50));
    assert_eq!((counted_in(&world, "spring"), counted_in(&world, "summer")), ([5, 0, 0], [3, 1, 0]));
    assert_eq!(campaign(&world, "spring").totals.all_jobs(), 1);
}

#[test]
fn the_first_campaign_of_a_job_gets_what_was_counted_without_one() {
    let mut world = World::tracking(&["ds-1"]);
    world.answered("ds-1", JobStatus::InProgress, [5, 1, 2], at(10));
    world.names_targets("a", vec![in_campaign("ds-1", "spring")], at(20));
    assert_eq!(counted_in(&world, "spring"), [5, 1, 0], "an entry of unknown status may yet get another");
    world.answered("ds-1", JobStatus::Success, [6, 1, 2], at(30));
    assert_eq!(counted_in(&world, "spring"), [6, 1, 2]);
}

#[test]
fn a_job_that_nobody_names_any_more_is_not_polling_and_returns_as_itself() {
    let mut world = tracking_in(&[("ds-1", "spring"), ("ds-2", "spring")]);
    world.answered("ds-1", JobStatus::InProgress, [5, 0, 0], at(10));
    world.names_targets("a", vec![in_campaign("ds-2", "spring")], at(20));
    world.store.tick(at(20).plus(REMOVAL_GRACE));
    assert_eq!(campaign(&world, "spring").totals.jobs.into_array(), [1, 0, 0, 0]);
    world.names_targets("a", vec![in_campaign("ds-1", "spring"), in_campaign("ds-2", "spring")], at(60));
    assert_eq!(campaign(&world, "spring").totals.jobs.into_array(), [2, 0, 0, 0]);
    world.answered("ds-1", JobStatus::InProgress, [6, 0, 0], at(70));
    assert_eq!(counted_in(&world, "spring"), [6, 0, 0]);
}

#[test]
fn the_end_is_expected_when_the_end_of_every_polled_job_is() {
    let mut world = tracking_in(&[("ds-1", "spring"), ("ds-2", "spring")]);
    let [first, second] = ["ds-1", "ds-2"].map(|id| world.slot(id).unwrap());
    world.store.set_expected_end(first, Some(at(100)));
    assert_eq!(campaign(&world, "spring").expected_end, None);
    world.store.set_expected_end(second, Some(at(200)));
    assert_eq!(campaign(&world, "spring").expected_end, Some(at(200)));
    world.answered("ds-2", JobStatus::Success, [1, 0, 0], at(90));
    assert_eq!(campaign(&world, "spring").expected_end, Some(at(100)));
    world.store.set_expected_end(second, Some(at(300)));
    world.answered("ds-1", JobStatus::Success, [1, 0, 0], at(91));
    assert_eq!(campaign(&world, "spring").expected_end, None, "it is over");
}

#[test]
fn too_many_channels_in_a_campaign_are_other() {
    let mut world = tracking_in(&[("ds-1", "spring")]);
    let tallies: Vec<_> = (0..MAX_CAMPAIGN_CHANNELS + 4)
        .map(|number| {
            let mut tally = ChannelTally::new(channel(&format!("c{number:02}")));
            tally.entries[EntryStatus::Success] = 1;
            tally
        })
        .collect();
    let report = Report { tallies, ..report(JobStatus::InProgress, [0; 3]) };
    let slot = world.slot("ds-1").unwrap();
    world.store.record(slot, Outcome::Ok, Some(report), at(10));
    let campaign = campaign(&world, "spring");
    assert_eq!(campaign.notifications.len(), MAX_CAMPAIGN_CHANNELS + 1);
    assert_eq!(campaign.notifications[&Channel::other()][EntryStatus::Success], 5, "Teams is configured");
    assert_eq!(world.dropped(DropReason::MaxChannels), 5);
}

#[test]
fn a_thousand_jobs_with_a_million_notifications_add_up_a_day_after_their_series() {
    const JOBS: u64 = 1000;
    const ENTRIES: u64 = 1000;
    let life = Settings { max_jobs: 2000, ..LIFE };
    let mut world = World::new();
    world.store.record_changes();
    world.store.configure(life, &[spec("support")], &[source("a")], at(0));
    let ids: Vec<String> = (0..JOBS).map(|number| format!("ds-{number}")).collect();
    world.names_targets("a", ids.iter().map(|id| in_campaign(id, "spring")).collect(), at(0));
    let (mut delivered, mut failed) = (0, 0);
    for (number, id) in (0..).zip(&ids) {
        let failures = number % 7;
        delivered += ENTRIES - failures;
        failed += failures;
        // Reports repeat what the one before had; one list shrinks for a while.
        for (second, share) in [(1, 2), (2, 4), (3, 3), (4, 4)] {
            let entries = [(ENTRIES - failures) * share / 4, failures * share / 4, 0];
            world.answered(id, JobStatus::InProgress, entries, at(second));
        }
        let last = Report {
            completion: Some(1.0),
            numbers: EnumMap::from_array([Some(ENTRIES), None]),
            first_notification: Some(at(number)),
            last_notification: Some(at(1000 + number)),
            ..report(JobStatus::PartialSuccess, [ENTRIES - failures, failures, 0])
        };
        let slot = world.slot(id).unwrap();
        world.store.record(slot, Outcome::Ok, Some(last), at(5));
    }
    let mut world = restarted(&mut world, at(6));
    world.store.configure(life, &[spec("support")], &[source("a")], at(6));
    world.store.tick(at(5).plus(LIFE.retention).plus(Duration::from_secs(86_400)));
    assert_eq!(world.store.jobs().count(), 0, "the series of the jobs have gone");
    let campaign = campaign(&world, "spring");
    assert_eq!(delivered + failed, 1_000_000);
    assert_eq!(counted_in(&world, "spring"), [delivered, failed, 0]);
    assert_eq!(campaign.failures[&(channel("msteams"), Reason::parse("timeout").unwrap())], failed);
    assert_eq!(campaign.totals.jobs[JobState::Finished], JOBS);
    assert_eq!(campaign.jobs_finished[TerminalStatus::PartialSuccess], JOBS);
    assert_eq!((campaign.totals.recipients(), campaign.totals.completion()), (Some(JOBS * ENTRIES), Some(1.0)));
    assert_eq!((campaign.first_entry, campaign.last_entry), (Some(at(0)), Some(at(1999))));
}
