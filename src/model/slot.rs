//! The handle by which rooms speak of a followed job.

/// A small copyable handle of a followed job: what the store gives out when it takes a job on, and what the scheduler and
/// the exposition know it by. It means nothing outside this process, and is not given to another job while a call for
/// this one is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobSlot(u32);

impl JobSlot {
    /// The handle with this number.
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Its number.
    pub const fn index(self) -> u32 {
        self.0
    }
}
