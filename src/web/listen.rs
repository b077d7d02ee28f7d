//! Parses `--web.listen-address`, and binds it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

use super::WebError;

/// Connections that wait in the system's queue while there are [`super::MAX_CONNECTIONS`].
const BACKLOG: i32 = 1_024;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// `:10047`: every interface, IPv6 and IPv4.
    Everywhere {
        /// The port; 0 selects a free one.
        port: u16,
    },
    /// `127.0.0.1:10047`, `[::1]:10047`.
    Socket(SocketAddr),
    /// `host:10047`: the first address of the host that can be bound.
    Named {
        /// The host name, resolved when the address is bound.
        host: String,
        /// The port; 0 selects a free one.
        port: u16,
    },
}

/// Parses an address as Prometheus' own programs do: `:10047`, `127.0.0.1:10047`, `[::1]:10047`, `host:10047`.
///
/// # Errors
/// [`WebError::ListenAddress`] with the reason and valid examples.
pub fn parse_listen_address(text: &str) -> Result<ListenAddress, WebError> {
    let invalid = |why| WebError::ListenAddress { address: text.to_owned(), why };
    if text.contains("://") {
        return Err(invalid("it is a URL"));
    }
    if let Ok(address) = text.parse() {
        return Ok(ListenAddress::Socket(address));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| invalid("it has no port"))?;
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return Err(invalid("an IPv6 address needs brackets"));
    }
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("the port is not a number"));
    }
    let port = port.parse().map_err(|_| invalid("the port is above 65535"))?;
    if host.is_empty() {
        return Ok(ListenAddress::Everywhere { port });
    }
    // 253 is the longest name that DNS has.
    let fits = host.len() <= 253 && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if !fits {
        return Err(invalid("the part before the port is neither a name nor an address"));
    }
    Ok(ListenAddress::Named { host: host.to_owned(), port })
}

impl ListenAddress {
    /// Starts to listen. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`WebError::Bind`] with the system's error.
    pub async fn bind(&self) -> Result<TcpListener, WebError> {
        let bound = match self {
            Self::Everywhere { port } => listen((Ipv6Addr::UNSPECIFIED, *port).into())
                // Hosts without IPv6.
                .or_else(|error| match error.kind() {
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                    _ => listen((Ipv4Addr::UNSPECIFIED, *port).into()),
                }),
            Self::Socket(address) => listen(*address),
            Self::Named { host, port } => listen_on_name(host, *port).await,
        };
        bound.map_err(|source| WebError::Bind { address: self.to_string(), source })
    }
}

async fn listen_on_name(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in lookup_host((host, port)).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    // On other systems the option would let a second process take over the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere { port } => write!(f, ":{port}"),
            Self::Socket(address) => write!(f, "{address}"),
            Self::Named { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_as_in_prometheus_programs() {
        assert_eq!(parse_listen_address(":10047").unwrap(), ListenAddress::Everywhere { port: 10047 });
        for socket in ["127.0.0.1:0", "[::1]:10047", "0.0.0.0:80", "[::]:1"] {
            assert_eq!(parse_listen_address(socket).unwrap(), ListenAddress::Socket(socket.parse().unwrap()));
        }
        let named = ListenAddress::Named { host: "metrics.local".to_owned(), port: 80 };
        assert_eq!(parse_listen_address("metrics.local:80").unwrap(), named);
    }

    #[test]
    fn an_invalid_address_is_an_error_with_valid_examples() {
        let cases = [
            ("10047", "it has no port"),
            ("localhost", "it has no port"),
            ("localhost:", "the port is not a number"),
            (":http", "the port is not a number"),
            (":65536", "the port is above 65535"),
            ("::1:10047", "an IPv6 address needs brackets"),
            ("http://localhost:1", "it is a URL"),
            ("a b:1", "the part before the port is neither a name nor an address"),
        ];
        for (text, why) in cases {
            let message = parse_listen_address(text).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!(
                    "invalid listen address {text:?}: {why}; expected an address such as `:10047`"
                )),
                "{message}"
            );
        }
    }

    #[tokio::test]
    async fn everywhere_accepts_ipv4_and_ipv6() {
        let listener = parse_listen_address(":0").unwrap().bind().await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).await.unwrap();
        if address.is_ipv6() {
            tokio::net::TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())).await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_error_for_a_port_in_use_names_the_address() {
        let taken = parse_listen_address("127.0.0.1:0").unwrap().bind().await.unwrap();
        let address = ListenAddress::Socket(taken.local_addr().unwrap());
        let error = address.bind().await.unwrap_err();
        let expected = format!("cannot listen on {address}; choose another address with --web.listen-address");
        assert_eq!((error.to_string(), error.is_address_in_use()), (expected, true));
    }
}
