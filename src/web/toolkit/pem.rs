//! PEM texts of `tls_server_config`, inline or in a file.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::client_tls::MAX_PEM_BYTES;
use crate::input::{FileStamps, read_bounded};
use crate::yaml::{Decoder, Fields, Node};

/// PEM text and its origin.
pub(super) enum Pem<'t> {
    Absent,
    /// A mistake, already reported.
    Unreadable,
    Text {
        key: &'static str,
        node: &'t Node,
        pem: Vec<u8>,
    },
}

impl<'t> Pem<'t> {
    /// Reads the file, or else the inline text. If both are set, the file applies, as in the toolkit.
    pub(super) fn decode(
        d: &mut Decoder<'_>,
        fields: &Fields<'t>,
        inline: &'static str,
        file: &'static str,
        files: &mut FileStamps,
    ) -> Self {
        let pem = match (fields.get(inline), fields.get(file)) {
            (None, None) => return Self::Absent,
            (Some(node), None) => d.under_key(inline, |d| {
                let pem = d.text(node, "PEM text")?.as_bytes().to_vec();
                Some(Self::Text { key: inline, node, pem })
            }),
            (both, Some(node)) => d.under_key(file, |d| {
                if both.is_some() {
                    d.warning(node.at, || format!("{inline} is also set, and ignored"));
                }
                let path = d.directory.join(d.text(node, "the path of a file")?);
                files.record(&path);
                match read_bounded(&path, MAX_PEM_BYTES) {
                    Ok(pem) => Some(Self::Text { key: file, node, pem }),
                    Err(error) => {
                        d.mistake(node.at, || format!("cannot read {:?}: {error}", path.display().to_string()));
                        None
                    }
                }
            }),
        };
        pem.unwrap_or(Self::Unreadable)
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(super) fn certificates(&self, d: &mut Decoder<'_>) -> Option<Vec<CertificateDer<'static>>> {
        let Self::Text { key, node, pem } = self else { return None };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        if chain.is_none() {
            d.under_key(*key, |d| {
                d.mistake(node.at, || "no valid certificate in PEM format (`-----BEGIN CERTIFICATE-----`)".to_owned());
            });
        }
        chain
    }

    pub(super) fn private_key(&self, d: &mut Decoder<'_>) -> Option<PrivateKeyDer<'static>> {
        let Self::Text { key, node, pem } = self else { return None };
        let private_key = PrivateKeyDer::from_pem_slice(pem).ok();
        if private_key.is_none() {
            d.under_key(*key, |d| {
                d.mistake(node.at, || {
                    "no valid unencrypted private key in PEM format (`-----BEGIN PRIVATE KEY-----`)".to_owned()
                });
            });
        }
        private_key
    }
}
