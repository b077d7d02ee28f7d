//! Incidents of the exporter itself.

use crate::incident::{Expected, Incident};
use crate::world::{Event, World, job, long_jobs};

/// How long Kubernetes waits before each restart, in seconds; the last value repeats.
const BACK_OFF: [u64; 6] = [10, 20, 40, 80, 160, 300];
/// How long the exporter runs before it ends again, in seconds.
const RUNS: u64 = 40;
const BEGINS: u64 = 30;

fn world(length: u64) -> World {
    World::new(length, long_jobs(5, length))
}

/// Ends and starts an exporter again and again.
fn restarting(mut world: World, until: u64) -> World {
    let (mut second, mut restarts) = (BEGINS * 60, 0);
    while second < until * 60 {
        world = world.at_second(second, Event::Kill(0));
        second += BACK_OFF.get(restarts).or(BACK_OFF.last()).copied().unwrap_or(0);
        world = world.at_second(second, Event::Start(0));
        second += RUNS;
        restarts += 1;
    }
    world
}

pub(crate) fn all() -> Vec<Incident> {
    // A full disk refuses what is new: jobs come all the time.
    let jobs = (0..50).map(|number| job(&format!("ds-{number}"), 3 * number, 5, 50)).collect();
    let disk = World::new(120, jobs).with_disk().with_global("{retention: 30m}");
    let disk = disk.at(BEGINS, Event::DiskFull(0, true)).at(90, Event::DiskFull(0, false));
    let shards = World { exporters: vec![(0, 2)], ..world(90) }.with_exporter("exporter-1:10047", (1, 2));
    vec![
        Incident::new(
            "disk-full",
            "The disk is full",
            disk,
            (BEGINS, 90),
            vec![
                Expected::new("StorageErrors", "warning", 5).naming(&[("operation", "write")]),
                Expected::new("StorageErrors", "critical", 35).naming(&[("operation", "write")]),
            ],
        ),
        Incident::new(
            "restart-loop",
            "The exporter restarts in a loop, with Kubernetes' back-off",
            restarting(world(150).with_disk(), 120),
            (BEGINS, 120),
            vec![Expected::new("ExporterRestarting", "warning", 30)],
        ),
        Incident::new(
            "exporter-down",
            "The exporter does not start again",
            world(90).at(BEGINS, Event::Kill(0)),
            (BEGINS, 90),
            vec![Expected::new("ExporterDown", "critical", 20)],
        ),
        Incident::new(
            "shard-missing",
            "A shard is missing",
            shards.at(BEGINS, Event::Listed(1, false)),
            (BEGINS, 90),
            vec![Expected::new("ShardMissing", "critical", 20)],
        ),
        Incident::new(
            "exporter-absent",
            "The exporter is gone from discovery",
            world(90).at(BEGINS, Event::Listed(0, false)),
            (BEGINS, 90),
            vec![Expected::new("ExporterAbsent", "critical", 20)],
        ),
    ]
}
