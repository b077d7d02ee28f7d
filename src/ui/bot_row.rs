//! The row of a bot.

use std::time::Duration;

use super::wording::{ago, duration, number, outcome_words, state_heading};
use crate::model::{BudgetWindow, JobState, Outcome, Timestamp};
use crate::poller::BotStatus;

/// How long after an answer the page says that the upstream answers.
const RECENT: Duration = Duration::from_secs(120);

/// The class of a bot whose requests fail.
const FAILING: &str = "tag down";

/// A row of the table of bots.
pub(super) struct BotRow<'a> {
    pub(super) name: &'a str,
    pub(super) upstream: Upstream,
    /// Jobs by polling state.
    pub(super) jobs: Vec<JobCount>,
    pub(super) overdue: String,
    pub(super) minute: String,
    pub(super) hour: String,
    pub(super) last_report: String,
}

/// Jobs in one polling state.
#[derive(Clone)]
pub(super) struct JobCount {
    pub(super) heading: &'static str,
    pub(super) count: String,
}

impl<'a> BotRow<'a> {
    pub(super) fn new(bot: &'a BotStatus, now: Timestamp) -> Self {
        let gauges = &bot.metrics.gauges;
        let failure = bot.failure.as_ref().map(|(outcome, since, detail)| (*outcome, *since, detail.as_str()));
        let used = |window| format!("{} of {}", number(gauges.budget_used[window]), number(gauges.budget[window]));
        Self {
            name: bot.metrics.bot.as_str(),
            upstream: Upstream::new(failure, gauges.paused_until, bot.last_success, now),
            jobs: JobState::ALL
                .map(|state| JobCount { heading: state_heading(state), count: number(gauges.jobs[state]) })
                .to_vec(),
            overdue: number(gauges.polls_overdue),
            minute: used(BudgetWindow::Minute),
            hour: used(BudgetWindow::Hour),
            last_report: bot.last_success.map_or_else(|| "none yet".to_owned(), |at| ago(Some(at), now)),
        }
    }
}

/// What the page says about a bot's upstream.
#[derive(Debug, PartialEq)]
pub(super) struct Upstream {
    /// The class of the state.
    pub(super) class: &'static str,
    pub(super) state: String,
    /// The text after the state.
    pub(super) rest: String,
}

impl Upstream {
    /// Whether there is something to diagnose.
    pub(super) fn failing(&self) -> bool {
        self.class == FAILING
    }

    /// `failure`: outcome, start and detail of the current failure.
    fn new(
        failure: Option<(Outcome, Timestamp, &str)>,
        paused_until: Option<Timestamp>,
        last_success: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let quiet = |state: String| Self { class: "none", state, rest: String::new() };
        match (failure, paused_until, last_success) {
            (Some((outcome, since, detail)), paused, last) => {
                let mut rest = format!(" for {}: {detail}", duration(now.since(since)));
                if let Some(until) = paused {
                    rest.push_str(&format!("; requests paused for {}", duration(until.since(now))));
                }
                if let Some(last) = last {
                    rest.push_str(&format!("; last answered {} ago", duration(now.since(last))));
                }
                Self { class: FAILING, state: outcome_words(outcome).to_owned(), rest }
            }
            (None, Some(until), _) => {
                let rest = format!(" for {}", duration(until.since(now)));
                Self { class: "tag wait", state: "paused".to_owned(), rest }
            }
            (None, None, Some(last)) if now.since(last) <= RECENT => {
                Self { class: "tag up", state: "answers".to_owned(), rest: String::new() }
            }
            (None, None, Some(last)) => quiet(format!("last answered {} ago", duration(now.since(last)))),
            (None, None, None) => quiet("not polled yet".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_is_green_only_while_its_last_answer_is_recent() {
        let now = Timestamp::from_millis(10_000_000);
        let ago = |seconds: i64| Timestamp::from_millis(10_000_000 - seconds * 1_000);
        for (failure, paused_until, last_success, shown) in [
            (None, None, None, ("none", "not polled yet", "")),
            (None, None, Some(ago(0)), ("tag up", "answers", "")),
            (None, None, Some(ago(120)), ("tag up", "answers", "")),
            (None, None, Some(ago(121)), ("none", "last answered 2 min ago", "")),
            (None, None, Some(ago(7_300)), ("none", "last answered 2 h ago", "")),
            (None, Some(ago(-30)), Some(ago(1)), ("tag wait", "paused", " for 30 s")),
            (
                Some((Outcome::WrongEndpoint, ago(90), "HTTP 404: <x>")),
                Some(ago(-30)),
                Some(ago(100)),
                (
                    "tag down",
                    "wrong endpoint",
                    " for 90 s: HTTP 404: <x>; requests paused for 30 s; last answered 100 s ago",
                ),
            ),
            (
                Some((Outcome::Unauthorized, ago(90), "HTTP 401")),
                None,
                None,
                ("tag down", "token rejected", " for 90 s: HTTP 401"),
            ),
        ] {
            let upstream = Upstream::new(failure, paused_until, last_success, now);
            assert_eq!((upstream.class, upstream.state.as_str(), upstream.rest.as_str()), shown);
        }
    }
}
