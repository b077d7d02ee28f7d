//! The cases of the exporter-toolkit's own test files (prometheus/exporter-toolkit, `web/testdata`, Apache-2.0), one line for
//! each of its 41 files: what the file says, and whether it is accepted. Certificates are made here.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use reqwest::Identity;
use tempfile::TempDir;

use super::tls::{Authority, PLAIN, config};
use super::*;

enum Expected {
    Accepted,
    /// Accepted, with a warning that contains this.
    Warning(&'static str),
    /// An error that contains this, as in the toolkit.
    Error(&'static str),
    /// An error that contains this; the toolkit accepts the file. A difference of `docs/REFERENCE.md`.
    OnlyOurError(&'static str),
    /// Accepted; the toolkit refuses the file.
    OnlyOursAccepts,
}
use Expected::{Accepted, Error, OnlyOurError, OnlyOursAccepts, Warning};

const SERVER: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
const ANY_AUTHORITY: &str = "client_ca_file is not set";
const IF_GIVEN: &str = "  client_auth_type: VerifyClientCertIfGiven\n";
const ALL_SUITES: &str = "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, \
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, \
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256, \
    TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, \
    TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA]\n";
const HTTP1_SUITE: &str = "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n  max_version: TLS12\n";

fn cases(certificate: &str, key: &str) -> Vec<(&'static str, String, Expected)> {
    let indent = |pem: &str| pem.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let (inline_certificate, inline_key) = (indent(certificate), indent(key));
    let server = |rest: &str| format!("{SERVER}{rest}");
    let if_given = |rest: &str| format!("{SERVER}{IF_GIVEN}{rest}");
    let header = |name: &str, value: &str| format!("http_server_config: {{headers: {{{name}: {value}}}}}\n");
    let user = |name: &str| format!("  {name}: {}\n", bcrypt::hash(name, 4).unwrap());
    let users = ["alice", "bob", "carol", "dave"].map(user).concat();
    vec![
        ("requireandverifyclientcert.good", server("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: own.pem\n"), Accepted),
        ("requireanyclientcert.good", server("  client_auth_type: RequireAnyClientCert\n"), Accepted),
        ("requireanyclientcertkeyinline.good", format!("tls_server_config:\n  cert_file: server.crt\n  key: |\n{inline_key}  client_auth_type: RequireAnyClientCert\n"), Accepted),
        ("auth_clientCAs_invalid.bad", server("  client_ca_file: somefile\n"), Error("client_ca_file: cannot read")),
        ("auth_clientCAs_missing.bad", server("  client_auth_type: RequireAndVerifyClientCert\n"), Warning(ANY_AUTHORITY)),
        ("auth_client_san.bad", server("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: own.pem\n  client_allowed_sans: [bad]\n"), Accepted),
        ("auth_client_san.good", server("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: own.pem\n  client_allowed_sans: [one, test3, two]\n"), Accepted),
        ("auth_user_list_invalid.bad", server("basic_auth_users: {john: doe}\n"), Error("basic_auth_users.john: invalid bcrypt hash")),
        ("empty", String::new(), Accepted),
        ("headers.good", "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1; includeSubDomains\n    X-Content-Type-Options: nosniff\n    X-XSS-Protection: 1\n    Content-Security-Policy: default-src 'self'\n".to_owned(), Accepted),
        ("headers_content_type_options.bad", header("X-Content-Type-Options", "sniff"), Error("expected nosniff")),
        ("headers_extra_header.bad", header("Content-Type", "foo"), Error("this header cannot be set")),
        ("headers_frame_options.bad", header("X-Frame-Options", "foo"), Error("expected deny or sameorigin")),
        ("junk", "hWkNKCp3fvIx3jKnsaBI\nTuEjdwNS8A2vYdFbiKqr\n".to_owned(), Error("expected a mapping")),
        ("junk_key", "tls_server_config: {cert_filse: server.crt}\n".to_owned(), Error("did you mean cert_file?")),
        ("noAuth.bad", server("  client_ca_file: /dev/null\n"), Error("needs client_auth_type")),
        ("noAuth.good.blocking", server("  client_auth_type: RequireAndVerifyClientCert\n"), Warning(ANY_AUTHORITY)),
        ("noAuth.good", if_given(""), Warning(ANY_AUTHORITY)),
        ("noAuth_allCiphers.good", if_given(ALL_SUITES), Warning("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA is not supported, and left out")),
        ("noAuth_allCurves.good", if_given("  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n"), Warning("curve CurveP521 is not supported, and left out")),
        ("noAuth_certPath_empty.bad", "tls_server_config: {cert_file: '', key_file: server.key}\n".to_owned(), Error("cert_file: required key is missing")),
        ("noAuth_certPath_invalid.bad", "tls_server_config: {cert_file: somefile, key_file: server.key}\n".to_owned(), Error("cert_file: cannot read")),
        ("noAuth_certPath_keyPath_empty.bad", "tls_server_config: {cert_file: '', key_file: '', client_auth_type: x}\n".to_owned(), Error("cert_file: required key is missing")),
        ("noAuth_certPath_keyPath_invalid.bad", "tls_server_config: {cert_file: somefile, key_file: somefile}\n".to_owned(), Error("key_file: cannot read")),
        ("noAuth_cert_empty.bad", "tls_server_config: {cert: '', key_file: server.key}\n".to_owned(), Error("cert_file: required key is missing")),
        ("noAuth_inventedCiphers.bad", if_given("  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048]\n"), Error("invalid cipher suite")),
        ("noAuth_inventedCurves.bad", if_given("  curve_preferences: [CurveP257]\n"), Error("invalid curve")),
        ("noAuth_keyPath_empty.bad", "tls_server_config: {cert_file: server.crt, key_file: ''}\n".to_owned(), Error("key_file: required key is missing")),
        ("noAuth_keyPath_invalid.bad", "tls_server_config: {cert_file: server.cert, key_file: somefile}\n".to_owned(), Error("key_file: cannot read")),
        ("noAuth_key_empty.bad", "tls_server_config: {cert_file: server.crt, key: ''}\n".to_owned(), Error("key_file: required key is missing")),
        ("noAuth_noHTTP2.good", if_given(&format!("{HTTP1_SUITE}http_server_config: {{http2: false}}\n")), Warning(ANY_AUTHORITY)),
        ("noAuth_noHTTP2Cipher.bad", if_given(HTTP1_SUITE), OnlyOursAccepts),
        ("noAuth_someCiphers.good", if_given("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n  min_version: TLS12\n  max_version: TLS12\n"), Warning(ANY_AUTHORITY)),
        ("noAuth_someCiphers_noOrder.good", if_given("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n  prefer_server_cipher_suites: false\n  min_version: TLS12\n  max_version: TLS12\n"), Warning(ANY_AUTHORITY)),
        ("noAuth_someCurves.good", if_given("  min_version: TLS13\n  curve_preferences: [CurveP521]\n"), OnlyOurError("none of these curves is supported; supported are X25519")),
        ("noAuth_tlsInline.good", format!("tls_server_config:\n  cert: |\n{inline_certificate}  key: |\n{inline_key}"), Accepted),
        ("noAuth_wrongTLSVersion.bad", if_given("  min_version: TLS111\n"), Error("invalid TLS version")),
        ("rate_limiter_nonblocking", "rate_limit: {interval: 0, burst: 0}\n".to_owned(), Accepted),
        ("rate_limiter_one_second", "rate_limit: {interval: \"1s\", burst: 0}\n".to_owned(), Warning("every request except health checks is rejected")),
        ("users.good", server(&format!("basic_auth_users:\n{users}")), Accepted),
        ("users_noTLS.good", format!("basic_auth_users:\n{users}"), Accepted),
    ]
}

fn serve_in(folder: &TempDir) -> (String, String) {
    let (certificate, key) = Authority::new().issue("localhost");
    fs::write(folder.path().join("server.crt"), &certificate).unwrap();
    fs::write(folder.path().join("server.key"), &key).unwrap();
    fs::write(folder.path().join("own.pem"), own_authority(&[]).0).unwrap();
    (certificate, key)
}

#[test]
fn the_files_of_the_toolkit_are_accepted_or_refused_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = serve_in(&folder);
    let cases = cases(&certificate, &key);
    assert_eq!(cases.len(), 41);
    for (name, text, expected) in cases {
        let loaded = WebConfig::load(&config(&folder, &text));
        let (warnings, error) = match loaded {
            Ok(loaded) => (loaded.warnings().join("\n"), None),
            Err(error) => (String::new(), Some(error.to_string())),
        };
        let as_expected = match expected {
            Accepted => error.is_none() && warnings.is_empty(),
            OnlyOursAccepts => error.is_none(),
            Warning(part) => error.is_none() && warnings.contains(part) && warnings.contains("web.yml:"),
            Error(part) | OnlyOurError(part) => error.as_ref().is_some_and(|error| error.contains(part)),
        };
        assert!(as_expected, "{name}: error {error:?}, warnings {warnings:?}\n{text}");
    }
}

/// Files that the toolkit also accepts, with the warning that each causes here.
#[test]
fn more_that_the_toolkit_accepts_is_accepted_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (_, key) = serve_in(&folder);
    let inline = key.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let server = |rest: &str| format!("{SERVER}{rest}");
    for (text, warning) in [
        (
            server("  min_version: TLS10\n"),
            "web.yml:4:16: tls_server_config.min_version: TLS 1.0 and 1.1 are not supported",
        ),
        (server("  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n"), "only TLS 1.3 is served"),
        (server(&format!("  key: |\n{inline}")), "key is also set, and ignored"),
        (
            server("  client_auth_type: RequestClientCert\n  client_allowed_sans: [a]\n"),
            "clients without a certificate are rejected",
        ),
        ("rate_limit: {interval: 1s}\n".to_owned(), "rate_limit.burst: 0 requests are allowed at once"),
        ("rate_limit: {interval: 1s, burst: -1}\n".to_owned(), "web.yml:1:35: rate_limit.burst: 0 requests"),
    ] {
        let warnings = WebConfig::load(&config(&folder, &text)).unwrap().warnings().join("\n");
        assert!(warnings.contains(warning), "{text}: {warnings}");
    }
    for text in [
        server("  client_auth_type: ''\n  client_ca_file: ''\n"),
        "http_server_config: {http2: no}\n".to_owned(),
        "rate_limit: {interval: -1s}\n".to_owned(),
        "tls_server_config: {min_version: TLS13}\n".to_owned(),
    ] {
        assert_eq!(WebConfig::load(&config(&folder, &text)).unwrap().warnings(), Vec::<String>::new(), "{text}");
    }
    for (text, error) in [
        (server("  max_version: TLS11\n"), "max_version: TLS 1.0 and 1.1 are not supported; expected TLS12 or TLS13"),
        (
            server("  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n  max_version: TLS12\n"),
            "none of these cipher suites is supported",
        ),
        (server("  client_allowed_sans: [a]\n"), "client_allowed_sans: needs client_auth_type"),
        ("basic_auth_users: {admin: }\n".to_owned(), "basic_auth_users.admin: expected a bcrypt hash, got no value"),
        ("rate_limit: {interval: 5}\n".to_owned(), "invalid duration \"5\""),
    ] {
        let message = WebConfig::load(&config(&folder, &text)).unwrap_err().to_string();
        assert!(message.contains(error), "{text}: {message}");
    }
}

#[tokio::test]
async fn burst_0_rejects_every_request_but_health_checks() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Some(&config(&folder, "rate_limit: {interval: 1s, burst: 0}\n"))).await;
    let client = client().build().unwrap();
    assert_eq!(client.get(server.url("http", "/metrics")).send().await.unwrap().status(), 429);
    assert_eq!(client.get(server.url("http", "/-/healthy")).send().await.unwrap().status(), 200);
}

