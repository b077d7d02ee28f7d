//! A local server with a scripted answer, and the client that calls it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use koreai_exporter::client_tls::ClientTls;
use koreai_exporter::model::{ApiVersion, RequestId, Timestamp};
use koreai_exporter::upstream::{BodyBudget, Client, ClientSettings, PollError, ReasonTable, StatusResponse};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

pub(crate) const V1: &str = include_str!("../fixtures/status-v1.json");
/// Stands in bodies and headers where nothing of it may be shown.
pub(crate) const CANARY: &str = "canary-leak";
/// Sun, 06 Nov 1994 08:49:37 GMT.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(784_111_777_000);

/// What a server writes once it has read a request's head.
#[derive(Clone)]
pub(crate) enum Reply {
    /// This, and then the end of the connection.
    Whole(Vec<u8>),
    /// This, and then nothing more until the client has gone.
    ThenSilence(Vec<u8>),
    /// A head, and then this chunk again and again until the client has gone.
    Endless(Vec<u8>),
}

/// A server on a port of its own, and the heads of the requests that it was sent.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(reply: Reply) -> Self {
        Self::start_with(reply, None).await
    }

    pub(crate) async fn start_with(reply: Reply, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reply, seen, tls) = (reply.clone(), Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, reply, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, reply, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

pub(crate) async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: Reply, seen: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
    match reply {
        Reply::Whole(bytes) => {
            // The client may go before it has read all.
            drop(stream.write_all(&bytes).await);
            drop(stream.shutdown().await);
        }
        Reply::ThenSilence(bytes) => {
            drop(stream.write_all(&bytes).await);
            drop(stream.read_u8().await);
        }
        Reply::Endless(chunk) => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{\"statusLogs\":[";
            let (head, body) = head.split_at(head.len() - 15);
            let mut write = stream.write_all(format!("{head}f\r\n{body}\r\n").as_bytes()).await;
            let chunk = [format!("{:x}\r\n", chunk.len()).into_bytes(), chunk, b"\r\n".to_vec()].concat();
            while write.is_ok() {
                write = stream.write_all(&chunk).await;
            }
        }
    }
}

/// A whole answer with a Content-Length.
pub(crate) fn http(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub(crate) fn envelope(msg: &str, code: u32) -> String {
    serde_json::json!({"errors": [{"msg": msg, "code": code}]}).to_string()
}

pub(crate) fn settings(base_url: &str) -> ClientSettings {
    ClientSettings {
        base_url: Url::parse(base_url).unwrap(),
        bot_id: "st-1".to_owned(),
        api: ApiVersion::V1,
        timeout: Duration::from_secs(20),
        max_body_bytes: 64 * 1024 * 1024,
        tls: ClientTls::default(),
        proxy_url: None,
    }
}

pub(crate) async fn ask_with(settings: ClientSettings) -> StatusResponse {
    let client = Client::new(&settings, Arc::new(ReasonTable::new(&[])), BodyBudget::new()).unwrap();
    let (id, token) = (RequestId::parse("ds-1").unwrap(), SecretString::from("the.secret.token"));
    let answer = tokio::spawn(async move { client.fetch_status(&id, &token, NOW).await }).await.unwrap();
    let shown = format!("{answer:?}");
    assert!(!shown.contains(CANARY) && !shown.contains("the.secret.token"), "{shown}");
    answer
}

pub(crate) async fn ask(server: &Server) -> StatusResponse {
    ask_with(settings(&format!("http://{}", server.address))).await
}

pub(crate) async fn error_of(reply: Vec<u8>) -> PollError {
    let server = Server::start(Reply::Whole(reply)).await;
    ask(&server).await.result.unwrap_err()
}
