//! Builds the server's TLS configuration from `tls_server_config`.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::client_cert::ClientCertPolicy;
use super::settings::boolean;
use crate::client_tls::MAX_PEM_BYTES;
use crate::input::{FileStamps, read_bounded};
use crate::yaml::{Decoder, Fields, Node};

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

/// Reads the section and the files that it names, and records their stamps. `None` if TLS is not requested, or after a
/// mistake.
pub(super) fn decode(
    d: &mut Decoder<'_>,
    node: &Node,
    http2: bool,
    files: &mut FileStamps,
) -> Option<Arc<ServerConfig>> {
    let fields = d.fields(node, KEYS)?.without_nulls();
    let certificate = pem(d, &fields, "cert", "cert_file", files);
    let key = pem(d, &fields, "key", "key_file", files);
    let client_ca = pem(d, &fields, "client_ca", "client_ca_file", files);
    let auth = ClientAuth::decode(d, &fields);
    let versions = versions(d, &fields);
    let suites = d.optional(&fields, "cipher_suites", |d, node| d.items(node, cipher_suite));
    let groups = d.optional(&fields, "curve_preferences", |d, node| d.items(node, curve));
    let prefer_server = d.optional(&fields, "prefer_server_cipher_suites", boolean).unwrap_or(true);

    let requested = [&certificate, &key, &client_ca].into_iter().any(|pem| !matches!(pem, Pem::Absent))
        || fields.has("client_auth_type");
    if !requested {
        return None;
    }
    for (pem, file, inline) in [(&certificate, "cert_file", "cert"), (&key, "key_file", "key")] {
        if matches!(pem, Pem::Absent) {
            d.under_key(file, |d| {
                d.mistake(fields.at, || format!("required key is missing; set it, or {inline} with the PEM text"));
            });
        }
    }
    let chain = certificate.certificates(d);
    let key = key.private_key(d);
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

/// PEM text and its origin.
enum Pem<'t> {
    Absent,
    /// A mistake, already reported.
    Unreadable,
    Text {
        key: &'static str,
        node: &'t Node,
        pem: Vec<u8>,
    },
}

