//! `tls_server_config` becomes a rustls configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::client_cert::ClientCertPolicy;
use super::decode::{Mistakes, Section, Text};
use crate::input::FileStamp;

const KEYS: [&str; 13] = [
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

/// Reads the section and the files that it names; relative paths are below `folder`, the file's own. Paths read are
/// added to `files`, so that a change of theirs is seen. `None` when TLS is not wanted, or not possible (a mistake).
pub(super) fn decode(
    section: &Section,
    folder: &Path,
    http2: bool,
    files: &mut Vec<(PathBuf, Option<FileStamp>)>,
    mistakes: &mut Mistakes,
) -> Option<Arc<ServerConfig>> {
    section.only(&KEYS, mistakes);
    let certificate = source(section, "cert", "cert_file", folder, files, mistakes);
    let key = source(section, "key", "key_file", folder, files, mistakes);
    let client_ca = source(section, "client_ca", "client_ca_file", folder, files, mistakes);
    let policy = client_policy(section, mistakes);
    let versions = versions(section, mistakes);
    let suites = section.list("cipher_suites", mistakes).map(|names| cipher_suites(&names, mistakes));
    let groups = section.list("curve_preferences", mistakes).map(|names| curves(&names, mistakes));
    let prefer_server = section.flag("prefer_server_cipher_suites", true, mistakes);

    let wanted = [&certificate, &key, &client_ca].into_iter().any(|source| !matches!(source, Pem::Absent))
        || policy.auth_type.is_some();
    if !wanted {
        return None;
    }
    for (pem, name) in [(&certificate, "cert"), (&key, "key")] {
        if matches!(pem, Pem::Absent) {
            mistakes.add(
                section.line,
                format!("tls_server_config: {name}_file is missing; TLS needs it, or `{name}` inline"),
            );
        }
    }
    let chain = certificate.certificates(mistakes);
    let key = key.private_key(mistakes);
    let provider = Arc::new(provider(suites, groups));
    let verifier = policy.verifier(&client_ca, section, &provider, mistakes);
    let (chain, key, verifier, versions) = (chain?, key?, verifier?, versions?);

    let builder = match ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions) {
        Ok(builder) => builder,
        Err(error) => {
            mistakes.add(
                section.line,
                format!(
                    "tls_server_config: versions, cipher_suites and curve_preferences leave nothing to speak: {error}"
                ),
            );
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
            mistakes.add(section.line, format!("tls_server_config: certificate and key do not serve: {error}"));
            None
        }
    }
}

/// PEM text and where it comes from.
enum Pem {
    Absent,
    /// A mistake, already reported.
    Unreadable,
    Text {
        line: usize,
        key: String,
        pem: Vec<u8>,
    },
}

impl Pem {
    fn certificates(&self, mistakes: &mut Mistakes) -> Option<Vec<CertificateDer<'static>>> {
        let Self::Text { line, key, pem } = self else { return None };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match chain {
            Ok(chain) if !chain.is_empty() => Some(chain),
            _ => {
                mistakes.add(*line, format!("{key}: has no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)"));
                None
            }
        }
    }

    fn private_key(&self, mistakes: &mut Mistakes) -> Option<PrivateKeyDer<'static>> {
        let Self::Text { line, key, pem } = self else { return None };
        match PrivateKeyDer::from_pem_slice(pem) {
            Ok(private_key) => Some(private_key),
            Err(_) => {
                mistakes.add(
                    *line,
                    format!("{key}: has no unencrypted private key in PEM form (`-----BEGIN PRIVATE KEY-----`)"),
                );
                None
            }
        }
    }
}

/// The largest certificate or key file that is read; a chain with room to spare.
const MAX_PEM_BYTES: u64 = 1 << 20;

fn source(
    section: &Section,
    inline: &str,
    file: &str,
    folder: &Path,
    files: &mut Vec<(PathBuf, Option<FileStamp>)>,
    mistakes: &mut Mistakes,
) -> Pem {
    match (section.text(inline, mistakes), section.text(file, mistakes)) {
        (None, None) => Pem::Absent,
        (Some(text), None) => Pem::Text { line: text.line, key: text.key, pem: text.value.into_bytes() },
        (Some(_), Some(text)) => {
            mistakes.add(text.line, format!("{}: stands beside `{inline}`; give one of them", text.key));
            Pem::Unreadable
        }
        (None, Some(text)) => {
            let path = folder.join(&text.value);
            files.push((path.clone(), FileStamp::of(&path)));
            match super::file::read_bounded(&path, MAX_PEM_BYTES) {
                Ok(pem) => Pem::Text { line: text.line, key: text.key, pem },
                Err(error) => {
                    mistakes.add(text.line, format!("{}: `{}` cannot be read: {error}", text.key, path.display()));
                    Pem::Unreadable
                }
            }
        }
    }
}

/// `client_auth_type` and `client_allowed_sans`.
struct ClientPolicy {
    auth_type: Option<Text>,
    allowed_sans: Option<Vec<String>>,
}

enum Verifier {
    None,
    Some(Arc<dyn ClientCertVerifier>),
}

fn client_policy(section: &Section, mistakes: &mut Mistakes) -> ClientPolicy {
    let auth_type = section.text("client_auth_type", mistakes);
    let sans = section.list("client_allowed_sans", mistakes);
    let kind = auth_type.as_ref().map_or("", |text| text.value.as_str());
    if let Some(list) = &sans
        && !matches!(kind, "RequireAnyClientCert" | "RequireClientCert" | "RequireAndVerifyClientCert")
    {
        let line = list.first().map_or(section.line, |text| text.line);
        mistakes.add(line, "tls_server_config.client_allowed_sans: needs client_auth_type RequireAndVerifyClientCert or RequireAnyClientCert; others let clients in without a certificate");
    }
    let allowed_sans = sans.map(|list| list.into_iter().map(|text| text.value).collect());
    ClientPolicy { auth_type, allowed_sans }
}

