//! What must change nothing: missed scrapes, restarts, and jobs that are scraped twice, while a job fails.

use crate::incident::{Expected, Incident};
use crate::world::{Event, World, job, of_campaign};

const JOB: &str = "ds-large";

/// A job of 1,000 fails by 30 %, from minute 10 to minute 30.
fn world() -> World {
    let mut jobs = of_campaign("spring", vec![job(JOB, 10, 20, 1_000).with_failures(30)]);
    jobs.push(job("ds-other", 0, 200, 500));
    World::new(110, jobs)
}

fn incident(key: &'static str, title: &'static str, world: World) -> Incident {
    let expected = Expected::new("JobFailureRatioHigh", "warning", 30);
    let expected = expected.naming(&[("campaign", "spring"), ("request_id", JOB)]);
    Incident::new(key, title, world, (10, 110), vec![expected])
}

pub(crate) fn all() -> Vec<Incident> {
    let missed = [40, 55, 56, 70].iter().fold(world(), |world, minute| {
        let world = world.at_second(minute * 60, Event::ScrapesFail(0, true));
        world.at_second(minute * 60 + 20, Event::ScrapesFail(0, false))
    });
    let restarted = world().with_disk().at(50, Event::Stop(0)).at_second(50 * 60 + 45, Event::Start(0));
    let killed = world().with_disk().at(50, Event::Kill(0)).at_second(50 * 60 + 20, Event::Start(0));
    let moves = world().with_disk().with_target("koreai-exporter", "exporter-9:10047", 0, "/metrics", false);
    let moves = moves
        .at(50, Event::Stop(0))
        .at(50, Event::Listed(0, false))
        .at_second(50 * 60 + 40, Event::Start(0))
        .at_second(50 * 60 + 40, Event::Listed(1, true));
    let prometheus = world().at(50, Event::Prometheus(false)).at(52, Event::Prometheus(true));
    let probed = world().with_target("koreai-probe", JOB, 0, "/probe?bot=support&target=ds-large", true);
    let probed = probed.at(0, Event::Listed(1, false)).at(12, Event::Listed(1, true));
    vec![
        incident("missed-scrapes", "Missed scrapes while a job fails", missed),
        incident("exporter-restart", "A restart of the exporter while a job fails", restarted),
        incident("exporter-killed", "A kill of the exporter while a job fails", killed),
        incident("pod-moves", "A pod moves to another `instance` while a job fails", moves),
        incident("prometheus-restart", "Prometheus stores nothing for two minutes while a job fails", prometheus),
        incident("scraped-twice", "A failing job is scraped by `/metrics` and `/probe`", probed),
        incident(
            "two-replicas",
            "A failing job is polled by two replicas",
            world().with_exporter("exporter-1:10047", (0, 1)),
        ),
    ]
}
