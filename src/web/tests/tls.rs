use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Identity};
use tempfile::TempDir;

use super::*;

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and key in PEM form.
    pub(super) fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    pub(super) fn serve_in(&self, folder: &TempDir) {
        let (certificate, key) = self.issue("localhost");
        fs::write(folder.path().join("key.pem"), key).unwrap();
        fs::write(folder.path().join("cert.pem"), certificate).unwrap();
        fs::write(folder.path().join("ca.pem"), &self.pem).unwrap();
    }

    pub(super) fn client(&self) -> reqwest::ClientBuilder {
        client().tls_certs_only([Certificate::from_pem(self.pem.as_bytes()).unwrap()])
    }

    pub(super) fn identity(&self, name: &str) -> Identity {
        let (certificate, key) = self.issue(name);
        Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap()
    }
}

pub(super) const PLAIN: &str = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n";

pub(super) fn config(folder: &TempDir, text: &str) -> std::path::PathBuf {
    let path = folder.path().join("web.yml");
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn https_is_served_with_paths_beside_the_file() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.serve_in(&folder);
    let server = Server::start(Some(&config(&folder, PLAIN))).await;
    let trusting = authority.client().build().unwrap();
    let answer = trusting.get(server.url("https", "/metrics")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "metrics\n");
    let stranger = Authority::new().client().build().unwrap();
    assert!(stranger.get(server.url("https", "/metrics")).send().await.is_err());
}

#[tokio::test]
async fn a_rotated_certificate_is_served_without_a_restart_and_a_broken_one_is_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    old.serve_in(&folder);
    let server = Server::start(Some(&config(&folder, PLAIN))).await;
    let (trusts_old, trusts_new) = (old.client().build().unwrap(), new.client().build().unwrap());
    let url = server.url("https", "/metrics");
    assert!(trusts_new.get(&url).send().await.is_err());
    new.serve_in(&folder);
    trusts_new.get(&url).send().await.unwrap();
    assert!(trusts_old.get(&url).send().await.is_err());
    fs::write(folder.path().join("cert.pem"), "half a certif").unwrap();
    trusts_new.get(&url).send().await.unwrap();
}

#[tokio::test]
async fn a_client_certificate_is_required_and_its_names_are_compared() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.serve_in(&folder);
    let text = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_ca_file: ca.pem\n  \
                client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [prometheus.local, 10.0.0.1]\n";
    let server = Server::start(Some(&config(&folder, text))).await;
    let url = server.url("https", "/-/healthy");
    let ask = async |identity: Option<Identity>| {
        let mut builder = authority.client();
        if let Some(identity) = identity {
            builder = builder.identity(identity);
        }
        builder.build().unwrap().get(&url).send().await.is_ok()
    };
    assert!(ask(Some(authority.identity("prometheus.local"))).await);
    assert!(ask(Some(authority.identity("10.0.0.1"))).await);
    assert!(!ask(None).await);
    assert!(!ask(Some(authority.identity("other.local"))).await);
    assert!(!ask(Some(Authority::new().identity("prometheus.local"))).await);
}

#[tokio::test]
async fn any_or_no_client_certificate_does_where_the_file_says_so() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.serve_in(&folder);
    for (kind, without, with_any) in [
        ("RequestClientCert", true, true),
        ("RequireAnyClientCert", false, true),
        ("VerifyClientCertIfGiven", true, false),
    ] {
        let ca = if kind.starts_with("Verify") { ", client_ca_file: ca.pem" } else { "" };
        let text =
            format!("tls_server_config: {{cert_file: cert.pem, key_file: key.pem, client_auth_type: {kind}{ca}}}");
        let server = Server::start(Some(&config(&folder, &text))).await;
        let url = server.url("https", "/metrics");
        let bare = authority.client().build().unwrap();
        assert_eq!(bare.get(&url).send().await.is_ok(), without, "{kind}");
        let stranger = authority.client().identity(Authority::new().identity("x")).build().unwrap();
        assert_eq!(stranger.get(&url).send().await.is_ok(), with_any, "{kind}");
    }
}

#[tokio::test]
async fn versions_suites_curves_and_inline_certificates_are_taken() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    let indent = |pem: &str| pem.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let text = format!(
        "tls_server_config:\n  cert: |\n{}  key: |\n{}  min_version: TLS12\n  max_version: TLS12\n  cipher_suites: \
         [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  curve_preferences: [CurveP256]\n",
        indent(&certificate),
        indent(&key)
    );
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Some(&config(&folder, &text))).await;
    let url = server.url("https", "/metrics");
    authority.client().build().unwrap().get(&url).send().await.unwrap();
    let modern = authority.client().tls_version_min(reqwest::tls::Version::TLS_1_3).build().unwrap();
    assert!(modern.get(&url).send().await.is_err());
}