impl ClientPolicy {
    fn verifier(
        self,
        client_ca: &Pem,
        section: &Section,
        provider: &Arc<CryptoProvider>,
        mistakes: &mut Mistakes,
    ) -> Option<Verifier> {
        let (line, kind) = match &self.auth_type {
            Some(text) => (text.line, text.value.as_str()),
            None => (section.line, "NoClientCert"),
        };
        let (mandatory, verified) = match kind {
            "NoClientCert" => {
                if !matches!(client_ca, Pem::Absent) {
                    mistakes.add(line, "tls_server_config.client_ca_file: stands without a client_auth_type; RequireAndVerifyClientCert is the one that protects");
                    return None;
                }
                return Some(Verifier::None);
            }
            "RequestClientCert" => (false, false),
            // The second spelling is the toolkit's, kept for old files.
            "RequireAnyClientCert" | "RequireClientCert" => (true, false),
            "VerifyClientCertIfGiven" => (false, true),
            "RequireAndVerifyClientCert" => (true, true),
            other => {
                mistakes.add(line, format!("tls_server_config.client_auth_type: `{other}` is none of NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"));
                return None;
            }
        };
        let authority =
            if verified { Some(self.authority(client_ca, line, mandatory, provider, mistakes)?) } else { None };
        let policy = ClientCertPolicy::new(authority, mandatory, self.allowed_sans, provider);
        Some(Verifier::Some(Arc::new(policy)))
    }

    fn authority(
        &self,
        client_ca: &Pem,
        line: usize,
        mandatory: bool,
        provider: &Arc<CryptoProvider>,
        mistakes: &mut Mistakes,
    ) -> Option<Arc<dyn ClientCertVerifier>> {
        if matches!(client_ca, Pem::Absent) {
            mistakes.add(
                line,
                "tls_server_config.client_ca_file: is missing; client_auth_type asks for certificates to be verified",
            );
            return None;
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(client_ca.certificates(mistakes)?);
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let builder = if mandatory { builder } else { builder.allow_unauthenticated() };
        match builder.build() {
            Ok(verifier) => Some(verifier),
            Err(error) => {
                mistakes.add(line, format!("tls_server_config.client_ca_file: cannot verify anyone: {error}"));
                None
            }
        }
    }
}

fn versions(section: &Section, mistakes: &mut Mistakes) -> Option<Vec<&'static SupportedProtocolVersion>> {
    let mut bound = |key: &str, default: u8| match section.text(key, mistakes) {
        None => Some(default),
        Some(text) => match text.value.as_str() {
            "TLS12" => Some(12),
            "TLS13" => Some(13),
            "TLS10" | "TLS11" => {
                mistakes.add(
                    text.line,
                    format!("{}: `{}` is broken and not spoken here; TLS12 or TLS13", text.key, text.value),
                );
                None
            }
            other => {
                mistakes.add(text.line, format!("{}: `{other}` is no version; TLS12 or TLS13", text.key));
                None
            }
        },
    };
    let (min, max) = (bound("min_version", 12), bound("max_version", 13));
    let (min, max) = (min?, max?);
    if min > max {
        mistakes.add(section.line, "tls_server_config.min_version: is above max_version");
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
        // The toolkit's list is one for TLS 1.2; it leaves TLS 1.3 alone. So do we, unless it names one of 1.3.
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

fn cipher_suites(names: &[Text], mistakes: &mut Mistakes) -> Vec<SupportedCipherSuite> {
    // Go calls the suites of TLS 1.3 `TLS_…`, rustls calls them `TLS13_…`.
    let go_name = |suite: &SupportedCipherSuite| format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1);
    let mut suites = Vec::with_capacity(names.len());
    for text in names {
        match aws_lc_rs::ALL_CIPHER_SUITES.iter().find(|suite| go_name(suite) == text.value) {
            Some(suite) => suites.push(*suite),
            None => {
                let known: Vec<_> = aws_lc_rs::ALL_CIPHER_SUITES.iter().map(go_name).collect();
                mistakes.add(
                    text.line,
                    format!("{}: `{}` is not spoken here; one can name {}", text.key, text.value, known.join(", ")),
                );
            }
        }
    }
    suites
}

fn curves(names: &[Text], mistakes: &mut Mistakes) -> Vec<&'static dyn SupportedKxGroup> {
    let known: [(&str, &'static dyn SupportedKxGroup); 4] = [
        ("X25519", aws_lc_rs::kx_group::X25519),
        ("CurveP256", aws_lc_rs::kx_group::SECP256R1),
        ("CurveP384", aws_lc_rs::kx_group::SECP384R1),
        ("X25519MLKEM768", aws_lc_rs::kx_group::X25519MLKEM768),
    ];
    let mut groups = Vec::with_capacity(names.len());
    for text in names {
        match known.iter().find(|(name, _)| *name == text.value) {
            Some((_, group)) => groups.push(*group),
            None => {
                let known = known.map(|(name, _)| name).join(", ");
                mistakes
                    .add(text.line, format!("{}: `{}` is not spoken here; one can name {known}", text.key, text.value));
            }
        }
    }
    groups
}