/// A self-signed certificate that is its own authority, as `openssl req -x509` makes it: the certificate, and with its key.
fn own_authority(usages: &[ExtendedKeyUsagePurpose]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["test3".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.extended_key_usages = usages.to_vec();
    let certificate = params.self_signed(&key).unwrap().pem();
    (certificate.clone(), certificate + &key.serialize_pem())
}

#[tokio::test]
async fn a_client_certificate_may_be_its_own_authority() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.serve_in(&folder);
    let (client_auth, server_auth) = (ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth);
    let expired = {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["test3".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        (certificate.clone(), certificate + &key.serialize_pem())
    };
    let known = [own_authority(&[]), own_authority(&[client_auth]), own_authority(&[server_auth]), expired];
    let all = known.iter().map(|(certificate, _)| certificate.as_str()).collect::<String>();
    fs::write(folder.path().join("ca.pem"), all).unwrap();
    let text = format!(
        "{}\n",
        PLAIN.trim_end().replace('}', ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}")
    );
    let server = Server::start(Some(&config(&folder, &text))).await;
    let is_accepted = async |with_key: &str| {
        let client = authority.client().identity(Identity::from_pem(with_key.as_bytes()).unwrap()).build().unwrap();
        client.get(server.url("https", "/metrics")).send().await.is_ok()
    };
    let mut accepted = Vec::new();
    for (_, with_key) in known.iter().chain([&own_authority(&[])]) {
        accepted.push(is_accepted(with_key).await);
    }
    assert_eq!(accepted, [true, true, false, false, false], "plain, for clients, for servers, expired, unknown");
}

#[tokio::test]
async fn names_of_a_certificate_are_required_even_if_the_certificate_is_not() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.serve_in(&folder);
    let text = PLAIN.trim_end().replace('}', ", client_auth_type: RequestClientCert, client_allowed_sans: [good]}");
    let server = Server::start(Some(&config(&folder, &text))).await;
    let url = server.url("https", "/metrics");
    assert!(authority.client().build().unwrap().get(&url).send().await.is_err());
    for (name, accepted) in [("good", true), ("bad", false)] {
        let client = authority.client().identity(authority.identity(name)).build().unwrap();
        assert_eq!(client.get(&url).send().await.is_ok(), accepted, "{name}");
    }
}
