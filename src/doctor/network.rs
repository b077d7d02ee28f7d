//! The way to the host: DNS and TCP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use url::{Host, Url};

use super::step::Failure;

/// The timeout of each network step.
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// The most addresses of a host that are tried.
const MAX_ADDRESSES: usize = 4;

/// Where a connection goes to: the upstream, or the proxy.
pub(super) struct Peer {
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// The key that names it.
    pub(super) key: &'static str,
}

impl Peer {
    pub(super) fn of(url: &Url, key: &'static str) -> Self {
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        Self { host, port: url.port_or_known_default().unwrap_or(443), key }
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The addresses of a peer, and what was seen.
pub(super) async fn resolve(peer: &Peer) -> Result<(Vec<SocketAddr>, String), Failure> {
    let lookup = tokio::net::lookup_host((peer.host.as_str(), peer.port));
    let found = match tokio::time::timeout(STEP_TIMEOUT, lookup).await {
        Ok(Ok(addresses)) => Ok(addresses.take(MAX_ADDRESSES).collect::<Vec<_>>()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", STEP_TIMEOUT.as_secs())),
    };
    let (host, key) = (&peer.host, peer.key);
    let problem = match found {
        Ok(addresses) if !addresses.is_empty() => {
            let shown = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
            return Ok((addresses, format!("{host} ({key}) has the address {shown}")));
        }
        Ok(_) => "the name has no address".to_owned(),
        Err(error) => error,
    };
    Err(Failure::theirs(
        format!("cannot resolve the host name {host:?} of {key}: {problem}"),
        format!("check the spelling of {key}, and whether this machine (or pod) has a working DNS server"),
    ))
}

/// A connection to the first address that accepts one.
pub(super) async fn connect(peer: &Peer, addresses: &[SocketAddr]) -> Result<(TcpStream, String), Failure> {
    let mut last = None;
    for address in addresses {
        match tokio::time::timeout(STEP_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, format!("connected to {} ({address})", peer.authority()))),
            Ok(Err(error)) => last = Some((address, error)),
            Err(_) => last = Some((address, io::ErrorKind::TimedOut.into())),
        }
    }
    let (authority, key) = (peer.authority(), peer.key);
    let Some((address, error)) = last else {
        return Err(Failure::theirs(format!("no address of {authority} to connect to"), "check the DNS server"));
    };
    Err(match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::theirs(
            format!("{authority} ({key}) refuses connections: nothing listens on {address}"),
            format!("check the port in {key}, and whether the server runs"),
        ),
        io::ErrorKind::TimedOut => Failure::theirs(
            format!("no connection to {authority} ({key}) within {} s", STEP_TIMEOUT.as_secs()),
            format!("check the firewall, the network policy, and whether a proxy is required (proxy_url); then {key}"),
        ),
        _ => Failure::theirs(
            format!("cannot connect to {authority} ({key}): {error}"),
            format!("check the route to {authority}, the firewall, and whether a proxy is required (proxy_url)"),
        ),
    })
}
