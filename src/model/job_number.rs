//! The counts that a status report carries as plain JSON numbers.
//!
//! To add one (a gauge per job, fed by one JSON number), make four edits; the compiler asks for the second and third:
//!
//! 1. here: a variant of [`JobNumber`];
//! 2. `upstream/json_fields.rs`, `number_field`: the name of the JSON field;
//! 3. `database/codes.rs`: the stored code;
//! 4. `exposition/job_families.rs`: name and help of the family.
//!
//! Then `UPDATE_GOLDEN=1 cargo test --test exposition --test documents --lib` writes the golden files and the table of
//! the README, and `FORMAT` is raised (`database/format.rs`) if a released version would lose the number. Parsing, change detection, storage and restart need no edit.

use enum_map::{Enum, EnumMap};

/// A count in a status report; upstream's field names are in `upstream/json_fields.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
pub enum JobNumber {
    /// Recipients that were submitted with the job.
    Recipients,
    /// Log entries, as the upstream counts them.
    ReportedEntries,
}

/// The counts of one report or job; `None` if the upstream did not send the field.
pub type JobNumbers = EnumMap<JobNumber, Option<u64>>;
