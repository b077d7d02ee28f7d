//! Walks the way of one call, step by step, and names the cause of a failure.
//!
//! [`examine()`] checks one bot: the files with its credential, the token, the network up to TLS, one call, and the meaning of
//! the answer. The first failed step names the cause; later steps are skipped. It sends GET requests only, at most
//! [`MAX_CALLS`] in one run, and does not open the database. What it shows contains no secret and no personal data.
//!
//! - [`Check`]: the steps, whose IDs are the headings of `docs/DOCTOR.md`.
//! - [`Examination`], [`Step`]: the result.
//! - [`Diagnosis`]: the results of all bots, as text or JSON, and the exit code.

mod answer;
mod certificate;
mod credential;
mod diagnosis;
mod examine;
mod network;
mod proxy;
mod step;
mod times;
mod tls;
mod token;

pub use diagnosis::Diagnosis;
pub use examine::{CallsLeft, MAX_CALLS, Patient, examine};
pub use step::{Check, Examination, Fault, State, Step};
