//! `client_auth_type`, `client_ca_file` and `client_allowed_sans`.

use std::sync::{Arc, LazyLock};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::client_cert::{Authority, ClientCertPolicy};
use super::pem::Pem;
use crate::yaml::{Decoder, Fields, Node};

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
pub(super) struct ClientAuth {
    kind: AuthType,
    allowed_sans: Option<Vec<String>>,
}

/// How clients are verified.
pub(super) enum Verifier {
    None,
    Some(Arc<dyn ClientCertVerifier>),
}

impl ClientAuth {
    pub(super) fn decode(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<Self> {
        let allowed_sans = d.optional(fields, "client_allowed_sans", |d, node| {
            d.items(node, |d, node| d.text(node, "a string").map(str::to_owned))
        });
        let kind = match fields.has("client_auth_type") {
            true => d.optional(fields, "client_auth_type", AuthType::decode)?,
            false => AuthType::NoClientCert,
        };
        if allowed_sans.is_some() && !kind.is_mandatory() {
            let at = fields.position_of("client_allowed_sans");
            d.under_key("client_allowed_sans", |d| match kind {
                AuthType::NoClientCert => d.mistake(at, || {
                    "needs client_auth_type; set it to RequireAndVerifyClientCert to verify clients".to_owned()
                }),
                // In the toolkit the handshake fails in this case, too.
                _ => d.warning(at, || "clients without a certificate are rejected, because it has no name".to_owned()),
            });
        }
        Some(Self { kind, allowed_sans })
    }

    pub(super) fn verifier(
        self,
        d: &mut Decoder<'_>,
        fields: &Fields<'_>,
        client_ca: &Pem<'_>,
        provider: &Arc<CryptoProvider>,
    ) -> Option<Verifier> {
        if self.kind == AuthType::NoClientCert {
            if client_ca.is_absent() {
                return Some(Verifier::None);
            }
            d.under_key("client_ca_file", |d| {
                d.mistake(fields.position_of("client_ca_file"), || {
                    "needs client_auth_type; set it to RequireAndVerifyClientCert to verify clients".to_owned()
                });
            });
            return None;
        }
        let authority = match (self.kind.verifies(), client_ca) {
            (false, _) => None,
            (true, Pem::Absent) => Some(d.under_key("client_auth_type", |d| system_authority(d, fields, provider))),
            (true, given) => Some(given_authority(d, fields, given, provider)?),
        };
        let mandatory = self.kind.is_mandatory() || self.allowed_sans.is_some();
        Some(Verifier::Some(Arc::new(ClientCertPolicy::new(authority, mandatory, self.allowed_sans, provider))))
    }
}

fn given_authority(
    d: &mut Decoder<'_>,
    fields: &Fields<'_>,
    client_ca: &Pem<'_>,
    provider: &Arc<CryptoProvider>,
) -> Option<Authority> {
    let trusted = client_ca.certificates(d)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.iter().cloned());
    match WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build() {
        Ok(issuers) => Some(Authority { trusted, issuers: Some(issuers) }),
        Err(error) => {
            d.under_key("client_ca_file", |d| {
                d.mistake(fields.position_of("client_ca_file"), || {
                    format!("cannot verify clients with these certificates: {error}")
                });
            });
            None
        }
    }
}

/// The system's trusted certificates, and their number. Read once, as in Go.
static SYSTEM_ROOTS: LazyLock<(Arc<RootCertStore>, usize)> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let (count, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    (Arc::new(roots), count)
});

/// As in the toolkit, the system's trusted certificates verify clients where `client_ca_file` is missing.
fn system_authority(d: &mut Decoder<'_>, fields: &Fields<'_>, provider: &Arc<CryptoProvider>) -> Authority {
    let (roots, count) = &*SYSTEM_ROOTS;
    let issuers = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider)).build().ok();
    d.warning(fields.position_of("client_auth_type"), || match count {
        0 => "client_ca_file is not set, and the system has no trusted certificates: every client certificate is rejected"
            .to_owned(),
        _ => format!(
            "client_ca_file is not set: a client certificate of any of the system's {count} trusted authorities is accepted"
        ),
    });
    Authority { trusted: Vec::new(), issuers }
}
