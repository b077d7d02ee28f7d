//! The TLS handshake, with the settings of the exporter's own calls.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::certificate::Certificate;
use super::network::{Peer, STEP_TIMEOUT};
use super::step::Failure;
use super::times::{distance, rfc3339, rounded};
use crate::client_tls::ClientTls;
use crate::model::{Timestamp, error_chain};

/// A certificate that expires sooner gets a remark, in days.
const EXPIRES_SOON_DAYS: u64 = 14;

/// A connection: plain, or with one or two layers of TLS.
pub(super) type Stream = Box<dyn Connection>;

/// What a connection can do.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// Shakes hands over a connection to `peer`. Returns what was seen, and whether the certificate expires soon.
pub(super) async fn handshake(
    stream: Stream,
    peer: &Peer,
    tls: &ClientTls,
    now: Timestamp,
) -> Result<(Stream, String, bool), Failure> {
    let authority = peer.authority();
    let config = tls.rustls_config().map_err(|error| {
        Failure::ours(error_chain(&error), "correct the files of tls_config, or install the package ca-certificates")
    })?;
    let name = ServerName::try_from(peer.host.clone()).map_err(|_| {
        Failure::ours(format!("{:?} cannot be the name of a TLS server", peer.host), format!("correct {}", peer.key))
    })?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = match tokio::time::timeout(STEP_TIMEOUT, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(explain(&error, &authority, peer, tls, now)),
        Err(_) => {
            return Err(Failure::theirs(
                format!(
                    "{authority} accepts connections but does not answer a TLS handshake within {} s",
                    STEP_TIMEOUT.as_secs()
                ),
                format!("is {} https? The server may speak plain HTTP, or a firewall swallows the handshake", peer.key),
            ));
        }
    };
    let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate = leaf.and_then(Certificate::parse);
    let mut expires_soon = false;
    let seen = match certificate {
        Some(certificate) => {
            let left = certificate.not_after.since(now);
            expires_soon = left.as_secs() < EXPIRES_SOON_DAYS * 86_400;
            let trust = if tls.insecure_skip_verify { "not verified (insecure_skip_verify)" } else { "trusted" };
            format!(
                "certificate for {}, issued by {}, {trust}, valid until {} (in {})",
                certificate.names,
                certificate.issuer,
                rfc3339(certificate.not_after),
                rounded(left)
            )
        }
        None => format!("{authority} shook hands"),
    };
    Ok((Box::new(stream), seen, expires_soon))
}

/// Whether something that answers a TLS handshake listens there, whatever its certificate is.
pub(super) async fn speaks_tls(stream: TcpStream, peer: &Peer) -> bool {
    let any = ClientTls { insecure_skip_verify: true, ..ClientTls::default() };
    let (Ok(config), Ok(name)) = (any.rustls_config(), ServerName::try_from(peer.host.clone())) else { return false };
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    match tokio::time::timeout(STEP_TIMEOUT, connecting).await {
        Ok(Ok(_)) => true,
        // It refuses this client, but in TLS.
        Ok(Err(error)) => matches!(tls_error(&error), Some(TlsError::AlertReceived(_))),
        Err(_) => false,
    }
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn explain(error: &io::Error, authority: &str, peer: &Peer, tls: &ClientTls, now: Timestamp) -> Failure {
    let key = peer.key;
    match tls_error(error) {
        Some(TlsError::InvalidCertificate(error)) => certificate_problem(error, authority, peer, tls, now),
        Some(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => Failure::ours(
            format!("{authority} does not speak TLS: is {key} https? It answers in plain text"),
            format!("write http:// in {key}, or use the port on which the server speaks TLS"),
        ),
        Some(TlsError::AlertReceived(alert)) => match alert {
            AlertDescription::CertificateRequired | AlertDescription::AccessDenied => Failure::ours(
                format!("{authority} asks for a client certificate"),
                "set cert_file and key_file in tls_config",
            ),
            alert => Failure::theirs(
                format!("{authority} ended the TLS handshake with the alert {alert:?}"),
                "set cert_file and key_file in tls_config if the server expects a client certificate; otherwise ask its operator",
            ),
        },
        Some(error) => Failure::theirs(
            format!("the TLS handshake with {authority} failed: {error}"),
            "ask the operator of the server which TLS versions it supports; TLS 1.2 and 1.3 are supported here",
        ),
        None => Failure::theirs(
            format!("{authority} closed the connection during the TLS handshake: {error}"),
            format!("is {key} https? The server may speak plain HTTP on this port, or something in between blocks TLS"),
        ),
    }
}

fn certificate_problem(
    error: &CertificateError,
    authority: &str,
    peer: &Peer,
    tls: &ClientTls,
    now: Timestamp,
) -> Failure {
    let clock = format!("this machine's clock says {}", rfc3339(now));
    let renew = "renew the certificate of the server; if it is valid, correct this machine's clock";
    let at = |time: &rustls::pki_types::UnixTime| {
        Timestamp::from_millis(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000))
    };
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            let (end, ago) = (rfc3339(at(not_after)), rounded(distance(now, at(not_after))));
            Failure::theirs(format!("the certificate of {authority} expired at {end} ({ago} ago; {clock})"), renew)
        }
        CertificateError::Expired => {
            Failure::theirs(format!("the certificate of {authority} has expired ({clock})"), renew)
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let start = rfc3339(at(not_before));
            Failure::theirs(format!("the certificate of {authority} is not valid before {start} ({clock})"), renew)
        }
        CertificateError::NotValidYet => {
            Failure::theirs(format!("the certificate of {authority} is not valid yet ({clock})"), renew)
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let wanted = wanted_name(peer, tls);
            let names = if presented.is_empty() { "no name".to_owned() } else { presented.join(", ") };
            Failure::ours(
                format!("the certificate of {authority} is not for {wanted:?}, but for {names}"),
                format!("write one of these names into {}, or set server_name in tls_config", peer.key),
            )
        }
        CertificateError::NotValidForName => Failure::ours(
            format!("the certificate of {authority} is not for {:?}", wanted_name(peer, tls)),
            format!("write the server's own name into {}, or set server_name in tls_config", peer.key),
        ),
        // A bad signature: there is a trusted CA of that name, but with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            let trust = match &tls.ca_file {
                Some(file) => format!("ca_file {}", file.display()),
                None => "this system's trusted certificates".to_owned(),
            };
            Failure::ours(
                format!("the certificate of {authority} is issued by an unknown CA: it is not among {trust}"),
                "set ca_file in tls_config to the CA of this server, or of the proxy that inspects TLS",
            )
        }
        other => Failure::theirs(
            format!("the certificate of {authority} is not accepted: {other}"),
            "ask the operator of the server for a valid certificate, or set ca_file in tls_config",
        ),
    }
}

fn wanted_name(peer: &Peer, tls: &ClientTls) -> String {
    tls.server_name.as_ref().map_or_else(|| peer.host.clone(), |name| name.to_str().into_owned())
}
