//! Faults of the fake upstream: what goes wrong, for which calls, when and how often.

use std::time::Duration;

use super::rate_limit_form::RateLimitForm;

/// What goes wrong with one response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Rate limited, although budget is left.
    RateLimited(RateLimitForm),
    /// 401, although the token is valid.
    Unauthorized,
    /// This HTTP code, with the HTML page of a gateway.
    Status(u16),
    /// 200 with an HTML page.
    Html200,
    /// 200 with an empty body.
    Empty200,
    /// 200 with the `Content-Length` of the whole body, but only half of it.
    Truncated,
    /// 200 with a body that arrives slowly and never ends.
    NeverEnding,
    /// No response; the connection stays open.
    Hang,
    /// Valid JSON, nested this deep in an unknown field.
    Deep(usize),
    /// A finished job with this many log entries, streamed.
    Huge(usize),
    /// The connection is reset instead of a response.
    Reset,
    /// 307 to this address.
    Redirect(String),
    /// 200 with bytes that are not text.
    Gibberish,
    /// 200 with the errors envelope.
    ErrorsEnvelope200,
    /// 200 with a small gzip body that decompresses to this many MiB.
    GzipBomb(usize),
    /// 200 with the first half of a gzip body.
    CutGzip,
    /// The body of the job, but with `statusLogs` null.
    NullLogs,
}

/// When a fault applies. The first rule that matches a call wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// Only for this bot ID.
    pub bot_id: Option<String>,
    /// Only for this request ID.
    pub request_id: Option<String>,
    /// Start, by the job clock.
    pub from: Duration,
    /// End (exclusive), by the job clock; `None`: never.
    pub until: Option<Duration>,
    /// Recurs with this period, counted from `from`.
    pub every: Option<Duration>,
    /// Applies to this many calls only.
    pub calls: Option<u32>,
}

impl FaultRule {
    /// For every call, without end.
    pub fn always(fault: Fault) -> Self {
        Self { fault, bot_id: None, request_id: None, from: Duration::ZERO, until: None, every: None, calls: None }
    }

    /// For one request ID only.
    pub fn for_id(self, request_id: &str) -> Self {
        Self { request_id: Some(request_id.to_owned()), ..self }
    }

    /// For one bot only.
    pub fn for_bot(self, bot_id: &str) -> Self {
        Self { bot_id: Some(bot_id.to_owned()), ..self }
    }

    /// For this many calls only.
    pub fn for_calls(self, calls: u32) -> Self {
        Self { calls: Some(calls), ..self }
    }

    /// From `from` until `until` (exclusive) by the job clock.
    pub fn between(self, from: Duration, until: Duration) -> Self {
        Self { from, until: Some(until), ..self }
    }

    /// Recurring with this period.
    pub fn every(self, period: Duration) -> Self {
        Self { every: Some(period), ..self }
    }

    fn matches(&self, bot_id: &str, request_id: Option<&str>, now: Duration) -> bool {
        self.bot_id.as_deref().is_none_or(|only| only == bot_id)
            && self.request_id.as_deref().is_none_or(|only| Some(only) == request_id)
            && self.is_on_at(now)
    }

    fn is_on_at(&self, now: Duration) -> bool {
        let Some(since) = now.checked_sub(self.from) else { return false };
        let Some(until) = self.until else { return true };
        let into_the_period = match self.every.map(|period| period.as_nanos()) {
            Some(period) if period > 0 => since.as_nanos() % period,
            _ => since.as_nanos(),
        };
        into_the_period < until.saturating_sub(self.from).as_nanos()
    }
}

/// The fault for one call, if a rule matches; counts the call against the rule.
pub(super) fn take(rules: &mut Vec<FaultRule>, bot_id: &str, request_id: Option<&str>, now: Duration) -> Option<Fault> {
    rules.retain(|rule| rule.calls != Some(0));
    let rule = rules.iter_mut().find(|rule| rule.matches(bot_id, request_id, now))?;
    rule.calls = rule.calls.map(|calls| calls.saturating_sub(1));
    Some(rule.fault.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_recurs_every_period() {
        let at = Duration::from_secs;
        let rule = FaultRule::always(Fault::Empty200).between(at(90), at(110)).every(at(300));
        let on: Vec<u64> =
            [0, 89, 90, 109, 110, 389, 390, 409, 410].into_iter().filter(|s| rule.is_on_at(at(*s))).collect();
        assert_eq!(on, [90, 109, 390, 409]);
    }

    #[test]
    fn a_rule_for_two_calls_ends_after_two_matching_calls() {
        let mut rules = vec![FaultRule::always(Fault::Hang).for_id("ds-1").for_calls(2)];
        let mut call = |id: &str| take(&mut rules, "st-1", Some(id), Duration::ZERO);
        assert_eq!(
            [call("ds-1"), call("ds-2"), call("ds-1"), call("ds-1")],
            [Some(Fault::Hang), None, Some(Fault::Hang), None]
        );
    }
}
