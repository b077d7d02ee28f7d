//! Builds the server's TLS configuration from `tls_server_config`.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{ServerConfig, SupportedCipherSuite};

use super::client_auth::{ClientAuth, Verifier};
use super::pem::Pem;
use super::settings::boolean;
use super::tls_names;
use crate::input::FileStamps;
use crate::yaml::{Decoder, Node};

const KEYS: &[&str] = &[
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];

/// As in the toolkit, these keys count as absent where their text is empty.
const OPTIONAL_TEXTS: &[&str] =
    &["cert", "key", "client_ca", "cert_file", "key_file", "client_auth_type", "client_ca_file"];

/// Reads the section and the files that it names, and records their stamps. `None` if TLS is not requested, or after a
/// mistake.
pub(super) fn decode(
    d: &mut Decoder<'_>,
    node: &Node,
    http2: bool,
    files: &mut FileStamps,
) -> Option<Arc<ServerConfig>> {
    let fields = d.fields(node, KEYS)?.without_nulls().without_empty(OPTIONAL_TEXTS);
    let certificate = Pem::decode(d, &fields, "cert", "cert_file", files);
    let key = Pem::decode(d, &fields, "key", "key_file", files);
    let client_ca = Pem::decode(d, &fields, "client_ca", "client_ca_file", files);
    let auth = ClientAuth::decode(d, &fields);
    let versions = tls_names::versions(d, &fields);
    let suites = tls_names::cipher_suites(d, &fields);
    let groups = tls_names::curves(d, &fields);
    let prefer_server = d.optional(&fields, "prefer_server_cipher_suites", boolean).unwrap_or(true);

    let requested =
        [&certificate, &key, &client_ca].into_iter().any(|pem| !pem.is_absent()) || fields.has("client_auth_type");
    if !requested {
        return None;
    }
    for (pem, file, inline) in [(&certificate, "cert_file", "cert"), (&key, "key_file", "key")] {
        if pem.is_absent() {
            d.under_key(file, |d| {
                d.mistake(fields.at, || format!("required key is missing; set it, or {inline} with the PEM text"));
            });
        }
    }
    let chain = certificate.certificates(d);
    let key = key.private_key(d);
    if suites.as_ref().is_some_and(Vec::is_empty) {
        let at = fields.position_of("cipher_suites");
        let only_tls12 = versions.as_ref().is_some_and(|versions| !versions.contains(&&rustls::version::TLS13));
        d.under_key("cipher_suites", |d| match only_tls12 {
            true => {
                d.mistake(at, || "none of these cipher suites is supported; remove the list for the default".to_owned())
            }
            false => d.warning(at, || "no cipher suite of TLS 1.2 remains; only TLS 1.3 is served".to_owned()),
        });
    }
    let provider = Arc::new(provider(suites, groups));
    let verifier = auth.and_then(|auth| auth.verifier(d, &fields, &client_ca, &provider));
    let (chain, key, verifier, versions) = (chain?, key?, verifier?, versions?);

    let builder = match ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions) {
        Ok(builder) => builder,
        Err(error) => {
            d.mistake(node.at, || {
                format!("min_version, max_version, cipher_suites and curve_preferences exclude each other: {error}")
            });
            return None;
        }
    };
    let builder = match verifier {
        Verifier::None => builder.with_no_client_auth(),
        Verifier::Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    match builder.with_single_cert(chain, key) {
        Ok(mut config) => {
            config.ignore_client_order = prefer_server;
            config.alpn_protocols = if http2 { vec![b"h2".to_vec()] } else { Vec::new() };
            config.alpn_protocols.push(b"http/1.1".to_vec());
            Some(Arc::new(config))
        }
        Err(error) => {
            d.mistake(node.at, || format!("cannot use the certificate with the key: {error}"));
            None
        }
    }
}

fn provider(
    suites: Option<Vec<SupportedCipherSuite>>,
    groups: Option<Vec<&'static dyn SupportedKxGroup>>,
) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(mut suites) = suites {
        // As in the toolkit, the list is for TLS 1.2 and leaves TLS 1.3 unchanged, unless it names a suite of TLS 1.3.
        if !suites.iter().any(|suite| suite.tls13().is_some()) {
            let modern = provider.cipher_suites.iter().filter(|suite| suite.tls13().is_some());
            suites.extend(modern.copied());
        }
        provider.cipher_suites = suites;
    }
    if let Some(groups) = groups.filter(|groups| !groups.is_empty()) {
        provider.kx_groups = groups;
    }
    provider
}
