//! `doctor`: what it says about DNS, TCP, proxies and TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use koreai_exporter::fake_upstream::{FakeUpstream, ScriptedJob};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::doctor::{Said, doctor_with};
use crate::support::{Configuration, bot, tenant, upstream};

async fn healthy() -> (FakeUpstream, Configuration) {
    let upstream = upstream(tenant(bot(vec![ScriptedJob::new("ds-1", 10)]))).await;
    let configuration = Configuration::new(&upstream, &["ds-1"]);
    (upstream, configuration)
}

/// `doctor`, with this `base_url` and these keys of the bot.
fn doctor(configuration: &Configuration, base_url: &str, keys: &str) -> Said {
    let configuration = Configuration {
        base_url: base_url.to_owned(),
        bot: keys.to_owned(),
        global: configuration.global.clone(),
        auth: configuration.auth.clone(),
        targets: Vec::new(),
    };
    doctor_with(&configuration.yaml(), &["--bot=support"])
}

/// An address on which nothing listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A certificate, written to a file.
struct Issued {
    der: rustls::pki_types::CertificateDer<'static>,
    key: KeyPair,
}

fn issue(name: &str, expires: Option<i32>, file: &Path) -> Issued {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if let Some(year) = expires {
        (params.not_before, params.not_after) = (date_time_ymd(year - 1, 1, 1), date_time_ymd(year, 1, 1));
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(file, certificate.pem()).unwrap();
    Issued { der: certificate.der().clone(), key }
}

/// Serves TLS before the fake upstream.
async fn serve_tls(issued: Issued, upstream: SocketAddr) -> SocketAddr {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(issued.key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(vec![issued.der], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut upstream = TcpStream::connect(upstream).await.unwrap();
                let _ended = copy_bidirectional(&mut stream, &mut upstream).await;
            });
        }
    });
    address
}

/// A proxy that answers a CONNECT request with this head, and forwards if the head is a success.
async fn serve_proxy(head: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    request.push(byte);
                }
                let request = String::from_utf8(request).unwrap();
                let target = request.split(' ').nth(1).unwrap().to_owned();
                stream.write_all(head.as_bytes()).await.unwrap();
                if head.starts_with("HTTP/1.1 200") {
                    let mut upstream = TcpStream::connect(target).await.unwrap();
                    let _ended = copy_bidirectional(&mut stream, &mut upstream).await;
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve_and_a_refused_port_are_the_networks() {
    let (upstream, configuration) = healthy().await;
    let said = doctor(&configuration, "http://no-such-host.invalid", "");
    said.names(2, "dns", "cannot resolve the host name \"no-such-host.invalid\" of base_url");
    assert_eq!(said.with_state("skipped").len(), 6, "later steps are skipped: {}", said.output);

    let address = nobody().await;
    let said = doctor(&configuration, &format!("https://{address}"), "");
    said.names(2, "tcp", &format!("{address} (base_url) refuses connections: nothing listens on {address}"));
    assert_eq!(upstream.record().calls().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_examined_in_place_of_the_host() {
    let (upstream, configuration) = healthy().await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let tls = serve_tls(issue("127.0.0.1", None, &ca), upstream.address()).await;
    let base_url = format!("https://{tls}");
    let keys = |proxy: &str| format!("    tls_config: {{ca_file: {}}}\n    proxy_url: {proxy}\n", ca.display());

    let address = nobody().await;
    doctor(&configuration, &base_url, &keys(&format!("http://{address}"))).names(
        2,
        "tcp",
        &format!("{address} (proxy_url) refuses connections"),
    );
    let denied = serve_proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let said = doctor(&configuration, &base_url, &keys(&format!("http://user:canary@{denied}")));
    said.names(1, "proxy", "asks for a user and a password (HTTP 407)");
    assert!(!said.output.contains("canary"), "{}", said.output);
    let forbidden = serve_proxy("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    doctor(&configuration, &base_url, &keys(&format!("http://{forbidden}"))).names(
        2,
        "proxy",
        &format!("the proxy {forbidden} refuses a tunnel to {tls} (HTTP 403)"),
    );
    let open = serve_proxy("HTTP/1.1 200 Connection established\r\n\r\n").await;
    let said = doctor(&configuration, &base_url, &keys(&format!("http://{open}")));
    assert_eq!((said.code, said.with_state("ok").len()), (Some(0), 10), "{}", said.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_named_by_what_is_wrong_with_them() {
    let (upstream, configuration) = healthy().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let trust = |name: &str| format!("    tls_config: {{ca_file: {}}}\n", file(name).display());

    let good = serve_tls(issue("127.0.0.1", None, &file("good.pem")), upstream.address()).await;
    let said = doctor(&configuration, &format!("https://{good}"), &trust("good.pem"));
    assert_eq!(said.code, Some(0), "{}", said.output);
    assert!(said.output.contains("certificate for 127.0.0.1, issued by "), "{}", said.output);

    let expired = serve_tls(issue("127.0.0.1", Some(2020), &file("expired.pem")), upstream.address()).await;
    let said = doctor(&configuration, &format!("https://{expired}"), &trust("expired.pem"));
    said.names(2, "tls", &format!("the certificate of {expired} expired at 2020-01-01T00:00:00Z"));

    let future = serve_tls(issue("127.0.0.1", Some(2099), &file("future.pem")), upstream.address()).await;
    let said = doctor(&configuration, &format!("https://{future}"), &trust("future.pem"));
    said.names(2, "tls", &format!("the certificate of {future} is not valid before 2098-01-01T00:00:00Z"));

    let named = serve_tls(issue("kore.example.com", None, &file("named.pem")), upstream.address()).await;
    let said = doctor(&configuration, &format!("https://{named}"), &trust("named.pem"));
    said.names(1, "tls", &format!("the certificate of {named} is not for \"127.0.0.1\", but for"));
    assert!(said.output.contains("kore.example.com"), "{}", said.output);

    let said = doctor(&configuration, &format!("https://{good}"), &trust("named.pem"));
    said.names(1, "tls", &format!("the certificate of {good} is issued by an unknown CA: it is not among ca_file"));

    let said = doctor(&configuration, &format!("https://{good}"), "");
    said.names(1, "tls", "is issued by an unknown CA: it is not among this system's trusted certificates");
    assert_eq!(said.stderr, "", "the certificate verifier's own lines are left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_and_https_are_told_apart_in_both_directions() {
    let (upstream, configuration) = healthy().await;
    let plain = upstream.address();
    let said = doctor(&configuration, &format!("https://{plain}"), "    tls_config: {insecure_skip_verify: true}\n");
    said.names(1, "tls", &format!("{plain} does not speak TLS: is base_url https? It answers in plain text"));

    let folder = tempfile::tempdir().unwrap();
    let tls = serve_tls(issue("127.0.0.1", None, &folder.path().join("ca.pem")), plain).await;
    let said = doctor(&configuration, &format!("http://{tls}"), "");
    said.names(1, "request", &format!("{tls} speaks TLS, but base_url is http: is base_url https?"));
}
