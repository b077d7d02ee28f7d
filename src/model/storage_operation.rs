//! The operations of the database that may fail.

use super::closed_set::closed_set;

closed_set! {
    /// An operation of the database; the label `operation` of `koreai_exporter_storage_errors_total`.
    pub enum StorageOperation {
        /// Writing a batch.
        Write = "write",
        /// Compacting the file.
        Compact = "compact",
        /// Reading the rows of remembered jobs.
        Read = "read",
    }
}
