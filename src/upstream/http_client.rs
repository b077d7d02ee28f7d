//! The HTTP client of a bot, rebuilt when one of its TLS files changes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{redirect, retry};

use super::error::ClientError;
use super::settings::ClientSettings;
use crate::client_tls;
use crate::input::FileStamps;

/// The maximum number of idle connections: a bot's steady rate of 5 calls/s keeps about as many busy.
const MAX_IDLE_CONNECTIONS: usize = 8;
/// The lifetime of an idle connection. Load balancers commonly close theirs after 60 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Shared by all calls of a bot.
pub(super) struct HttpClient {
    settings: ClientSettings,
    in_use: Mutex<InUse>,
}

struct InUse {
    http: reqwest::Client,
    /// The TLS files as of the last attempt to read them.
    stamps: FileStamps,
    /// Whether the last attempt failed; `http` is an older one then.
    failing: bool,
}

impl HttpClient {
    pub(super) fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        let settings = settings.clone();
        let stamps = settings.tls.stamps();
        let in_use = Mutex::new(InUse { http: build(&settings)?, stamps, failing: false });
        Ok(Self { settings, in_use })
    }

    /// Where the calls go, and how.
    pub(super) fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    /// The client for the next call. Checks whether a TLS file has changed, and if so reads the files in the calling
    /// thread: they are small. If they cannot be used, the previous client stays in use.
    pub(super) fn current(&self) -> reqwest::Client {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if in_use.stamps.have_changed() {
            // Taken before the files are read: a change in between is detected at the next call.
            in_use.stamps = self.settings.tls.stamps();
            let base_url = &self.settings.base_url;
            match build(&self.settings) {
                Ok(http) => {
                    in_use.http = http;
                    in_use.failing = false;
                    tracing::info!(%base_url, "TLS files reloaded");
                }
                Err(error) => {
                    // Certificate and key change one after the other: the state in between is logged once at most.
                    if !std::mem::replace(&mut in_use.failing, true) {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(%base_url, error, "cannot reload TLS files; keeping the previous ones");
                    }
                }
            }
        }
        in_use.http.clone()
    }
}

fn build(settings: &ClientSettings) -> Result<reqwest::Client, ClientError> {
    let is_https = |url: &url::Url| url.scheme() == "https";
    let needs_tls = is_https(&settings.base_url) || settings.proxy_url.as_ref().is_some_and(is_https);
    let tls = if needs_tls { settings.tls.rustls_config()? } else { client_tls::without_trust()? };
    let mut http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        // A redirect would send the token elsewhere.
        .redirect(redirect::Policy::none())
        // A call is one request: the scheduler counts it against the budget.
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(IDLE_TIMEOUT);
    if let Some(proxy_url) = &settings.proxy_url {
        let proxy = reqwest::Proxy::all(proxy_url.clone()).map_err(|error| ClientError::Proxy(error.without_url()))?;
        http = http.proxy(proxy);
    }
    http.build().map_err(|error| ClientError::Http(error.without_url()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use url::Url;

    use super::*;
    use crate::client_tls::ClientTls;
    use crate::model::ApiVersion;

    /// Serves HTTPS with a new self-signed certificate, which it writes to `ca_file`. Returns the URL.
    async fn serve(ca_file: &Path) -> Url {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(ca_file, made.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key);
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _request = stream.read(&mut [0; 4096]).await;
                let response = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                let _written = stream.write_all(response).await;
                let _closed = stream.shutdown().await;
            }
        });
        url
    }

    #[tokio::test]
    async fn a_changed_ca_file_is_read_again_and_a_broken_one_keeps_the_old_client() {
        let directory = tempfile::tempdir().unwrap();
        let (ca_file, other) = (directory.path().join("ca.pem"), directory.path().join("other.pem"));
        let url = serve(&ca_file).await;
        let rotated = serve(&other).await;
        let client = HttpClient::new(&ClientSettings {
            base_url: url.clone(),
            bot_id: "st-1".to_owned(),
            api: ApiVersion::V1,
            timeout: Duration::from_secs(10),
            max_body_bytes: 1,
            tls: ClientTls { ca_file: Some(ca_file.clone()), ..ClientTls::default() },
            proxy_url: None,
        })
        .unwrap();
        let trusts = async |url: &Url| client.current().get(url.clone()).send().await.is_ok();
        assert_eq!((trusts(&url).await, trusts(&rotated).await), (true, false));

        std::fs::write(&ca_file, "").unwrap();
        assert_eq!((trusts(&url).await, trusts(&rotated).await), (true, false));
        std::fs::remove_file(&ca_file).unwrap();
        assert_eq!((trusts(&url).await, trusts(&rotated).await), (true, false));

        std::fs::rename(&other, &ca_file).unwrap();
        assert_eq!((trusts(&url).await, trusts(&rotated).await), (false, true));
    }
}
