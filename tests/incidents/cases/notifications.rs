//! Incidents of channels and campaigns.

use koreai_exporter::fake_upstream::ScriptedJob;

use crate::incident::{Expected, Incident};
use crate::world::{World, job, minutes, of_campaign, traffic};

/// The failing share from this number of job on.
fn from_job(number: u64, percent: u32) -> impl Fn(u64) -> u32 {
    move |job| if job >= number { percent } else { 0 }
}

/// So many jobs of one recipient, created within so many minutes; the first of every `of` is delivered, `delivered` of them.
fn sends(count: u64, within: u64, fails: impl Fn(u64) -> bool) -> Vec<ScriptedJob> {
    let one = |number: u64| {
        let percent = if fails(number) { 100 } else { 0 };
        let job = job(&format!("ds-send-{number}"), 0, 1, 1).with_failures(percent);
        ScriptedJob {
            created_at: minutes(20)
                + minutes(within) * u32::try_from(number).expect("few") / u32::try_from(count).expect("few"),
            ..job
        }
    };
    (0..count).map(one).collect()
}

pub(crate) fn all() -> Vec<Incident> {
    [channels(), campaigns()].into_iter().flatten().collect()
}

fn channels() -> Vec<Incident> {
    let busy = World::new(120, traffic("busy", 0, 105, 60, 100, from_job(60, 100))).with_global("{job_series: none}");
    let slow = World::new(160, traffic("slow", 0, 155, 120, 1, from_job(45, 100))).with_global("{retention: 30m}");
    let burst = World::new(100, traffic("burst", 0, 95, 60, 100, |job| if (60..62).contains(&job) { 100 } else { 0 }))
        .with_global("{job_series: none}");
    let fresh = (0..20)
        .map(|number| job(&format!("ds-new-{number}"), 40, 1, 10).with_failures(100).over_channels(&["whatsapp"]));
    let fresh =
        World::new(90, fresh.chain(traffic("old", 0, 85, 300, 20, |_| 0)).collect()).with_global("{retention: 30m}");
    vec![
        Incident::new(
            "channel-busy",
            "A channel that was healthy at 100 a minute fails whole",
            busy,
            (60, 105),
            vec![Expected::new("ChannelFailureRatioHigh", "critical", 13).naming(&[("channel", "msteams")])],
        )
        .allowing(&[("ChannelFailureRatioHigh", "warning"), ("JobsFailing", "warning")], 3),
        Incident::new(
            "channel-slow",
            "A channel of 30 an hour fails whole",
            slow,
            (90, 155),
            vec![Expected::new("ChannelFailureRatioHigh", "warning", 60).naming(&[("channel", "msteams")])],
        )
        .allowing(&[("ChannelFailureRatioHigh", "critical"), ("JobsFailing", "warning")], 3),
        Incident::new(
            "channel-new",
            "A channel that was never seen before fails 200 times at once",
            fresh,
            (40, 60),
            vec![Expected::new("ChannelFailureRatioHigh", "critical", 60).naming(&[("channel", "whatsapp")])],
        )
        .allowing(&[("ChannelFailureRatioHigh", "warning"), ("JobsFailing", "warning")], 3),
        Incident::new(
            "channel-burst",
            "Two minutes of failures on a channel of 100 a minute: not an outage",
            burst,
            (60, 62),
            Vec::new(),
        )
        .allowing(&[("ChannelFailureRatioHigh", "warning"), ("JobsFailing", "warning")], 2),
    ]
}

fn campaigns() -> Vec<Incident> {
    let half = of_campaign("spring", traffic("small", 20, 70, 30, 10, |_| 50));
    let half = World::new(130, half).with_global("{retention: 30m}");
    let many = World::new(130, sends(200, 40, |number| number % 4 != 0)).with_global("{retention: 30m}");
    let few = World::new(100, sends(200, 40, |number| number % 70 == 10)).with_global("{retention: 30m}");
    vec![
        Incident::new(
            "campaign-half",
            "A campaign of 100 small jobs fails by half, each job below the minimum volume",
            half,
            (20, 70),
            vec![Expected::new("CampaignFailureRatioHigh", "warning", 60).naming(&[("campaign", "spring")])],
        ),
        Incident::new(
            "sends-many",
            "150 of 200 one-recipient sends fail",
            many,
            (20, 60),
            vec![Expected::new("ChannelFailureRatioHigh", "critical", 60)],
        )
        .allowing(&[("ChannelFailureRatioHigh", "warning"), ("JobsFailing", "warning")], 3),
        Incident::silent("sends-few", "3 of 200 one-recipient sends fail", few),
    ]
}
