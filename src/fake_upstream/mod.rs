//! A strict fake upstream with scripted jobs and faults, for `demo`, `fake-upstream` and the tests.
//!
//! It answers `GET …/notify/status/{id}` and `GET …/notifyV2/status/{id}` as scripted and accepts `POST …/notify` and
//! `POST …/notifyV2`. Like a real tenant it rejects a wrong method, header, signature, `appId`, `sub`, `exp`, replayed `jti`
//! or bot ID, and calls beyond the budget. It records every call, and it can tell what is true of every job.
//!
//! - [`Tenant`], [`TenantBot`], [`Credential`], [`RateLimitForm`]: what it imitates, as plain data.
//! - [`ScriptedJob`], [`Plan`], [`Truth`]: what a job does, a pure function of the job and the time.
//! - [`HttpFeatures`]: compression and validators of its responses.
//! - [`Fault`], [`FaultRule`]: what goes wrong, and when.
//! - [`RecordedCall`], [`Record`]: the calls it received.
//! - [`JobGenerator`], [`demo_tenant`]: the jobs and the tenant of `demo`.
//! - [`FakeUpstream`]: the running server. [`DirectUpstream`]: the same without a server.
//!
//! There are two clocks, both starting with the server. Jobs and fault schedules use the *job clock*, which
//! [`FakeUpstream::advance`] moves forward. Budgets, tokens and the record use real time.
//!
//! This module imports no other module of the crate, so that it shares no mistakes with the code it tests.
mod budget;
mod connection;
mod demo;
mod direct;
mod fault;
mod fault_response;
mod job;
mod job_generator;
mod rate_limit_form;
mod record;
mod representation;
mod send_request;
mod server;
mod state;
mod status_body;
mod tenant;
mod token;

#[cfg(test)]
mod tests;

pub use demo::demo_tenant;
pub use direct::{DirectCall, DirectReply, DirectUpstream};
pub use fault::{Fault, FaultRule};
pub use job::{Api, Counts, Plan, ScriptedJob, ScriptedResponse, Shape, Truth};
pub use job_generator::{DueJob, JobGenerator};
pub use rate_limit_form::{RateLimitForm, RateLimitText, RetryAfter};
pub use record::{Record, RecordedCall};
pub use representation::HttpFeatures;
pub use server::{FakeUpstream, StartError};
pub use tenant::{Tenant, TenantBot};
pub use token::{Credential, SignatureAlgorithm};
