//! The client against local servers: for each behaviour the request that was sent, and the answer that came of it.
#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use koreai_exporter::client_tls::{ClientIdentity, ClientTls};
use koreai_exporter::model::{ApiVersion, JobStatus, Outcome, RequestId, Timestamp};
use koreai_exporter::upstream::{BodyBudget, Client, ClientSettings, PollError, ReasonTable, StatusResponse};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

const V1: &str = include_str!("fixtures/status-v1.json");
/// Stands in bodies and headers where nothing of it may be shown.
const CANARY: &str = "canary-leak";
/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: Timestamp = Timestamp::from_millis(784_111_777_000);

/// What a server writes once it has read a request's head.
#[derive(Clone)]
enum Reply {
    /// This, and then the end of the connection.
    Whole(Vec<u8>),
    /// This, and then nothing more until the client has gone.
    ThenSilence(Vec<u8>),
    /// A head, and then this chunk again and again until the client has gone.
    Endless(Vec<u8>),
}

/// A server on a port of its own, and the heads of the requests that it was sent.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(reply: Reply) -> Self {
        Self::start_with(reply, None).await
    }

    async fn start_with(reply: Reply, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
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

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: Reply, seen: &Mutex<Vec<String>>) {
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
fn http(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn envelope(msg: &str, code: u32) -> String {
    serde_json::json!({"errors": [{"msg": msg, "code": code}]}).to_string()
}

fn settings(base_url: &str) -> ClientSettings {
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

async fn ask_with(settings: ClientSettings) -> StatusResponse {
    let client = Client::new(&settings, Arc::new(ReasonTable::new(&[])), BodyBudget::new()).unwrap();
    let (id, token) = (RequestId::parse("ds-1").unwrap(), SecretString::from("the.secret.token"));
    let answer = tokio::spawn(async move { client.fetch_status(&id, &token, NOW).await }).await.unwrap();
    let shown = format!("{answer:?}");
    assert!(!shown.contains(CANARY) && !shown.contains("the.secret.token"), "{shown}");
    answer
}

async fn ask(server: &Server) -> StatusResponse {
    ask_with(settings(&format!("http://{}", server.address))).await
}

async fn error_of(reply: Vec<u8>) -> PollError {
    let server = Server::start(Reply::Whole(reply)).await;
    ask(&server).await.result.unwrap_err()
}

#[tokio::test]
async fn a_call_is_one_get_with_the_bare_token_in_auth() {
    let server = Server::start(Reply::Whole(http("200 OK", "", V1))).await;
    let answer = ask_with(settings(&format!("http://{}/prefix/", server.address))).await;
    assert_eq!(answer.result.as_ref().unwrap().status, JobStatus::PartialSuccess);
    assert_eq!((answer.bytes, answer.outcome()), (V1.len() as u64, Outcome::Ok));
    let requests = server.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    let mut lines: Vec<&str> = request.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "GET /prefix/api/public/bot/st-1/notify/status/ds-1 HTTP/1.1");
    lines.sort_unstable();
    let host = format!("host: {}", server.address);
    let agent = concat!("user-agent: koreai_exporter/", env!("CARGO_PKG_VERSION"));
    assert_eq!(lines, ["accept: application/json", "auth: the.secret.token", &host, agent]);
}

#[tokio::test]
async fn v2_has_a_path_of_its_own() {
    let server = Server::start(Reply::Whole(http("200 OK", "", V1))).await;
    let mut settings = settings(&format!("http://{}", server.address));
    settings.api = ApiVersion::V2;
    ask_with(settings).await.result.unwrap();
    assert!(server.requests()[0].starts_with("GET /api/public/bot/st-1/notifyV2/status/ds-1 HTTP/1.1"));
}

#[tokio::test]
async fn refusals_have_their_outcome_and_a_hint() {
    for (status, body, outcome, hint) in [
        ("401 Unauthorized", envelope("Invalid SDK credentials", 4002), Outcome::Unauthorized, "check client_id"),
        ("401 Unauthorized", envelope("Invalid JWT token", 4002), Outcome::Unauthorized, "what was sent is no token"),
        (
            "401 Unauthorized",
            envelope("Permission denied. Scope is incorrect!", 4002),
            Outcome::Unauthorized,
            "`Proactive Messages`",
        ),
        ("403 Forbidden", CANARY.to_owned(), Outcome::Unauthorized, "HTTP 403"),
        (
            "400 Bad Request",
            envelope("error verifying the jwt: possibly a replay", 401),
            Outcome::Unauthorized,
            "jti: true",
        ),
        ("400 Bad Request", envelope("Invalid request ID", 400), Outcome::NotFound, "does not know the job"),
        ("400 Bad Request", envelope(CANARY, 400), Outcome::ClientError, "HTTP 400, code 400"),
        (
            "404 Not Found",
            CANARY.to_owned(),
            Outcome::UnexpectedNotFound,
            "HTTP 404: not an error message of the upstream",
        ),
        ("410 Gone", String::new(), Outcome::UnexpectedNotFound, "HTTP 410: not an error message of the upstream"),
        ("405 Method Not Allowed", envelope("Method Not Allowed", 405), Outcome::ClientError, "check base_url and api"),
        ("500 Internal Server Error", format!("<html>{CANARY}</html>"), Outcome::ServerError, "HTTP 500"),
        ("503 Service Unavailable", "x".repeat(1_000_000), Outcome::ServerError, "HTTP 503"),
        ("200 OK", envelope("Invalid SDK credentials", 4002), Outcome::Unauthorized, "check client_id"),
        ("200 OK", envelope("Invalid request ID", 400), Outcome::NotFound, "does not know the job"),
    ] {
        let error = error_of(http(status, "", &body)).await;
        assert_eq!((error.outcome, error.hourly), (outcome, false), "{status} {error:?}");
        assert!(error.detail.contains(hint), "{status} {body:.80}: {}", error.detail);
    }
}

#[tokio::test]
async fn a_rate_limit_is_told_by_429_or_by_its_text_on_any_status() {
    for (status, body, hourly) in [
        ("429 Too Many Requests", CANARY.to_owned(), false),
        ("400 Bad Request", envelope("Rate limit for this API has been reached. Please try again later", 400), false),
        (
            "200 OK",
            envelope("You've exceeded the per-minute rate limit. Please wait for sometime before retrying.", 429),
            false,
        ),
        (
            "200 OK",
            envelope("You've exceeded the hourly rate limit. Please wait for sometime before retrying.", 429),
            true,
        ),
        ("403 Forbidden", r#"{"message":"Rate limit exceeded"}"#.to_owned(), false),
        ("200 OK", r#"{"message":"Rate limit exceeded"}"#.to_owned(), false),
    ] {
        let error = error_of(http(status, "", &body)).await;
        assert_eq!((error.outcome, error.hourly), (Outcome::RateLimited, hourly), "{status} {body}");
    }
}

#[tokio::test]
async fn retry_after_is_handed_on_as_seconds_or_from_a_date() {
    for (header, wait) in [("120", Some(120)), ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)), ("soon", None)] {
        let error = error_of(http("429 Too Many Requests", &format!("Retry-After: {header}\r\n"), "")).await;
        // The time that the call took is counted off a date.
        let wait_near =
            |found: Duration, wait: u64| found <= Duration::from_secs(wait) && found > Duration::from_secs(wait - 10);
        assert_eq!(error.retry_after.is_some(), wait.is_some(), "{header}");
        assert!(error.retry_after.zip(wait).is_none_or(|(found, wait)| wait_near(found, wait)), "{header}: {error:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_host_is_named() {
    let elsewhere = Server::start(Reply::Whole(http("200 OK", "", V1))).await;
    let location = format!("Location: http://{}/{CANARY}?{CANARY}\r\n", elsewhere.address);
    let error = error_of(http("302 Found", &location, CANARY)).await;
    assert_eq!(error.outcome, Outcome::ClientError);
    assert!(
        error.detail.contains(&format!("redirects to http://{}, which is not followed", elsewhere.address)),
        "{error}"
    );
    assert!(elsewhere.requests().is_empty());
    assert!(error_of(http("308 Permanent Redirect", "Location: /login\r\n", "")).await.detail.contains("another path"));
}

#[tokio::test]
async fn a_body_that_is_no_report_is_malformed_and_named() {
    for (body, looks) in [
        ("", "the body is empty"),
        ("<html>canary-leak</html>", "is HTML or XML"),
        (r#"{"statusLogs":[{"originalId":"canary-leak"#, "is cut off"),
        (r#"{"message":"canary-leak"}"#, "without `status`"),
        ("canary-leak", "is not JSON"),
    ] {
        let error = error_of(http("200 OK", "", body)).await;
        assert_eq!(error.outcome, Outcome::Malformed, "{body}");
        assert!(error.detail.contains(looks), "{error}");
    }
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    assert_eq!(error_of(http("200 OK", "", deep)).await.outcome, Outcome::Malformed);
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_network_error() {
    let mut half = http("200 OK", "", V1);
    half.truncate(half.len() - 100);
    let error = error_of(half).await;
    assert_eq!(error.outcome, Outcome::Network);
    assert!(error.detail.starts_with("the body broke off: "), "{error}");
    assert_eq!(error_of(Vec::new()).await.outcome, Outcome::Network);
    assert_eq!(error_of(format!("{CANARY}\r\n\r\n").into_bytes()).await.outcome, Outcome::Network);

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = ask_with(settings(&format!("http://{nobody}"))).await.result.unwrap_err();
    assert_eq!(error.outcome, Outcome::Network);
    assert!(error.detail.starts_with("failed to connect: ") && error.detail.contains("refused"), "{error}");
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_a_timeout() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"status\":";
    for (reply, arrived) in [("", 0), (head, 10)] {
        let server = Server::start(Reply::ThenSilence(reply.into())).await;
        let mut settings = settings(&format!("http://{}", server.address));
        settings.timeout = Duration::from_millis(300);
        let answer = ask_with(settings).await;
        assert_eq!((answer.outcome(), answer.bytes), (Outcome::Timeout, arrived));
        assert!(answer.duration >= Duration::from_millis(300));
    }
}

#[tokio::test]
async fn a_body_above_the_cap_is_refused_whether_it_says_its_length_or_not() {
    let announced =
        Server::start(Reply::ThenSilence(b"HTTP/1.1 200 OK\r\nContent-Length: 3000001\r\n\r\n{".to_vec())).await;
    let endless = Server::start(Reply::Endless(format!("{{\"x\":\"{CANARY}\"}},").repeat(1_000).into_bytes())).await;
    for (server, cap, at_most) in
        [(&announced, 3_000_000, 0), (&endless, 3_000_000, 4_000_000), (&endless, 50_000, 1_000_000)]
    {
        let mut settings = settings(&format!("http://{}", server.address));
        settings.max_body_bytes = cap;
        let answer = ask_with(settings).await;
        assert_eq!(answer.outcome(), Outcome::TooLarge);
        assert!(answer.bytes <= at_most, "{} bytes were read", answer.bytes);
        assert!(answer.result.unwrap_err().detail.contains("max_body_bytes"));
    }
}

#[tokio::test]
async fn a_large_body_is_read_while_it_arrives() {
    let entry = format!(
        r#"{{"originalId":"{CANARY}","channel":"slack","status":"SUCCESS","createdOn":"2022-01-24T20:55:21.918Z"}}"#
    );
    let entries = vec![entry.as_str(); 40_000].join(",");
    let body = format!(
        r#"{{"statusLogs":[{entries}],"status":"SUCCESS","count":40000,"requestedTime":"2022-01-24T20:55:21.000Z"}}"#
    );
    assert!(body.len() > 4 * 1024 * 1024);
    let server = Server::start(Reply::Whole(http("200 OK", "", &body))).await;
    let answer = ask(&server).await;
    let report = answer.result.unwrap();
    assert_eq!(
        (report.entries, report.tallies[0].entries.into_array(), answer.bytes),
        (40_000, [40_000, 0, 0], body.len() as u64)
    );
    assert_eq!(report.tallies[0].delivery[0], 40_000);

    let cut = Server::start(Reply::Whole(http("200 OK", "", &body[..body.len() - 1]))).await;
    assert_eq!(ask(&cut).await.outcome(), Outcome::Malformed);
}

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
