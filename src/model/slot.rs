//! The index by which modules refer to a tracked job.

/// An index into the store's slab of tracked jobs.
///
/// The store issues it when it inserts a job; the scheduler and the exposition refer to the job by it. It is valid only
/// within this process, and is not reused while a call for the job is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobSlot(u32);

impl JobSlot {
    /// The slot with this index.
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The index.
    pub const fn index(self) -> u32 {
        self.0
    }
}
