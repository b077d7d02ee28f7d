//! The client of one `http_sd_configs` entry, rebuilt when one of its TLS files changes.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Proxy, Url};
use rustls::pki_types::ServerName;

use super::error::DiscoveryError;
use super::settings::{HttpSdSettings, SourceSettings};
use crate::client_tls;
use crate::input::FileStamps;

/// The maximum number of redirects, all within the origin.
const MAX_REDIRECTS: usize = 5;

/// Keeps a client with its connections while its TLS files stay unchanged.
#[derive(Default)]
pub(super) struct CachedClient(Option<(FileStamps, Client)>);

impl CachedClient {
    /// The client for the next request. Reads the TLS files if they have changed, in the calling thread: they are small.
    pub(super) fn current(&mut self, settings: &HttpSdSettings) -> Result<Client, DiscoveryError> {
        match &self.0 {
            Some((stamps, client)) if !stamps.have_changed() => Ok(client.clone()),
            _ => {
                let stamps = settings.tls.stamps();
                let client = build(settings)?;
                self.0 = Some((stamps, client.clone()));
                Ok(client)
            }
        }
    }
}

/// Builds the HTTP client of a source and drops it: its certificates and keys are then known to be usable.
///
/// # Errors
/// What cannot be used.
pub fn check(settings: &SourceSettings) -> Result<(), DiscoveryError> {
    match settings {
        SourceSettings::File(_) => Ok(()),
        SourceSettings::Http(http) => build(http).map(drop),
    }
}

fn build(settings: &HttpSdSettings) -> Result<Client, DiscoveryError> {
    let is_https = |url: &Url| url.scheme() == "https";
    let needs_tls = is_https(&settings.url) || settings.proxy.as_ref().is_some_and(is_https);
    let tls = if needs_tls { settings.tls.rustls_config() } else { client_tls::without_trust() };
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls?)
        .user_agent(concat!("koreai_exporter/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(within_origin(settings.url.clone()))
        .connect_timeout(Duration::from_secs(10));
    if let Some(proxy) = &settings.proxy {
        let proxy = Proxy::all(proxy.clone()).map_err(|error| DiscoveryError::Client(error.without_url()))?;
        builder = builder.proxy(proxy);
    }
    named(builder, settings).build().map_err(|error| DiscoveryError::Client(error.without_url()))
}

/// Follows redirects within the origin only: another origin must not receive the credentials or provide targets.
fn within_origin(url: Url) -> Policy {
    Policy::custom(move |attempt| {
        if attempt.url().origin() != url.origin() {
            attempt.error("redirect to another host, scheme or port is not followed")
        } else if attempt.previous().len() > MAX_REDIRECTS {
            attempt.error("too many redirects")
        } else {
            attempt.follow()
        }
    })
}

/// The URL of the request. A DNS name as `server_name` replaces its host, so that the TLS handshake asks for that name. The
/// connection still goes to the URL's own host (see [`named`]).
pub(super) fn request_url(settings: &HttpSdSettings) -> Url {
    let mut url = settings.url.clone();
    if let Some(ServerName::DnsName(name)) = &settings.tls.server_name
        && url.set_host(Some(name.as_ref())).is_err()
    {
        tracing::warn!(server_name = name.as_ref(), "server_name is not usable in a URL; using the URL's host");
    }
    url
}

fn named(builder: ClientBuilder, settings: &HttpSdSettings) -> ClientBuilder {
    match (&settings.tls.server_name, settings.url.host_str()) {
        (Some(_), Some(host)) => {
            let host = host.trim_matches(['[', ']']).to_owned();
            let resolver = FixedHost(host, settings.url.port_or_known_default().unwrap_or(443));
            builder.redirect(within_origin(request_url(settings))).dns_resolver(resolver)
        }
        _ => builder,
    }
}

/// Resolves every name to the addresses of one host and port.
struct FixedHost(String, u16);

impl Resolve for FixedHost {
    fn resolve(&self, _: Name) -> Resolving {
        let (host, port) = (self.0.clone(), self.1);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
