//! What a policy is judged by.

use std::fmt;

use koreai_exporter::model::Timestamp;

use crate::policy::SETTINGS;
use crate::population::Population;

/// What was seen of a population's jobs, and what it took.
pub(crate) struct Seen {
    /// By job: when its end was seen.
    ends: Vec<Option<f64>>,
    /// By job: up to when its staleness has been added up, and the state that is known since.
    known: Vec<(f64, f64)>,
    stale: f64,
    pub(crate) refused: usize,
    calls: usize,
    greatest_minute: usize,
    greatest_hour: usize,
}

/// Delays and staleness in seconds.
pub(crate) struct Figures {
    pub(crate) delay_mean: f64,
    pub(crate) delay_p95: f64,
    pub(crate) staleness: f64,
    pub(crate) calls_per_job: f64,
    pub(crate) refused: f64,
    pub(crate) minute_share: f64,
    pub(crate) hour_share: f64,
}

impl Seen {
    pub(crate) fn new(population: &Population) -> Self {
        Self {
            ends: vec![None; population.jobs.len()],
            known: population.jobs.iter().map(|job| (job.comes, job.comes)).collect(),
            stale: 0.0,
            refused: 0,
            calls: 0,
            greatest_minute: 0,
            greatest_hour: 0,
        }
    }

    /// A report of the state at `state` arrives at `now`.
    pub(crate) fn report(&mut self, population: &Population, index: usize, state: f64, now: f64) {
        let ends = population.jobs[index].ends;
        self.pass(index, now.min(ends.unwrap_or(now)));
        self.known[index].1 = state;
        if ends.is_some_and(|ends| ends <= state) {
            self.ends[index].get_or_insert(now);
        }
    }

    /// Adds up the staleness of a running job: the age of what is known of it.
    fn pass(&mut self, index: usize, until: f64) {
        let (from, state) = self.known[index];
        if until > from {
            self.stale += ((until - state).powi(2) - (from - state).powi(2)) / 2.0;
            self.known[index].0 = until;
        }
    }

    /// The calls of one bot, by when they arrive upstream.
    pub(crate) fn count(&mut self, mut arrivals: Vec<Timestamp>) {
        arrivals.sort_unstable();
        self.calls += arrivals.len();
        self.greatest_minute = self.greatest_minute.max(greatest(&arrivals, 60_000));
        self.greatest_hour = self.greatest_hour.max(greatest(&arrivals, 3_600_000));
    }

    pub(crate) fn figures(mut self, population: &Population, horizon: f64) -> Figures {
        let mut running = 0.0;
        let mut delays = Vec::new();
        for (index, job) in population.jobs.iter().enumerate() {
            let until = job.ends.unwrap_or(horizon);
            self.pass(index, until);
            running += until - job.comes;
            if let Some(ends) = job.ends {
                // While the upstream refuses nobody can know: the delay counts from when one could.
                let from = match population.refuses {
                    Some((from, to)) if (from..to).contains(&ends) => to,
                    _ => ends,
                };
                delays.push(self.ends[index].unwrap_or(horizon) - from);
            }
        }
        delays.sort_by(f64::total_cmp);
        let calls = self.calls as f64;
        Figures {
            delay_mean: delays.iter().sum::<f64>() / delays.len() as f64,
            delay_p95: delays[(delays.len() * 95).div_ceil(100) - 1],
            staleness: self.stale / running,
            calls_per_job: calls / population.jobs.len() as f64,
            refused: self.refused as f64 / calls,
            minute_share: self.greatest_minute as f64 / f64::from(SETTINGS.per_minute),
            hour_share: self.greatest_hour as f64 / f64::from(SETTINGS.per_hour),
        }
    }
}

/// The most arrivals in any window of so many milliseconds.
fn greatest(arrivals: &[Timestamp], millis: i64) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (index, at) in arrivals.iter().enumerate() {
        while arrivals[first].as_millis() + millis <= at.as_millis() {
            first += 1;
        }
        most = most.max(index + 1 - first);
    }
    most
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} s | {:.1} s | {:.0} s | {:.1} | {:.2} % | {:.0} % | {:.0} %",
            self.delay_mean,
            self.delay_p95,
            self.staleness,
            self.calls_per_job,
            self.refused * 100.0,
            self.minute_share * 100.0,
            self.hour_share * 100.0
        )
    }
}
