//! Statuses as closed sets. The upstream's are open: an unknown one becomes `Unknown`.

use enum_map::Enum;

use super::closed_set::closed_set;

/// Upper case, trimmed, spaces and hyphens as `_`: the upstream's APIs spell a status in different ways.
fn normalised(text: &str) -> String {
    text.trim().chars().map(|c| if matches!(c, ' ' | '-') { '_' } else { c.to_ascii_uppercase() }).collect()
}

closed_set! {
    /// The status of a job, as the upstream reports it.
    pub enum JobStatus {
        /// The upstream is working on the job. Documented in send responses only.
        InProgress = "IN_PROGRESS",
        /// Every recipient was reached. Terminal.
        Success = "SUCCESS",
        /// Some recipients were reached, some were not. Terminal.
        PartialSuccess = "PARTIAL_SUCCESS",
        /// No recipient was reached. Terminal.
        Failure = "FAILURE",
        /// No report yet, or a status that this exporter does not know. Not terminal.
        Unknown = "UNKNOWN",
    }
}

impl JobStatus {
    /// Parses the upstream's spelling, in any case; aliases are those of sibling APIs.
    pub fn parse(text: &str) -> Self {
        match normalised(text).as_str() {
            "IN_PROGRESS" | "INPROGRESS" | "PENDING" | "QUEUED" | "RUNNING" => Self::InProgress,
            "SUCCESS" | "SUCCESSFUL" | "COMPLETED" | "FINISHED" => Self::Success,
            "PARTIAL_SUCCESS" | "PARTIALSUCCESS" => Self::PartialSuccess,
            "FAILURE" | "FAILED" => Self::Failure,
            _ => Self::Unknown,
        }
    }

    /// The terminal status; `None` while the upstream may still change the job.
    pub const fn terminal(self) -> Option<TerminalStatus> {
        match self {
            Self::Success => Some(TerminalStatus::Success),
            Self::PartialSuccess => Some(TerminalStatus::PartialSuccess),
            Self::Failure => Some(TerminalStatus::Failure),
            Self::InProgress | Self::Unknown => None,
        }
    }

    /// Whether the job has ended at the upstream.
    pub const fn is_terminal(self) -> bool {
        self.terminal().is_some()
    }
}

/// A status after which the upstream changes nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enum)]
pub enum TerminalStatus {
    /// [`JobStatus::Success`].
    Success,
    /// [`JobStatus::PartialSuccess`].
    PartialSuccess,
    /// [`JobStatus::Failure`].
    Failure,
}

impl From<TerminalStatus> for JobStatus {
    fn from(status: TerminalStatus) -> Self {
        match status {
            TerminalStatus::Success => Self::Success,
            TerminalStatus::PartialSuccess => Self::PartialSuccess,
            TerminalStatus::Failure => Self::Failure,
        }
    }
}

closed_set! {
    /// The status of one log entry.
    pub enum EntryStatus {
        /// The notification was delivered.
        Success = "SUCCESS",
        /// The notification was not delivered.
        Failure = "FAILURE",
        /// A status that this exporter does not know, or none.
        Unknown = "UNKNOWN",
    }
}

impl EntryStatus {
    /// Parses the upstream's spelling, in any case.
    pub fn parse(text: &str) -> Self {
        match text {
            "SUCCESS" => return Self::Success,
            "FAILURE" => return Self::Failure,
            _ => {}
        }
        match normalised(text).as_str() {
            "SUCCESS" | "SUCCESSFUL" | "COMPLETED" | "DELIVERED" | "SENT" => Self::Success,
            "FAILURE" | "FAILED" => Self::Failure,
            _ => Self::Unknown,
        }
    }
}

closed_set! {
    /// The status API that the jobs of a bot are read from; the label `api` and the value of the configuration key.
    pub enum ApiVersion {
        /// `…/notify/status/{requestId}`.
        V1 = "v1",
        /// `…/notifyV2/status/{dockstatusId}`.
        V2 = "v2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casing_spaces_and_aliases_are_forgiven_and_the_rest_is_unknown() {
        for (text, status) in [
            ("IN_PROGRESS", JobStatus::InProgress),
            (" in-progress ", JobStatus::InProgress),
            ("In Progress", JobStatus::InProgress),
            ("partial_success", JobStatus::PartialSuccess),
            ("Failed", JobStatus::Failure),
            ("Completed", JobStatus::Success),
            ("HALTED_BY_MOON", JobStatus::Unknown),
            ("", JobStatus::Unknown),
        ] {
            assert_eq!(JobStatus::parse(text), status, "{text:?}");
        }
        assert!(!JobStatus::Unknown.is_terminal());
    }

    #[test]
    fn every_label_reads_back_as_itself() {
        for status in JobStatus::ALL {
            assert_eq!(JobStatus::parse(status.as_label()), status);
        }
        for status in JobStatus::ALL {
            assert_eq!(status.terminal().map_or(status, JobStatus::from), status);
        }
        for status in EntryStatus::ALL {
            assert_eq!(EntryStatus::parse(status.as_label()), status);
        }
    }
}
