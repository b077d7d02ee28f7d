//! Builds the rustls configuration.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::settings::{ClientTls, MAX_PEM_BYTES};
use crate::input::read_bounded;

/// Why the TLS settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientTlsError {
    /// A file cannot be read.
    #[error("cannot read {what} from {}", path.display())]
    Read {
        /// What it should contain.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file does not contain what it should.
    #[error("no valid {what} in PEM format in {}", path.display())]
    Pem {
        /// What it should contain.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: PemError,
    },
    /// Certificate and key do not belong together.
    #[error("cannot use the client certificate {} with the key {}", cert_file.display(), key_file.display())]
    Identity {
        /// The certificate.
        cert_file: PathBuf,
        /// The key.
        key_file: PathBuf,
        /// The TLS library's error; boxed, because it would make every result of `app` large.
        #[source]
        source: Box<rustls::Error>,
    },
    /// The certificates of `ca_file` cannot be used.
    #[error("cannot trust the certificates in {}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system's trust store cannot be used.
    #[error(
        "cannot load the trusted certificates of the system; install them (package ca-certificates) or set ca_file"
    )]
    SystemTrustStore(#[source] rustls::Error),
    /// The TLS library rejects the protocol versions.
    #[error("cannot set up TLS")]
    Protocol(#[source] rustls::Error),
}

/// A configuration that trusts no certificate: for clients that only speak plain HTTP. It needs no system trust store,
/// which a minimal container does not have.
///
/// # Errors
/// When the TLS library rejects its own defaults.
pub fn without_trust() -> Result<ClientConfig, ClientTlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(ClientTlsError::Protocol)?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

impl ClientTls {
    /// Reads the files and builds the configuration, with ALPN for HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// When a file cannot be read or used, or the system has no trust store.
    pub fn rustls_config(&self) -> Result<ClientConfig, ClientTlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(ClientTlsError::Protocol)?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(provider)?);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (cert_file, key_file) = (identity.cert_file.clone(), identity.key_file.clone());
                let what = "private key";
                let pem = read(what, &key_file)?;
                let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|source| ClientTlsError::Pem {
                    what,
                    path: key_file.clone(),
                    source,
                })?;
                builder
                    .with_client_auth_cert(certificates(&cert_file)?, key)
                    .map_err(|source| ClientTlsError::Identity { cert_file, key_file, source: Box::new(source) })?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, ClientTlsError> {
        if self.insecure_skip_verify {
            return Ok(Arc::new(AnyCertificate(provider)));
        }
        let trusted: Arc<dyn ServerCertVerifier> = match &self.ca_file {
            None => {
                Arc::new(rustls_platform_verifier::Verifier::new(provider).map_err(ClientTlsError::SystemTrustStore)?)
            }
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| ClientTlsError::CaFile { path: path.clone(), source: error.into() })?;
                }
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| ClientTlsError::CaFile { path: path.clone(), source: error.into() })?
            }
        };
        Ok(match &self.server_name {
            None => trusted,
            Some(name) => Arc::new(ByName { inner: trusted, name: name.clone() }),
        })
    }
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, ClientTlsError> {
    read_bounded(path, MAX_PEM_BYTES).map_err(|source| ClientTlsError::Read { what, path: path.to_owned(), source })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientTlsError> {
    let what = "certificates";
    let pem = read(what, path)?;
    let error = |source| ClientTlsError::Pem { what, path: path.to_owned(), source };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(error)?;
    if certificates.is_empty() { Err(error(PemError::NoItemsFound)) } else { Ok(certificates) }
}

/// Verifies against a fixed name instead of the connection's.
#[derive(Debug)]
struct ByName {
    inner: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for ByName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Accepts any certificate whose owner has the private key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
