//! The client against nginx (private CA, client certificate, HTTP/2, gzip) and through tinyproxy (CONNECT).

use std::path::Path;
use std::sync::Arc;

use koreai_exporter::client_tls::{ClientIdentity, ClientTls};
use koreai_exporter::model::{Outcome, RequestId};
use koreai_exporter::upstream::{BodyBudget, Client, ClientSettings, ReasonTable, StatusResponse};
use secrecy::SecretString;
use tempfile::TempDir;
use url::Url;

use super::codings::report;
use super::programs::{Authority, Running, nginx, tinyproxy};
use super::server::{NOW, Reply, Server, http, settings};

const ENTRIES: usize = 20_000;

/// nginx in front of a server that answers a report of 20,000 entries. Only clients with a certificate of the private CA
/// get through.
struct Gateway {
    directory: TempDir,
    backend: Server,
    nginx: Running,
    authority: Authority,
    report_bytes: u64,
}

impl Gateway {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let authority = Authority::new();
        std::fs::write(path.join("ca.pem"), &authority.pem).unwrap();
        authority.issue(path, "server", "kore.internal");
        authority.issue(path, "client", "exporter");
        let report = report(ENTRIES);
        let headers = "Content-Type: application/json\r\n";
        let backend = Server::start(Reply::Whole(http("200 OK", headers, &report))).await;
        let server = format!(
            "ssl_certificate server.pem;\nssl_certificate_key server.key;\n\
             ssl_client_certificate ca.pem;\nssl_verify_client on;\n\
             gzip on;\ngzip_types application/json;\n\
             location / {{\n  proxy_pass http://{};\n  proxy_set_header X-Protocol $server_protocol;\n  \
             proxy_set_header X-Client $ssl_client_verify;\n}}",
            backend.address
        );
        let nginx = nginx(path, &server).await;
        Self { backend, nginx, authority, report_bytes: report.len() as u64, directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn settings(&self) -> ClientSettings {
        let identity =
            ClientIdentity { cert_file: self.path().join("client.pem"), key_file: self.path().join("client.key") };
        let mut settings = settings(&format!("https://{}", self.nginx.address));
        settings.tls = ClientTls {
            ca_file: Some(self.path().join("ca.pem")),
            identity: Some(identity),
            server_name: Some("kore.internal".try_into().unwrap()),
            insecure_skip_verify: false,
        };
        settings
    }

    /// Checks a response that came all the way, and the request as it arrived behind nginx.
    fn assert_report(&self, response: &StatusResponse, protocol: &str) {
        let report = response.result.as_ref().unwrap();
        assert_eq!(report.entries, ENTRIES as u64);
        assert_eq!(response.decoded_bytes, self.report_bytes);
        assert!(response.received_bytes < self.report_bytes / 10, "{} bytes", response.received_bytes);
        let request = self.backend.requests().pop().unwrap().to_lowercase();
        for line in [&format!("x-protocol: {protocol}"), "x-client: success", "auth: the.secret.token"] {
            assert!(request.lines().any(|found| found == line.to_lowercase()), "{line}:\n{request}");
        }
    }
}

fn client(settings: &ClientSettings) -> Client {
    Client::new(settings, Arc::new(ReasonTable::new(&[])), BodyBudget::new()).unwrap()
}

async fn poll(client: &Client) -> StatusResponse {
    let (client, id) = (client.clone(), RequestId::parse("ds-1").unwrap());
    tokio::spawn(async move { client.fetch_status(&id, &SecretString::from("the.secret.token"), NOW).await })
        .await
        .unwrap()
}

#[tokio::test]
async fn nginx_is_reached_over_http_2_with_a_client_certificate_and_gzip() {
    let gateway = Gateway::start().await;
    let client = client(&gateway.settings());
    for _ in 0..2 {
        gateway.assert_report(&poll(&client).await, "HTTP/2.0");
    }
}

#[tokio::test]
async fn a_replaced_client_certificate_is_read_again_and_another_authority_is_not_trusted() {
    let gateway = Gateway::start().await;
    Authority::new().issue(gateway.path(), "client", "exporter");
    let client = client(&gateway.settings());
    let refused = poll(&client).await;
    assert_eq!(refused.outcome(), Outcome::ClientError, "{:?}", refused.result);
    assert!(gateway.backend.requests().is_empty());

    gateway.authority.issue(gateway.path(), "client", "exporter");
    gateway.assert_report(&poll(&client).await, "HTTP/2.0");

    let mut settings = gateway.settings();
    let other = gateway.path().join("other.pem");
    std::fs::write(&other, Authority::new().pem).unwrap();
    settings.tls.ca_file = Some(other);
    let error = poll(&self::client(&settings)).await.result.unwrap_err();
    assert_eq!(error.outcome, Outcome::Network);
    assert!(error.detail.starts_with("failed to connect to 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn tinyproxy_tunnels_to_nginx_for_those_who_know_its_password() {
    let gateway = Gateway::start().await;
    let lines = format!("Allow 127.0.0.1\nBasicAuth user open-sesame\nConnectPort {}", gateway.nginx.address.port());
    let proxy = tinyproxy(gateway.path(), &lines).await;
    let mut settings = gateway.settings();
    settings.proxy_url = Some(Url::parse(&format!("http://user:open-sesame@{}", proxy.address)).unwrap());
    gateway.assert_report(&poll(&client(&settings)).await, "HTTP/2.0");

    settings.proxy_url = Some(Url::parse(&format!("http://user:wrong@{}", proxy.address)).unwrap());
    let error = poll(&client(&settings)).await.result.unwrap_err();
    assert_eq!(error.outcome, Outcome::Network);
    assert!(error.detail.contains(&format!("through the proxy {}", proxy.address)), "{error}");
    assert!(!error.detail.contains("wrong"), "{error}");
    assert_eq!(gateway.backend.requests().len(), 1);
}
