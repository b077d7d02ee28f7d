//! Incidents between the exporter and the upstream.

use koreai_exporter::fake_upstream::{Fault, FaultRule, RateLimitForm};

use crate::incident::{Expected, Incident};
use crate::world::{Auth, Event, Limit, World, job, long_jobs, minutes};

const BEGINS: u64 = 30;

/// A world with jobs that run all the time.
fn world(length: u64, jobs: u64) -> World {
    World::new(length, long_jobs(jobs, length))
}

fn fault(fault: Fault, ends: u64) -> FaultRule {
    FaultRule::always(fault).between(minutes(BEGINS), minutes(ends))
}

pub(crate) fn all() -> Vec<Incident> {
    [refusals(), outages(), tokens()].into_iter().flatten().collect()
}

fn refusals() -> Vec<Incident> {
    let limited = || vec![Expected::new("UpstreamRateLimited", "warning", 30)];
    vec![
        Incident::new(
            "token-refused",
            "The token is refused",
            world(150, 10).with_fault(fault(Fault::Unauthorized, 130)),
            (BEGINS, 130),
            vec![Expected::new("UpstreamAuthFailing", "critical", 20)],
        ),
        Incident::new(
            "secret-unreadable",
            "The secret cannot be read",
            world(150, 10).at(BEGINS, Event::SecretLost(true)).at(130, Event::SecretLost(false)),
            (BEGINS, 130),
            vec![Expected::new("TokenUnavailable", "critical", 20)],
        ),
        Incident::new(
            "hour-limit",
            "The upstream's hourly limit is used up by somebody else",
            world(180, 20).at(BEGINS, Event::Others(Some(Limit::Hour))).at(150, Event::Others(None)),
            (BEGINS, 150),
            limited(),
        ),
        Incident::new(
            "minute-limit",
            "Somebody else leaves two calls of each minute, for hours",
            world(210, 40).at(BEGINS, Event::Others(Some(Limit::Minute(2)))).at(180, Event::Others(None)),
            (BEGINS, 180),
            limited(),
        )
        .allowing(&[("PollsLate", "warning")], 2),
        Incident::silent(
            "one-refusal",
            "A single refusal with its pause",
            world(75, 10).with_fault(fault(Fault::RateLimited(RateLimitForm::default()), 31).for_calls(1)),
        ),
    ]
}

fn outages() -> Vec<Incident> {
    let down = || vec![Expected::new("UpstreamErrors", "critical", 20)];
    let outage = |key, title, what: Fault| {
        Incident::new(key, title, world(120, 10).with_fault(fault(what, 100)), (BEGINS, 100), down())
            .allowing(&[("UpstreamErrors", "warning")], 2)
    };
    let slow = world(100, 12)
        .with_fault(fault(Fault::Hang, 85).for_id("ds-long-3"))
        .with_fault(fault(Fault::Hang, 85).for_id("ds-long-7"));
    let slow_one = world(100, 12).with_fault(fault(Fault::Hang, 85).for_id("ds-long-3"));
    let alone = World::new(120, vec![job("ds-alone", 0, 200, 1_000)]).with_fault(fault(Fault::Reset, 100));
    vec![
        outage("upstream-down", "The upstream is down", Fault::Reset),
        outage("upstream-503", "The upstream answers every call with 503", Fault::Status(503)),
        outage("upstream-slow", "The upstream is slow for every job", Fault::Hang),
        outage("gateway-page", "A gateway answers with pages and 200", Fault::Html200),
        outage("gateway-404", "A gateway answers with its own 404", Fault::Status(404)),
        Incident::new("one-job-down", "The upstream is down for a bot with one job", alone, (BEGINS, 100), down())
            .allowing(&[("UpstreamErrors", "warning")], 2),
        Incident::new(
            "slow-for-two",
            "The upstream is slow for two jobs of twelve",
            slow,
            (BEGINS, 85),
            vec![
                Expected::new("PollFailing", "warning", 30).naming(&[("request_id", "ds-long-3")]),
                Expected::new("PollFailing", "warning", 30).naming(&[("request_id", "ds-long-7")]),
            ],
        ),
        Incident::new(
            "slow-for-one",
            "The upstream is slow for one job of twelve",
            slow_one,
            (BEGINS, 85),
            vec![Expected::new("PollFailing", "warning", 30).naming(&[("request_id", "ds-long-3")])],
        ),
        Incident::new(
            "polls-late",
            "The bot's budget is too small for its jobs",
            world(120, 40).with_budget(6, 120),
            (0, 120),
            // The scheduler soon plans with the budget: then polls are rare, which is stale data, and no longer late.
            vec![Expected::new("PollsLate", "warning", 60).once()],
        )
        .allowing(&[("BudgetNearlySpent", "info"), ("DataStale", "warning")], 4),
    ]
}

fn tokens() -> Vec<Incident> {
    let expiring = |length, expires| world(length, 5).with_auth(Auth::TokenFile { expires: minutes(expires) });
    vec![
        Incident::new(
            "token-day",
            "A `token_file` that expires in a day",
            expiring(75, BEGINS + 24 * 60),
            (BEGINS, 75),
            vec![Expected::new("TokenExpiring", "warning", 60)],
        ),
        Incident::new(
            "token-hour",
            "A `token_file` that expires in an hour",
            expiring(85, BEGINS + 60),
            (BEGINS, 85),
            vec![Expected::new("TokenExpiring", "critical", 60)],
        )
        .allowing(&[("TokenExpiring", "warning")], 2),
        Incident::new(
            "token-expired",
            "A `token_file` that has expired",
            expiring(120, BEGINS),
            (BEGINS, 120),
            vec![Expected::new("UpstreamAuthFailing", "critical", 20)],
        )
        .allowing(&[("TokenExpiring", "warning"), ("TokenExpiring", "critical")], 3),
        Incident::silent("token-signed", "A signed token that is renewed", world(150, 5)),
    ]
}
