//! TLS, proxies, and settings that cannot be used.

use std::sync::Arc;

use koreai_exporter::client_tls::{ClientIdentity, ClientTls};
use koreai_exporter::model::Outcome;
use koreai_exporter::upstream::{BodyBudget, Client, ReasonTable};
use tokio::net::TcpListener;
use url::Url;

use super::server::{CANARY, Reply, Server, V1, ask_with, http, settings};

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_url_and_its_password_never_shows() {
    let proxy = Server::start(Reply::Whole(http("200 OK", "", V1))).await;
    let mut settings = settings("http://upstream.invalid");
    settings.proxy_url = Some(Url::parse(&format!("http://user:{CANARY}@{}", proxy.address)).unwrap());
    ask_with(settings.clone()).await.result.unwrap();
    let request = proxy.requests().remove(0);
    assert!(
        request.starts_with("GET http://upstream.invalid/api/public/bot/st-1/notify/status/ds-1 HTTP/1.1"),
        "{request}"
    );
    assert!(request.contains("proxy-authorization: Basic "), "{request}");

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    settings.proxy_url = Some(Url::parse(&format!("http://user:{CANARY}@{nobody}")).unwrap());
    assert_eq!(ask_with(settings).await.outcome(), Outcome::Network);
}

#[tokio::test]
async fn certificates_are_verified_as_the_settings_say() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["kore.internal".to_owned()]).unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let server = Server::start_with(Reply::Whole(http("200 OK", "", V1)), Some(acceptor)).await;
    let ask = async |tls: ClientTls| {
        let mut settings = settings(&format!("https://{}", server.address));
        settings.tls = tls;
        ask_with(settings).await
    };
    let (ca_file, server_name) = (Some(ca_file), Some("kore.internal".try_into().unwrap()));

    let trusted = ClientTls { ca_file: ca_file.clone(), server_name: server_name.clone(), ..ClientTls::default() };
    ask(trusted).await.result.unwrap();
    ask(ClientTls { insecure_skip_verify: true, ..ClientTls::default() }).await.result.unwrap();

    for (tls, why) in [
        (ClientTls { ca_file: ca_file.clone(), ..ClientTls::default() }, "not valid for name"),
        (
            ClientTls { ca_file, server_name: Some("other.internal".try_into().unwrap()), ..ClientTls::default() },
            "not valid for name",
        ),
    ] {
        let error = ask(tls).await.result.unwrap_err();
        assert_eq!(error.outcome, Outcome::Network);
        assert!(error.detail.contains(why), "{error}");
    }
    // `Server` waits for the end of a head, which a TLS client does not send.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let _hello = stream.read(&mut [0; 4096]).await;
        let _written = stream.write_all(&http("400 Bad Request", "", "")).await;
    });
    for (url, begin) in [
        (format!("http://{}", server.address), format!("failed to send the request to {}: ", server.address)),
        (format!("https://{plain}"), format!("failed to connect to {plain}: ")),
    ] {
        let error = ask_with(settings(&url)).await.result.unwrap_err();
        assert!(error.detail.starts_with(&begin) && error.detail.ends_with("; is base_url https?"), "{error}");
    }
    let before = server.requests().len();
    assert_eq!(before, 2, "the token went out to servers that were verified only");
}

#[test]
fn settings_that_cannot_be_used_are_told_when_the_client_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let message = |tls: ClientTls| {
        let mut settings = settings("https://host");
        settings.tls = tls;
        Client::new(&settings, Arc::new(ReasonTable::new(&[])), BodyBudget::new()).err().expect("an error").to_string()
    };
    let tls = ClientTls::default;
    assert!(
        message(ClientTls { ca_file: Some(empty.clone()), ..tls() })
            .starts_with("no valid certificates in PEM format in /")
    );
    assert!(message(ClientTls { ca_file: Some("/nowhere".into()), ..tls() }).ends_with("from /nowhere"));
    let identity = Some(ClientIdentity { cert_file: empty.clone(), key_file: empty });
    assert!(message(ClientTls { identity, ..tls() }).starts_with("no valid private key in PEM format in /"));
}
