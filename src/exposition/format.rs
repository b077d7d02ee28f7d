//! The two text formats and the two encodings of a response.

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4, which everything reads.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Text, Self::OpenMetrics];

    /// The text after the last line.
    pub(super) const fn end(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::OpenMetrics => "# EOF\n",
        }
    }
}

/// A content encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// None.
    Identity,
    /// One gzip member.
    Gzip,
}

impl Encoding {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Identity, Self::Gzip];

    /// The value of the header `Content-Encoding`; `None` if the header is omitted.
    pub const fn as_header(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
        }
    }
}
