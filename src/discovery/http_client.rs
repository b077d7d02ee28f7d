//! The client of one `http_sd_configs` entry, made again when a certificate file changes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy, Url};

use super::error::DiscoveryError;
use super::settings::HttpSdSettings;

/// Redirects within the origin that are followed.
const MAX_REDIRECTS: usize = 5;
/// Certificates, keys and secrets are small.
const MAX_SECRET_BYTES: u64 = 1 << 20;

/// The modification times that the client was made with.
type Stamps = Vec<Option<SystemTime>>;

/// Keeps a client, with its connections, for as long as its files stay as they are.
#[derive(Default)]
pub(super) struct CachedClient(Option<(Stamps, Client)>);

impl CachedClient {
    /// The client for the next request. Reads files.
    pub(super) async fn current(&mut self, settings: &HttpSdSettings) -> Result<Client, DiscoveryError> {
        let mut stamps = Stamps::new();
        for path in files(settings) {
            stamps.push(tokio::fs::metadata(path).await.and_then(|metadata| metadata.modified()).ok());
        }
        match &self.0 {
            Some((seen, client)) if *seen == stamps => Ok(client.clone()),
            _ => {
                let client = build(settings).await?;
                self.0 = Some((stamps, client.clone()));
                Ok(client)
            }
        }
    }
}

fn files(settings: &HttpSdSettings) -> impl Iterator<Item = &PathBuf> {
    let identity = settings.tls.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
    settings.tls.ca_file.iter().chain(identity)
}

async fn build(settings: &HttpSdSettings) -> Result<Client, DiscoveryError> {
    let mut builder = Client::builder()
        .user_agent(concat!("koreai_exporter/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(within_origin(settings.url.clone()))
        .connect_timeout(Duration::from_secs(10))
        .danger_accept_invalid_certs(settings.tls.insecure_skip_verify);
    if let Some(path) = &settings.tls.ca_file {
        let pem = read_small(path).await?;
        builder = builder.tls_certs_only(Certificate::from_pem_bundle(&pem).map_err(DiscoveryError::Client)?);
    }
    if let Some((certificate, key)) = &settings.tls.identity {
        let pem = [read_small(certificate).await?, b"\n".to_vec(), read_small(key).await?].concat();
        builder = builder.identity(Identity::from_pem(&pem).map_err(DiscoveryError::Client)?);
    }
    if let Some(proxy) = &settings.proxy {
        builder = builder.proxy(Proxy::all(proxy.clone()).map_err(DiscoveryError::Client)?);
    }
    named(builder, settings).build().map_err(DiscoveryError::Client)
}

/// Another origin is another party: it gets neither our credentials nor a say in our targets.
fn within_origin(url: Url) -> Policy {
    Policy::custom(move |attempt| {
        if attempt.url().origin() != url.origin() {
            attempt.error("the redirect leads to another host, scheme or port")
        } else if attempt.previous().len() > MAX_REDIRECTS {
            attempt.error("too many redirects")
        } else {
            attempt.follow()
        }
    })
}

/// What is asked: the URL, with `server_name` for its host where there is one, so that it is the name in the handshake
/// and on the certificate. The connection still goes to the URL's own host (see [`named`]).
pub(super) fn request_url(settings: &HttpSdSettings) -> Url {
    let mut url = settings.url.clone();
    if let Some(name) = &settings.tls.server_name {
        // A name that no URL can have is no name that a certificate can have; the URL's own then stays.
        if url.set_host(Some(name)).is_err() {
            tracing::warn!("`server_name` is no host name, the one of the URL is used");
        }
    }
    url
}

fn named(builder: ClientBuilder, settings: &HttpSdSettings) -> ClientBuilder {
    match (&settings.tls.server_name, settings.url.host_str()) {
        (Some(_), Some(host)) => {
            let host = host.trim_matches(['[', ']']).to_owned();
            let redirected = Settled(host, settings.url.port_or_known_default().unwrap_or(443));
            builder.redirect(within_origin(request_url(settings))).dns_resolver(redirected)
        }
        _ => builder,
    }
}

/// Looks up one host, whatever is asked for.
struct Settled(String, u16);

impl Resolve for Settled {
    fn resolve(&self, _: Name) -> Resolving {
        let (host, port) = (self.0.clone(), self.1);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

pub(super) async fn read_small(path: &Path) -> Result<Vec<u8>, DiscoveryError> {
    use tokio::io::AsyncReadExt;
    let failed = |source| DiscoveryError::ReadFile { path: path.to_owned(), source };
    let mut content = Vec::new();
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut content).await.map_err(failed)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > MAX_SECRET_BYTES {
        return Err(DiscoveryError::TooLarge { max: MAX_SECRET_BYTES });
    }
    Ok(content)
}
