//! One decision of the scheduler and the result of the call, with many jobs: `cargo bench --bench scheduler`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use koreai_exporter::model::{JobSlot, Timestamp};
use koreai_exporter::scheduler::{Next, Observation, Progress, Scheduler, Settings, Start};

const SETTINGS: Settings = Settings {
    poll_interval: Duration::from_secs(15),
    max_poll_interval: Duration::from_secs(300),
    per_minute: 1_000_000,
    per_hour: 1_000_000,
    max_in_flight: 32,
};

struct World {
    scheduler: Scheduler,
    now: Timestamp,
    polls: u64,
}

impl World {
    fn new(jobs: u32) -> Self {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut scheduler = Scheduler::new(SETTINGS);
        for index in 0..jobs {
            let jitter = f64::from(index) / f64::from(jobs);
            scheduler.add(JobSlot::new(index), now, Start { jitter, ..Start::default() });
        }
        Self { scheduler, now, polls: 0 }
    }

    /// Advances to the next poll, which is answered 200 ms later with some progress.
    fn step(&mut self) {
        loop {
            match self.scheduler.next(self.now) {
                Next::Poll { slot, .. } => {
                    self.now = self.now.plus(Duration::from_millis(200));
                    self.polls += 1;
                    let completion = f64::from(u32::try_from(self.polls % 1000).unwrap()) / 1000.0;
                    let progress =
                        Progress { completion: Some(completion), entries: self.polls, recipients: Some(1000) };
                    return self.scheduler.observe(slot, self.now, Observation::Progress { progress, changed: true });
                }
                Next::WaitUntil(until) => self.now = until,
                Next::Idle => return,
            }
        }
    }
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scheduler step");
    for jobs in [1_000, 100_000] {
        let mut world = World::new(jobs);
        group.bench_function(BenchmarkId::from_parameter(jobs), |bencher| bencher.iter(|| world.step()));
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
