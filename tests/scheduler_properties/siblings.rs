//! What siblings teach never makes a job starve.

use std::collections::HashSet;

use koreai_exporter::model::{JobSlot, LabelValue, Timestamp};
use koreai_exporter::scheduler::{MINUTE_SPAN, Next, Observation, Progress, Scheduler, Start};
use proptest::prelude::*;

use crate::worlds_without_failures;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn siblings_never_delay_a_job_beyond_the_bound(
        world in worlds_without_failures(),
        reports in 8..40_u64,
        lasts in 1..100_000_u64,
        jobs in 1..400_u32,
    ) {
        let mut scheduler = Scheduler::new(world.settings);
        let campaign = LabelValue::parse("spring").ok();
        let mut now = Timestamp::from_millis(1_700_000_000_000);
        let done = |at: Timestamp| (at.as_millis() - 1_700_000_000_000) as f64 / 1000.0 / lasts as f64;
        // A job that has siblings is polled a few times; the others are added later, and never answered before their first poll.
        scheduler.add(JobSlot::new(0), now, Start { campaign: campaign.clone(), ..Start::default() });
        for _ in 0..reports {
            while let Next::WaitUntil(at) = scheduler.next(now) {
                now = at;
            }
            let progress = Progress { completion: Some(done(now).min(0.99)), entries: 0, recipients: None };
            scheduler.observe(JobSlot::new(0), now, Observation::Progress { progress, changed: true });
        }
        for index in 1..=jobs {
            scheduler.add(JobSlot::new(index), now, Start { campaign: campaign.clone(), jitter: 0.5, ..Start::default() });
        }
        let (added, mut waiting) = (now, (1..=jobs).map(JobSlot::new).collect::<HashSet<_>>());
        let bound = scheduler.starvation_limit() * 2 + MINUTE_SPAN;
        while !waiting.is_empty() {
            match scheduler.next(now) {
                Next::Poll { slot, .. } => {
                    waiting.remove(&slot);
                    let progress = Progress { completion: Some(done(now).min(0.99)), entries: 0, recipients: None };
                    scheduler.observe(slot, now, Observation::Progress { progress, changed: true });
                }
                Next::WaitUntil(at) => now = at,
                Next::Idle => break,
            }
            prop_assert!(now.since(added) <= bound, "{} jobs wait for {:?}", waiting.len(), now.since(added));
        }
        let siblings = scheduler.sizes().into_iter().find(|(name, _)| *name == "scheduler.siblings");
        prop_assert_eq!(siblings, Some(("scheduler.siblings", 1)));
    }
}
