//! A world from its beginning to its end: the trouble, the calm after it, and the account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::driver::Driver;
use super::plan::World;
use super::promises::{calls_are_counted, counters_are_true, unfinished};
use super::upstream::Outside;

/// What the calm may take before everything that has finished is shown as finished, beside what the budget needs: the
/// longest pauses of the loop, and a wide margin.
const CALM: Duration = Duration::from_secs(2 * 3600);

/// What a world came to.
pub(crate) struct Outcome {
    /// Broken promises, the first one first.
    pub(crate) broken: Vec<String>,
    /// The story's last lines.
    pub(crate) story: Vec<String>,
    /// A hash of the whole story.
    pub(crate) digest: u64,
    /// What has passed in the world.
    pub(crate) simulated: Duration,
    /// How long after the trouble everything was shown as it is.
    pub(crate) converged: Duration,
    pub(crate) calls: u64,
    pub(crate) jobs: usize,
    pub(crate) lives: u64,
    pub(crate) faults: BTreeMap<&'static str, u64>,
}

/// Runs a world, on a runtime of its own.
pub(crate) fn run(world: &World) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime needs memory only").block_on(live(world.clone()))
}

async fn live(world: World) -> Outcome {
    let mut driver = Driver::new(world);
    driver.trouble().await;
    let converged = calm(&mut driver).await;
    let outside: Arc<Outside> = driver.end().await;
    let simulated = outside.time.now();
    let ledger = outside.ledger();
    Outcome {
        broken: ledger.story.broken.clone(),
        story: ledger.story.lines().map(str::to_owned).collect(),
        digest: ledger.story.digest(),
        simulated,
        converged,
        calls: ledger.calls,
        jobs: driver.world.bots.iter().map(|bot| bot.jobs.len()).sum(),
        lives: driver.lives,
        faults: ledger.faults.clone(),
    }
}

/// Scrapes after which every new series of a counter has its value.
const SCRAPES_OF_NEW_SERIES: u32 = 2;

/// Faults have ended: everything that upstream has finished is shown as finished within the bound, and the counters are true.
async fn calm(driver: &mut Driver) -> Duration {
    driver.calm_down().await;
    let began = Instant::now();
    let bound = bound(&driver.world);
    let outside = driver.outside.clone();
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        driver.keep_running().await;
        driver.scrape().await;
        let now = outside.time.now();
        let missing = unfinished(&driver.world, &driver.seen, &outside.ledger(), now);
        if missing.is_empty() {
            break;
        }
        if began.elapsed() > bound {
            let first = missing.iter().take(5).map(|(bot, id)| format!("{bot} {id}")).collect::<Vec<_>>().join(", ");
            let what = format!("{} jobs are not shown as finished after {bound:?} of calm: {first}", missing.len());
            outside.ledger().story.broken(now, "what has finished is shown", &what);
            return began.elapsed();
        }
        if !outside.ledger().story.broken.is_empty() {
            return began.elapsed();
        }
    }
    let converged = began.elapsed();
    driver.probes_are_answered(bound).await;
    // A new series of a counter is exported as 0 until a scrape has taken it: the scrape after that has its value.
    for _ in 0..SCRAPES_OF_NEW_SERIES {
        driver.scrape().await;
        tokio::time::sleep(Duration::from_secs(15)).await;
        driver.keep_running().await;
    }
    if let Some(page) = driver.scrape().await {
        let now = outside.time.now();
        counters_are_true(&driver.world, &page, &mut outside.ledger(), now);
        calls_are_counted(&page, &mut outside.ledger(), now);
    }
    if driver.world.refuses_one {
        driver.one_refused_id_pauses_nobody().await;
    }
    converged
}

/// How long the calm may take: what is longest of jobs that still run, and what the budget needs for all.
fn bound(world: &World) -> Duration {
    let run =
        |bot: &super::plan::BotPlan| bot.jobs.iter().map(|job| job.script.created_at + longest(&job.script.plan)).max();
    let last = world.bots.iter().filter_map(run).max().unwrap_or_default();
    let rounds = world.bots.iter().map(|bot| bot.jobs.len() as u64 * 4 * 3600 / u64::from(bot.per_hour.max(1))).max();
    let intervals = Duration::from_secs(3 * world.pace.longest_poll + rounds.unwrap_or(0));
    CALM + last.saturating_sub(world.length) + intervals
}

fn longest(plan: &koreai_exporter::fake_upstream::Plan) -> Duration {
    use koreai_exporter::fake_upstream::Plan;
    match plan {
        Plan::Runs { over } => *over,
        _ => Duration::ZERO,
    }
}
