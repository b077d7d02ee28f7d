use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use url::Url;

use super::*;
use crate::client_tls::ClientTls;
use crate::discovery::{HttpSdAuth, HttpSdSettings, Secret};

/// Answers by rote: the last one again and again.
#[derive(Clone)]
struct Rote(Arc<Mutex<(Vec<Answer>, Vec<HeaderMap>)>>);

type Answer = Arc<dyn Fn() -> Response + Send + Sync>;

fn answer<T: IntoResponse + Clone + Send + Sync + 'static>(what: T) -> Answer {
    Arc::new(move || what.clone().into_response())
}

fn json(body: &'static str) -> Answer {
    answer(([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body))
}

impl Rote {
    /// Starts a server; its URL.
    async fn start(mut answers: Vec<Answer>) -> (Self, Url) {
        answers.reverse();
        let rote = Self(Arc::new(Mutex::new((answers, Vec::new()))));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/targets?x=1", listener.local_addr().unwrap())).unwrap();
        let handler = |State(rote): State<Self>, headers: HeaderMap| async move {
            let mut held = rote.0.lock().unwrap();
            held.1.push(headers);
            let last = held.0.len() == 1;
            let answer = if last { held.0.last().cloned() } else { held.0.pop() };
            answer.unwrap()()
        };
        let router = Router::new().fallback(handler).with_state(rote.clone());
        tokio::spawn(async move {
            let server = axum::serve(listener, router);
            server.await.unwrap();
        });
        (rote, url)
    }

    fn headers(&self) -> HeaderMap {
        self.0.lock().unwrap().1.last().unwrap().clone()
    }
}

fn settings(url: Url) -> HttpSdSettings {
    let refresh = Duration::from_millis(20);
    HttpSdSettings { bot: bot(), url, refresh, auth: None, tls: ClientTls::default(), proxy: None }
}

/// Short refreshes, but time to answer: the timeout is the refresh.
fn patient(url: Url) -> HttpSdSettings {
    HttpSdSettings { refresh: Duration::from_millis(500), ..settings(url) }
}

fn start(settings: HttpSdSettings) -> Discovery {
    Discovery::start(vec![SourceSettings::Http(Box::new(settings))])
}

#[tokio::test]
async fn a_list_is_asked_for_as_prometheus_asks_and_may_shrink() {
    let (rote, url) = Rote::start(vec![
        json(r#"[{"targets": ["ds-1", "ds-2", ""], "labels": {"campaign": "spring"}}]"#),
        json(r#"[{"targets": ["ds-2"]}]"#),
        json("[]"),
    ])
    .await;
    let mut discovery = start(patient(url));
    let update = discovery.next().await;
    assert_eq!((shown(&update).unwrap().as_str(), update.up, update.invalid), ("ds-1 ds-2", true, 1));
    assert_eq!(&*update.source.name, "http_sd_configs[0]");
    let headers = rote.headers();
    assert_eq!(headers["accept"], "application/json");
    assert_eq!(headers["x-prometheus-refresh-interval-seconds"], "0.5");
    assert!(headers["user-agent"].to_str().unwrap().starts_with("koreai_exporter/"));
    assert_eq!(shown(&discovery.next().await).unwrap(), "ds-2");
    assert_eq!(shown(&discovery.next().await).unwrap(), "");
    discovery.shutdown.cancel();
    discovery.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn whatever_is_no_list_leaves_the_last_set_in_force() {
    let wrong = vec![
        answer(StatusCode::INTERNAL_SERVER_ERROR),
        answer((StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], "[]")),
        answer(([(header::CONTENT_TYPE, "text/plain")], "[]")),
        answer(([(header::CONTENT_TYPE, "application/json; charset=latin1")], "[]")),
        json("[{"),
        json(r#"{"targets": []}"#),
        answer((StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.2:9/")])),
    ];
    for answer in wrong {
        let (_rote, url) = Rote::start(vec![answer, json(r#"[{"targets": ["ds-1"]}]"#)]).await;
        let mut discovery = start(patient(url));
        let update = discovery.next().await;
        assert_eq!((update.targets, update.up), (None, false));
        discovery.until(true, Some(&["ds-1"])).await;
    }
}

#[tokio::test]
async fn a_failed_refresh_keeps_the_number_of_invalid_targets() {
    let list = json(r#"[{"targets": ["ds-1", "ds 2"]}]"#);
    let (_rote, url) = Rote::start(vec![list.clone(), answer(StatusCode::BAD_GATEWAY), list]).await;
    let mut discovery = start(patient(url));
    for up in [true, false, true] {
        // The store counts the increase: a fall to 0 in between would count the same target again.
        let update = discovery.next().await;
        assert_eq!((update.up, update.invalid), (up, 1));
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused() {
    let large = Arc::new(|| {
        let body = "[".to_owned() + &" ".repeat(33 << 20) + "]";
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    });
    let (_rote, url) = Rote::start(vec![large]).await;
    let mut discovery = start(HttpSdSettings { refresh: DEADLINE, ..settings(url) });
    discovery.until(false, None).await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up_at_the_refresh() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let mut discovery = start(settings(url));
    discovery.until(false, None).await;
    drop(listener);
    discovery.until(false, None).await;
}

#[tokio::test]
async fn credentials_are_sent_and_a_token_file_is_read_again() {
    let (rote, url) = Rote::start(vec![json("[]")]).await;
    let password = Secret::Text(SecretString::from("right"));
    let auth = Some(HttpSdAuth::Basic { username: "us".to_owned(), password });
    let mut discovery = start(HttpSdSettings { auth, ..patient(url.clone()) });
    discovery.until(true, Some(&[])).await;
    assert_eq!(rote.headers()["authorization"], "Basic dXM6cmlnaHQ=");
    drop(discovery);

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let (rote, url) = Rote::start(vec![json("[]")]).await;
    let auth = Some(HttpSdAuth::Authorization { scheme: "Bearer".to_owned(), credentials: Secret::File(file.clone()) });
    let mut discovery = start(HttpSdSettings { auth, ..patient(url) });
    discovery.until(true, Some(&[])).await;
    assert_eq!(rote.headers()["authorization"], "Bearer first");
    std::fs::write(&file, "second\n").unwrap();
    discovery.until(true, Some(&[])).await;
    assert_eq!(rote.headers()["authorization"], "Bearer second");
    std::fs::remove_file(&file).unwrap();
    discovery.until(false, None).await;
}

/// Answers one target over TLS, and asserts that the `Host` header is the address.
async fn serve_tls(listener: tokio::net::TcpListener, acceptor: tokio_rustls::TlsAcceptor) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = format!("host: {}\r\n", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // Clients that do not trust us hang up.
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        assert!(String::from_utf8(request).unwrap().contains(&host));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
        stream.write_all(format!("{head}[{{\"targets\": [\"ds-1\"]}}]").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_name_is_what_the_certificate_must_have() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["targets.internal".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, certificate.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(serve_tls(listener, Arc::new(config).into()));

    let with = |tls: ClientTls| start(HttpSdSettings { tls, ..patient(url.clone()) });
    let trusting = ClientTls { ca_file: Some(ca_file), ..ClientTls::default() };
    let named = ClientTls { server_name: Some("targets.internal".try_into().unwrap()), ..trusting.clone() };
    with(named).until(true, Some(&["ds-1"])).await;
    with(trusting).until(false, None).await;
    with(ClientTls { insecure_skip_verify: true, ..ClientTls::default() }).until(true, Some(&["ds-1"])).await;
}
