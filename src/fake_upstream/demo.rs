//! The tenant of `demo`: two bots, generated jobs, and faults that recur every five minutes.

use std::time::Duration;

use super::fault::{Fault, FaultRule};
use super::job_generator::{JobGenerator, SALES};
use super::rate_limit_form::{RateLimitForm, RateLimitText, RetryAfter};
use super::representation::HttpFeatures;
use super::tenant::{Tenant, TenantBot};
use super::token::Credential;

/// The tenant of `demo`, started at the given time (milliseconds since the Unix epoch).
///
/// The first bot, `support`, accepts tokens without a `jti`; the second, `sales`, requires one.
pub fn demo_tenant(started_at_millis: i64, support: Credential, sales: Credential) -> Tenant {
    let mut bots =
        vec![TenantBot::new(JobGenerator::BOT_IDS.0, support), TenantBot::new(JobGenerator::BOT_IDS.1, sales)];
    if let Some(sales) = bots.get_mut(SALES) {
        sales.enforce_jti = true;
    }
    let seconds = Duration::from_secs;
    let refused = RateLimitForm { status: 429, retry_after: RetryAfter::Seconds(10), text: RateLimitText::NamesWindow };
    let faults = vec![
        FaultRule::always(Fault::RateLimited(refused)).between(seconds(90), seconds(110)).every(seconds(300)),
        FaultRule::always(Fault::Status(502)).between(seconds(200), seconds(208)).every(seconds(300)),
    ];
    let http = HttpFeatures { gzip: true, etags: true };
    Tenant { faults, http, generator: Some(JobGenerator), ..Tenant::new(started_at_millis, bots) }
}
