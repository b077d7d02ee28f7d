//! The figures by which policies are compared.

use std::fmt;

use koreai_exporter::model::Timestamp;

use crate::policy::SETTINGS;
use crate::population::Population;

/// What a policy observed of a population, and the calls that it made.
pub(crate) struct Observed {
    /// By job: when its end was detected.
    ends: Vec<Option<f64>>,
    /// By job: the time up to which its staleness is summed, and the time of the last known state.
    known: Vec<(f64, f64)>,
    stale: f64,
    pub(crate) refused: usize,
    calls: usize,
    busiest_minute: usize,
    busiest_hour: usize,
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

impl Observed {
    pub(crate) fn new(population: &Population) -> Self {
        Self {
            ends: vec![None; population.jobs.len()],
            known: population.jobs.iter().map(|job| (job.starts, job.starts)).collect(),
            stale: 0.0,
            refused: 0,
            calls: 0,
            busiest_minute: 0,
            busiest_hour: 0,
        }
    }

    /// Records a report that arrives at `now` and has the state at `state`.
    pub(crate) fn report(&mut self, population: &Population, index: usize, state: f64, now: f64) {
        let ends = population.jobs[index].ends;
        self.add_staleness(index, now.min(ends.unwrap_or(now)));
        self.known[index].1 = state;
        if ends.is_some_and(|ends| ends <= state) {
            self.ends[index].get_or_insert(now);
        }
    }

    /// Adds the staleness of a running job: the age of its last known state.
    fn add_staleness(&mut self, index: usize, until: f64) {
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
        self.busiest_minute = self.busiest_minute.max(busiest_window(&arrivals, 60_000));
        self.busiest_hour = self.busiest_hour.max(busiest_window(&arrivals, 3_600_000));
    }

    pub(crate) fn figures(mut self, population: &Population, horizon: f64) -> Figures {
        let mut running = 0.0;
        let mut delays = Vec::new();
        for (index, job) in population.jobs.iter().enumerate() {
            let until = job.ends.unwrap_or(horizon);
            self.add_staleness(index, until);
            running += until - job.starts;
            if let Some(ends) = job.ends {
                // While the upstream refuses, no policy can detect an end: the delay counts from the end of the refusals.
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
            minute_share: self.busiest_minute as f64 / f64::from(SETTINGS.per_minute),
            hour_share: self.busiest_hour as f64 / f64::from(SETTINGS.per_hour),
        }
    }
}

/// The most arrivals in any window of this length.
fn busiest_window(arrivals: &[Timestamp], millis: i64) -> usize {
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
            "{:.1} s | {:.1} s | {:.1} s | {:.1} | {:.2} % | {:.0} % | {:.0} %",
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
