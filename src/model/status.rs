//! Closed sets of states. The upstream's own are open: what is not known here becomes `Unknown`.

/// Upper case, trimmed, spaces and hyphens as `_`: how upstream's APIs spell a status differs between siblings.
fn normalised(text: &str) -> String {
    text.trim().chars().map(|c| if matches!(c, ' ' | '-') { '_' } else { c.to_ascii_uppercase() }).collect()
}

/// The status of a job, as upstream reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobStatus {
    /// Upstream is still at it. Documented in send responses only.
    InProgress,
    /// Every recipient was reached. Terminal.
    Success,
    /// Some were reached, some not. Terminal.
    PartialSuccess,
    /// None was reached. Terminal.
    Failure,
    /// No report yet, or a status that this exporter does not know. Not terminal.
    Unknown,
}

impl JobStatus {
    /// All of them, in the order of the label values on `/metrics`.
    pub const ALL: [Self; 5] = [Self::InProgress, Self::Success, Self::PartialSuccess, Self::Failure, Self::Unknown];

    /// The statuses after which upstream changes nothing any more.
    pub const TERMINAL: [Self; 3] = [Self::Success, Self::PartialSuccess, Self::Failure];

    /// Reads upstream's word, whatever its casing; aliases are those of sibling APIs.
    pub fn parse(text: &str) -> Self {
        match normalised(text).as_str() {
            "IN_PROGRESS" | "INPROGRESS" | "PENDING" | "QUEUED" | "RUNNING" => Self::InProgress,
            "SUCCESS" | "SUCCESSFUL" | "COMPLETED" | "FINISHED" => Self::Success,
            "PARTIAL_SUCCESS" | "PARTIALSUCCESS" => Self::PartialSuccess,
            "FAILURE" | "FAILED" => Self::Failure,
            _ => Self::Unknown,
        }
    }

    /// The value of the label `status`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Success => "SUCCESS",
            Self::PartialSuccess => "PARTIAL_SUCCESS",
            Self::Failure => "FAILURE",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Whether upstream is done with the job.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::PartialSuccess | Self::Failure)
    }
}

/// The status of one log entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryStatus {
    /// The notification was delivered.
    Success,
    /// It was not.
    Failure,
    /// A word that this exporter does not know, or none.
    Unknown,
}

impl EntryStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Unknown];

    /// Reads upstream's word, whatever its casing.
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

    /// The value of the label `status`.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Which of upstream's two status APIs a bot's jobs are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiVersion {
    /// `…/notify/status/{requestId}`.
    V1,
    /// `…/notifyV2/status/{dockstatusId}`.
    V2,
}

impl ApiVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The value of the label `api` and of the configuration key.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
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
        for status in EntryStatus::ALL {
            assert_eq!(EntryStatus::parse(status.as_label()), status);
        }
    }
}
