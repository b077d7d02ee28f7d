//! `tls_config`, with Prometheus' keys.

use rustls::pki_types::ServerName;

use super::file::FileKind;
use crate::client_tls::{ClientIdentity, ClientTls, MAX_PEM_BYTES};
use crate::yaml::{Decoder, Node};

/// `tls_config`. Default: the system's trust store, no client certificate.
pub(super) fn decode_tls(d: &mut Decoder<'_>, node: &Node) -> Option<ClientTls> {
    let fields = d.fields(node, &["ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify"])?;
    let certificate = |d: &mut Decoder<'_>, node: &Node| d.existing_file(node, FileKind::Certificate, MAX_PEM_BYTES);
    let ca_file = d.optional(&fields, "ca_file", certificate);
    let cert_file = d.optional(&fields, "cert_file", certificate);
    let key_file =
        d.optional(&fields, "key_file", |d, node| d.existing_file(node, FileKind::PrivateKey, MAX_PEM_BYTES));
    for (present, absent) in [("cert_file", "key_file"), ("key_file", "cert_file")] {
        if fields.has(present) && !fields.has(absent) {
            let at = fields.position_of(present);
            d.under_key(present, |d| d.mistake(at, || format!("needs {absent}, which is not set")));
        }
    }
    Some(ClientTls {
        ca_file,
        identity: cert_file.zip(key_file).map(|(cert_file, key_file)| ClientIdentity { cert_file, key_file }),
        server_name: d.optional(&fields, "server_name", server_name),
        insecure_skip_verify: d.optional(&fields, "insecure_skip_verify", |d, node| d.boolean(node)).unwrap_or(false),
    })
}

fn server_name(d: &mut Decoder<'_>, node: &Node) -> Option<ServerName<'static>> {
    let name = ServerName::try_from(d.text(node, "a host name")?.to_owned());
    if name.is_err() {
        d.invalid(node, "server name", "expected a host name or an IP address");
    }
    name.ok()
}
