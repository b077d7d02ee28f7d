//! What must be told to nobody.

use koreai_exporter::fake_upstream::ScriptedJob;

use crate::incident::Incident;
use crate::world::{World, of_campaign, traffic};

fn two_channels(jobs: Vec<ScriptedJob>) -> Vec<ScriptedJob> {
    jobs.into_iter().map(|job| job.over_channels(&["msteams", "slack"])).collect()
}

pub(crate) fn all() -> Vec<Incident> {
    let calm = two_channels(of_campaign("news", traffic("calm", 0, 24 * 60, 1_800, 300, |_| 1)));
    let calm = World::new(24 * 60, calm).with_global("{retention: 1h}");
    let night: Vec<ScriptedJob> =
        [traffic("evening", 0, 60, 300, 100, |_| 1), traffic("morning", 540, 600, 300, 100, |_| 1)].concat();
    let night = World::new(600, two_channels(night)).with_global("{retention: 1h}");
    let first = World::new(360, of_campaign("spring", traffic("first", 240, 300, 300, 1_000, |_| 2)));
    vec![
        Incident::silent("calm-day", "A calm day with 1 % failures", calm),
        Incident::silent("nightly-quiet", "A nightly quiet", night),
        Incident::silent(
            "first-campaign",
            "The first campaign after hours without a job",
            first.with_global("{retention: 1h}"),
        ),
    ]
}
