//! Verifies client certificates: `client_auth_type` and `client_allowed_sans`.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Requests and verifies client certificates. A client must always prove that it has the key of its certificate.
#[derive(Debug)]
pub(super) struct ClientCertPolicy {
    /// Without it any certificate is accepted.
    authority: Option<Authority>,
    mandatory: bool,
    allowed_sans: Option<Vec<String>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertPolicy {
    pub(super) fn new(
        authority: Option<Authority>,
        mandatory: bool,
        allowed_sans: Option<Vec<String>>,
        provider: &CryptoProvider,
    ) -> Self {
        Self { authority, mandatory, allowed_sans, algorithms: provider.signature_verification_algorithms }
    }
}

/// Verifies that a certificate was issued by a trusted one, or is a trusted one.
#[derive(Debug)]
pub(super) struct Authority {
    /// The certificates of `client_ca_file`.
    pub(super) trusted: Vec<CertificateDer<'static>>,
    /// Verifies chains; without it, no issuer is trusted.
    pub(super) issuers: Option<Arc<dyn ClientCertVerifier>>,
}

impl Authority {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // As in Go, a self-signed certificate may be its own authority; rustls does not accept authorities as clients.
        if self.trusted.iter().any(|trusted| trusted == end_entity) {
            return check_trusted(end_entity, now);
        }
        match &self.issuers {
            Some(issuers) => issuers.verify_client_cert(end_entity, intermediates, now).map(drop),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }
}

/// What a chain of one trusted certificate leaves to check: its validity, and whether it is for clients.
fn check_trusted(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if seconds < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if seconds > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    let usage = certificate.extended_key_usage().map_err(|_| CertificateError::BadEncoding)?;
    match usage {
        Some(usage) if !(usage.value.client_auth || usage.value.any) => Err(CertificateError::InvalidPurpose.into()),
        _ => Ok(()),
    }
}

impl ClientCertVerifier for ClientCertPolicy {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        let issuers = self.authority.as_ref().and_then(|authority| authority.issuers.as_ref());
        issuers.map_or(&[], |issuers| issuers.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(authority) = &self.authority {
            authority.verify(end_entity, intermediates, now)?;
        }
        let Some(allowed) = &self.allowed_sans else { return Ok(ClientCertVerified::assertion()) };
        let names = subject_alternative_names(end_entity).ok_or(CertificateError::BadEncoding)?;
        if names.iter().any(|name| allowed.contains(name)) {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// DNS names, e-mail addresses, IP addresses and URIs, compared exactly, as in the toolkit. `None` if it is not a certificate.
fn subject_alternative_names(certificate: &[u8]) -> Option<Vec<String>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let Some(extension) = certificate.subject_alternative_name().ok()? else { return Some(Vec::new()) };
    let name = |general: &GeneralName<'_>| match general {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some((*text).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|address| address.to_string())
        }
        _ => None,
    };
    Some(extension.value.general_names.iter().filter_map(name).collect())
}
