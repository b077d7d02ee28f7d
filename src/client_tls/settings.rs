//! The settings.

use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;

use crate::input::FileStamps;

/// The maximum size of a certificate or key file in bytes: a system's whole trust store fits.
pub const MAX_PEM_BYTES: u64 = 1 << 20;

/// How the server is verified, and how the client identifies itself. Default: the system's trust store, no certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// `ca_file`: trusts these certificates instead of the system's. PEM. Default: none.
    pub ca_file: Option<PathBuf>,
    /// `cert_file` and `key_file`: the client certificate. Default: none.
    pub identity: Option<ClientIdentity>,
    /// `server_name`: the name that the server's certificate must have. Default: the host of the URL.
    pub server_name: Option<ServerName<'static>>,
    /// `insecure_skip_verify`: accepts any certificate. Default: false.
    pub insecure_skip_verify: bool,
}

/// A client certificate with its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// `cert_file`: the certificate and its chain, PEM.
    pub cert_file: PathBuf,
    /// `key_file`: the private key, PEM.
    pub key_file: PathBuf,
}

impl ClientTls {
    /// The current stamps of all files that the settings name.
    pub fn stamps(&self) -> FileStamps {
        let identity = self.identity.iter().flat_map(|identity| [&identity.cert_file, &identity.key_file]);
        FileStamps::of(self.ca_file.iter().chain(identity).map(Path::new))
    }
}
