//! Many connections, slow ones, and plain HTTP on an HTTPS port.

use std::net::Ipv4Addr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::tls::{Authority, PLAIN, config};
use super::*;

/// Connections that keep their places for nothing.
const HELD: usize = 2_000;
const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Lets this process hold both ends of all connections.
fn raise_file_limit() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wanted = 3 * HELD as u64;
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    }
}

/// A connection from one of the addresses of the loopback network.
async fn connect(server: &Server, from: Ipv4Addr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    timeout(DEADLINE, socket.connect(server.address)).await.unwrap().unwrap()
}

async fn scrape(stream: &mut TcpStream) -> String {
    let answer = async {
        stream.write_all(REQUEST).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"metrics\n") {
            if stream.read_buf(&mut answer).await? == 0 {
                break;
            }
        }
        Ok::<_, std::io::Error>(String::from_utf8(answer).unwrap())
    };
    timeout(DEADLINE, answer).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_gets_through_thousands_of_idle_and_slow_connections() {
    raise_file_limit();
    let attacker = Ipv4Addr::new(127, 0, 0, 2);
    for first_bytes in [&b""[..], b"GET /metrics HTTP/1.1\r\nx: "] {
        for per_client in [None, Some(64)] {
            let server = Server::start_bounded(per_client).await;
            let mut prometheus = connect(&server, Ipv4Addr::LOCALHOST).await;
            assert!(scrape(&mut prometheus).await.starts_with("HTTP/1.1 200 OK"));
            let mut held = Vec::with_capacity(HELD);
            for _ in 0..HELD {
                let mut stream = connect(&server, attacker).await;
                // The server may have closed it already.
                let _closed = stream.write_all(first_bytes).await;
                held.push(stream);
            }
            let start = Instant::now();
            if per_client.is_none() {
                prometheus = connect(&server, Ipv4Addr::LOCALHOST).await;
            }
            // With a bound per client, Prometheus even keeps its connection.
            assert!(scrape(&mut prometheus).await.starts_with("HTTP/1.1 200 OK"));
            println!("{HELD} connections held, bound {per_client:?}: a scrape took {:?}", start.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_of_a_client_is_closed_beyond_its_bound() {
    let server = Server::start_bounded(Some(2)).await;
    let mut other = connect(&server, Ipv4Addr::new(127, 0, 0, 2)).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(connect(&server, Ipv4Addr::LOCALHOST).await);
    }
    // The first of the three is closed without an answer.
    let closed = timeout(DEADLINE, streams[0].read(&mut [0])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    for stream in streams.iter_mut().skip(1).chain([&mut other]) {
        assert!(scrape(stream).await.starts_with("HTTP/1.1 200 OK"));
    }
}

/// Without other work the paused clock jumps to the next timer.
#[tokio::test(start_paused = true)]
async fn the_first_request_must_come_soon_and_later_ones_may_take_a_scrape_interval() {
    let server = Server::start(None).await;
    for first_bytes in [&b""[..], b"GET /metrics HTTP/1.1\r\nx: "] {
        let start = tokio::time::Instant::now();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(first_bytes).await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
        assert_eq!(start.elapsed().as_secs(), 10);
    }
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    assert!(scrape(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    let start = tokio::time::Instant::now();
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    assert!((120..=150).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn plain_http_on_an_https_port_is_answered_in_words() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.serve_in(&folder);
    let server = Server::start(Some(&config(&folder, PLAIN))).await;
    let client = client().build().unwrap();
    for request in [client.get(server.url("http", "/metrics")), client.post(server.url("http", "/x")).body("a=b")] {
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["connection"].to_str().unwrap()), (400, "close"));
        let text = answer.text().await.unwrap();
        assert_eq!(text, "this port speaks HTTPS, not HTTP; use a URL that starts with https://\n");
    }
    // Neither HTTP nor TLS.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"\x00\x01\x02\x03\x04\x05\x06\x07").await.unwrap();
    let mut rest = Vec::new();
    let _ended = timeout(DEADLINE, stream.read_to_end(&mut rest)).await.unwrap();
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    let trusting = authority.client().build().unwrap();
    assert_eq!(trusting.get(server.url("https", "/metrics")).send().await.unwrap().status(), 200);
}
