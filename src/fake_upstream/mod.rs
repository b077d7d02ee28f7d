//! A strict stand-in for the upstream, with scripts and faults, for `demo`, `fake-upstream` and the tests.
//!
//! It answers `GET …/notify/status/{id}` and `GET …/notifyV2/status/{id}` as the tenant in front of it was told to,
//! takes `POST …/notify` and `POST …/notifyV2`, and refuses whatever a real tenant would refuse: a wrong method, header,
//! signature, `appId`, `sub`, `exp`, replayed `jti`, bot or budget. It records what it was asked, and it knows the truth.
//!
//! - [`Tenant`], [`TenantBot`], [`Credential`], [`RefusalForm`]: whom it plays, as plain data.
//! - [`ScriptedJob`], [`Plan`], [`Truth`]: what a job does, a pure function of the job and the time.
//! - [`Fault`], [`FaultRule`]: how it misbehaves, and when.
//! - [`RecordedCall`], [`Record`]: what it was asked.
//! - [`JobGenerator`], [`demo_tenant`]: the scenario of `demo`.
//! - [`FakeUpstream`]: all of it behind a listener.
//!
//! Two clocks run here, both from the start of the stand-in. Jobs, births and fault schedules go by the *job clock*, which
//! [`FakeUpstream::advance`] moves on; budgets, tokens and the record go by real time.
mod budget;
mod connection;
mod fault;
mod fault_response;
mod job;
mod record;
mod scenario;
mod send;
mod server;
mod state;
mod status_body;
mod tenant;
mod token;

#[cfg(test)]
mod tests;

pub use fault::{Fault, FaultRule};
pub use job::{Api, Counts, Plan, ScriptedJob, ScriptedResponse, Shape, Truth};
pub use record::{Record, RecordedCall};
pub use scenario::{DueJob, JobGenerator, demo_tenant};
pub use server::{FakeUpstream, StartError};
pub use tenant::{RefusalForm, RefusalText, RetryAfter, Tenant, TenantBot};
pub use token::{Credential, SignatureAlgorithm};