impl Pem<'_> {
    fn certificates(&self, d: &mut Decoder<'_>) -> Option<Vec<CertificateDer<'static>>> {
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

    fn private_key(&self, d: &mut Decoder<'_>) -> Option<PrivateKeyDer<'static>> {
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

fn pem<'t>(
    d: &mut Decoder<'_>,
    fields: &Fields<'t>,
    inline: &'static str,
    file: &'static str,
    files: &mut FileStamps,
) -> Pem<'t> {
    let pem = match (fields.get(inline), fields.get(file)) {
        (None, None) => return Pem::Absent,
        (Some(node), None) => d.under_key(inline, |d| {
            let pem = d.text(node, "PEM text")?.as_bytes().to_vec();
            Some(Pem::Text { key: inline, node, pem })
        }),
        (Some(_), Some(node)) => d.under_key(file, |d| {
            d.mistake(node.at, || format!("cannot be combined with {inline}; remove one of them"));
            None
        }),
        (None, Some(node)) => d.under_key(file, |d| {
            let path = d.directory.join(d.text(node, "the path of a file")?);
            files.record(&path);
            match read_bounded(&path, MAX_PEM_BYTES) {
                Ok(pem) => Some(Pem::Text { key: file, node, pem }),
                Err(error) => {
                    d.mistake(node.at, || format!("cannot read {:?}: {error}", path.display().to_string()));
                    None
                }
            }
        }),
    };
    pem.unwrap_or(Pem::Unreadable)
}

/// `client_auth_type`, with the toolkit's names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AuthType {
    NoClientCert,
    RequestClientCert,
    RequireAnyClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

impl AuthType {
    fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        Some(match d.text(node, "a client authentication type")? {
            "NoClientCert" => Self::NoClientCert,
            "RequestClientCert" => Self::RequestClientCert,
            // The second spelling is an old one of the toolkit.
            "RequireAnyClientCert" | "RequireClientCert" => Self::RequireAnyClientCert,
            "VerifyClientCertIfGiven" => Self::VerifyClientCertIfGiven,
            "RequireAndVerifyClientCert" => Self::RequireAndVerifyClientCert,
            _ => {
                d.invalid(
                    node,
                    "client authentication type",
                    "expected NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert",
                );
                return None;
            }
        })
    }

    const fn is_mandatory(self) -> bool {
        matches!(self, Self::RequireAnyClientCert | Self::RequireAndVerifyClientCert)
    }

    const fn verifies(self) -> bool {
        matches!(self, Self::VerifyClientCertIfGiven | Self::RequireAndVerifyClientCert)
    }
}

/// `client_auth_type` and `client_allowed_sans`.
struct ClientAuth {
    kind: AuthType,
    allowed_sans: Option<Vec<String>>,
}

enum Verifier {
    None,
    Some(Arc<dyn ClientCertVerifier>),
}

impl ClientAuth {
    fn decode(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<Self> {
        let allowed_sans = d.optional(fields, "client_allowed_sans", |d, node| {
            d.items(node, |d, node| d.text(node, "a string").map(str::to_owned))
        });
        let kind = match fields.has("client_auth_type") {
            true => d.optional(fields, "client_auth_type", AuthType::decode)?,
            false => AuthType::NoClientCert,
        };
        if allowed_sans.is_some() && !kind.is_mandatory() {
            d.under_key("client_allowed_sans", |d| {
                d.mistake(fields.position_of("client_allowed_sans"), || {
                    "needs client_auth_type RequireAndVerifyClientCert or RequireAnyClientCert: other types accept clients without a certificate".to_owned()
                });
            });
        }
        Some(Self { kind, allowed_sans })
    }

    fn verifier(
        self,
        d: &mut Decoder<'_>,
        fields: &Fields<'_>,
        client_ca: &Pem<'_>,
        provider: &Arc<CryptoProvider>,
    ) -> Option<Verifier> {
        if self.kind == AuthType::NoClientCert {
            if matches!(client_ca, Pem::Absent) {
                return Some(Verifier::None);
            }
            d.under_key("client_ca_file", |d| {
                d.mistake(fields.position_of("client_ca_file"), || {
                    "needs client_auth_type; set it to RequireAndVerifyClientCert to verify clients".to_owned()
                });
            });
            return None;
        }
        let authority = match self.kind.verifies() {
            true => Some(self.authority(d, fields, client_ca, provider)?),
            false => None,
        };
        let policy = ClientCertPolicy::new(authority, self.kind.is_mandatory(), self.allowed_sans, provider);
        Some(Verifier::Some(Arc::new(policy)))
    }

    fn authority(
        &self,
        d: &mut Decoder<'_>,
        fields: &Fields<'_>,
        client_ca: &Pem<'_>,
        provider: &Arc<CryptoProvider>,
    ) -> Option<Arc<dyn ClientCertVerifier>> {
        let problem = if matches!(client_ca, Pem::Absent) {
            "required key is missing; client_auth_type needs it to verify clients".to_owned()
        } else {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(client_ca.certificates(d)?);
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            let builder = if self.kind.is_mandatory() { builder } else { builder.allow_unauthenticated() };
            match builder.build() {
                Ok(verifier) => return Some(verifier),
                Err(error) => format!("cannot verify clients with these certificates: {error}"),
            }
        };
        d.under_key("client_ca_file", |d| d.mistake(fields.position_of("client_ca_file"), || problem));
        None
    }
}

fn versions(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<Vec<&'static SupportedProtocolVersion>> {
    let mut bound = |key: &'static str, default: u8| match fields.has(key) {
        false => Some(default),
        true => d.optional(fields, key, |d, node| match d.text(node, "TLS12 or TLS13")? {
            "TLS12" => Some(12),
            "TLS13" => Some(13),
            "TLS10" | "TLS11" => {
                d.invalid(node, "TLS version", "it is insecure and not supported; expected TLS12 or TLS13");
                None
            }
            _ => {
                d.invalid(node, "TLS version", "expected TLS12 or TLS13");
                None
            }
        }),
    };
    let (min, max) = (bound("min_version", 12), bound("max_version", 13));
    let (min, max) = (min?, max?);
    if min > max {
        let at = fields.position_of("min_version");
        d.under_key("min_version", |d| d.mistake(at, || "min_version must not exceed max_version".to_owned()));
        return None;
    }
    let all = [(12, &rustls::version::TLS12), (13, &rustls::version::TLS13)];
    Some(all.into_iter().filter(|(version, _)| (min..=max).contains(version)).map(|(_, version)| version).collect())
}

fn provider(
    suites: Option<Vec<SupportedCipherSuite>>,
    groups: Option<Vec<&'static dyn SupportedKxGroup>>,
) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(mut suites) = suites.filter(|suites| !suites.is_empty()) {
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

fn cipher_suite(d: &mut Decoder<'_>, node: &Node) -> Option<SupportedCipherSuite> {
    // Go names the suites of TLS 1.3 `TLS_…`, rustls names them `TLS13_…`.
    let go_name = |suite: &SupportedCipherSuite| format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1);
    let name = d.text(node, "the name of a cipher suite")?;
    let suite = aws_lc_rs::ALL_CIPHER_SUITES.iter().find(|suite| go_name(suite) == name).copied();
    if suite.is_none() {
        let known: Vec<_> = aws_lc_rs::ALL_CIPHER_SUITES.iter().map(go_name).collect();
        d.invalid(node, "cipher suite", format_args!("not supported; supported are {}", known.join(", ")));
    }
    suite
}

fn curve(d: &mut Decoder<'_>, node: &Node) -> Option<&'static dyn SupportedKxGroup> {
    let known: [(&str, &'static dyn SupportedKxGroup); 4] = [
        ("X25519", aws_lc_rs::kx_group::X25519),
        ("CurveP256", aws_lc_rs::kx_group::SECP256R1),
        ("CurveP384", aws_lc_rs::kx_group::SECP384R1),
        ("X25519MLKEM768", aws_lc_rs::kx_group::X25519MLKEM768),
    ];
    let name = d.text(node, "the name of a curve")?;
    let group = known.iter().find(|(known, _)| *known == name).map(|(_, group)| *group);
    if group.is_none() {
        d.invalid(
            node,
            "curve",
            format_args!("not supported; supported are {}", known.map(|(name, _)| name).join(", ")),
        );
    }
    group
}
