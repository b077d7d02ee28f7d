//! How a connection is secured: Prometheus' own `tls_config`.

use std::path::PathBuf;

use super::decoder::{Decoder, shown};
use super::file::Kind;
use super::tree::Node;

/// The most bytes of a certificate file: a whole system trust store fits.
const MAX_PEM_BYTES: u64 = 1 << 20;

/// `tls_config`. Left out: the system's trust store, no client certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// `ca_file`: trusts these certificates instead of the system's. PEM. Default: none.
    pub ca_file: Option<PathBuf>,
    /// `cert_file`: the client's certificate, PEM; goes with `key_file`. Default: none.
    pub cert_file: Option<PathBuf>,
    /// `key_file`: the client's private key, PEM; goes with `cert_file`. Default: none.
    pub key_file: Option<PathBuf>,
    /// `server_name`: the name that the server's certificate must carry. Default: the host of the URL.
    pub server_name: Option<String>,
    /// `insecure_skip_verify`: believe any certificate. Default: false.
    pub insecure_skip_verify: bool,
}

impl TlsConfig {
    pub(super) fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, &["ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify"])?;
        let certificate = |d: &mut Decoder<'_>, node: &Node| d.existing_file(node, Kind::Certificate, MAX_PEM_BYTES);
        let tls = Self {
            ca_file: d.optional(&fields, "ca_file", certificate),
            cert_file: d.optional(&fields, "cert_file", certificate),
            key_file: d.optional(&fields, "key_file", |d, node| d.existing_file(node, Kind::PrivateKey, MAX_PEM_BYTES)),
            server_name: d.optional(&fields, "server_name", server_name),
            insecure_skip_verify: d
                .optional(&fields, "insecure_skip_verify", |d, node| d.boolean(node))
                .unwrap_or(false),
        };
        for (present, absent) in [("cert_file", "key_file"), ("key_file", "cert_file")] {
            if fields.has(present) && !fields.has(absent) {
                let at = fields.position_of(present);
                d.under_key(present, |d| d.mistake(at, || format!("goes with {absent}, which is missing")));
            }
        }
        Some(tls)
    }
}

fn server_name(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.text(node, "a host name")?;
    match url::Host::parse(text) {
        Ok(_) => Some(text.to_owned()),
        Err(_) => {
            d.mistake(node.at, || format!("{} is not a host name", shown(text)));
            None
        }
    }
}
