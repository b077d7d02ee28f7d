//! What a certificate says.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::model::Timestamp;

/// The most names of a certificate that are shown.
const MAX_NAMES: usize = 5;

/// The longest name that is shown, in characters.
const MAX_NAME_CHARS: usize = 100;

/// The parts of a certificate that people look at.
pub(super) struct Certificate {
    /// The DNS names and IP addresses.
    pub(super) names: String,
    pub(super) issuer: String,
    pub(super) not_after: Timestamp,
}

impl Certificate {
    pub(super) fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let alternative = certificate.subject_alternative_name().ok().flatten();
        let names: Vec<String> =
            alternative.into_iter().flat_map(|names| &names.value.general_names).filter_map(name).collect();
        let mut shown = names.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
        if names.len() > MAX_NAMES {
            shown.push_str(&format!(" and {} more", names.len() - MAX_NAMES));
        }
        let issuer = printable(&certificate.issuer().to_string());
        let seconds = certificate.validity().not_after.timestamp();
        Some(Self { names: shown, issuer, not_after: Timestamp::from_millis(seconds.saturating_mul(1000)) })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(printable(name)),
        GeneralName::IPAddress([a, b, c, d]) => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
        GeneralName::IPAddress(bytes) => {
            <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string())
        }
        _ => None,
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}
