//! How the stand-in misbehaves, for whom, when and how often.

use std::time::Duration;

use super::tenant::RefusalForm;

/// What goes wrong with one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Refused for the rate, although the budget has room.
    RefuseRate(RefusalForm),
    /// 401, although the token is good.
    Unauthorized,
    /// An HTTP code with a gateway's HTML page.
    Status(u16),
    /// 200 with an HTML page.
    Html200,
    /// 200 with nothing.
    Empty200,
    /// 200 that promises the whole body, sends half of it, and closes.
    Truncated,
    /// 200 whose body trickles and never ends.
    NeverEnding,
    /// No answer at all; the connection stays open.
    Hang,
    /// Valid JSON, nested that deep in a field nobody needs.
    Deep(usize),
    /// A finished job with that many log entries, streamed.
    Huge(usize),
    /// The connection is reset instead of an answer.
    Reset,
    /// 307 to that address.
    Redirect(String),
    /// 200 with bytes that are no text.
    Gibberish,
    /// 200 with the errors envelope.
    ErrorsEnvelope200,
    /// The job's own body, but `statusLogs` is null.
    NullLogs,
}

/// When a fault applies. The first rule that fits a call wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// Only for this bot ID.
    pub bot_id: Option<String>,
    /// Only for this request ID.
    pub request_id: Option<String>,
    /// From when on, by the job clock.
    pub from: Duration,
    /// Until when (exclusive), by the job clock.
    pub until: Option<Duration>,
    /// Comes back after that time, counted from `from`.
    pub every: Option<Duration>,
    /// For that many calls; then the rule is used up.
    pub calls: Option<u32>,
}

impl FaultRule {
    /// For every call, for ever.
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

    /// For so many calls only.
    pub fn for_calls(self, calls: u32) -> Self {
        Self { calls: Some(calls), ..self }
    }

    /// From `from` until `until` (exclusive) by the job clock.
    pub fn between(self, from: Duration, until: Duration) -> Self {
        Self { from, until: Some(until), ..self }
    }

    /// Again and again, that long after it began.
    pub fn every(self, period: Duration) -> Self {
        Self { every: Some(period), ..self }
    }

    fn fits(&self, bot_id: &str, request_id: Option<&str>, now: Duration) -> bool {
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

/// The fault for one call, if any rule fits; counts the call against the rule.
pub(super) fn take(rules: &mut Vec<FaultRule>, bot_id: &str, request_id: Option<&str>, now: Duration) -> Option<Fault> {
    rules.retain(|rule| rule.calls != Some(0));
    let rule = rules.iter_mut().find(|rule| rule.fits(bot_id, request_id, now))?;
    rule.calls = rule.calls.map(|calls| calls.saturating_sub(1));
    Some(rule.fault.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_comes_back_every_period() {
        let at = Duration::from_secs;
        let rule = FaultRule::always(Fault::Empty200).between(at(90), at(110)).every(at(300));
        let on: Vec<u64> =
            [0, 89, 90, 109, 110, 389, 390, 409, 410].into_iter().filter(|s| rule.is_on_at(at(*s))).collect();
        assert_eq!(on, [90, 109, 390, 409]);
    }

    #[test]
    fn a_rule_for_two_calls_is_used_up_by_calls_that_fit_it() {
        let mut rules = vec![FaultRule::always(Fault::Hang).for_id("ds-1").for_calls(2)];
        let mut ask = |id: &str| take(&mut rules, "st-1", Some(id), Duration::ZERO);
        assert_eq!(
            [ask("ds-1"), ask("ds-2"), ask("ds-1"), ask("ds-1")],
            [Some(Fault::Hang), None, Some(Fault::Hang), None]
        );
    }
}
