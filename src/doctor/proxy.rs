//! The tunnel through the proxy, with `CONNECT`.

use std::time::Duration;

use base64::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::network::{Peer, STEP_TIMEOUT};
use super::step::Failure;
use super::tls::Stream;

/// The longest head of a response to `CONNECT`.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Asks the proxy for a tunnel to the upstream.
pub(super) async fn tunnel(
    mut stream: Stream,
    proxy_url: &Url,
    proxy: &Peer,
    to: &Peer,
) -> Result<(Stream, String), Failure> {
    let (proxy, target) = (proxy.authority(), to.authority());
    let status = match tokio::time::timeout(STEP_TIMEOUT, ask(&mut stream, proxy_url, &target)).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            return Err(Failure::theirs(
                format!("the proxy {proxy} does not answer a CONNECT request: {error}"),
                "check that proxy_url names an HTTP proxy, with the right scheme and port",
            ));
        }
        Err(_) => return Err(silent(&proxy, STEP_TIMEOUT)),
    };
    match status {
        Some(200..=299) => Ok((stream, format!("the proxy {proxy} opened a tunnel to {target}"))),
        Some(407) => Err(Failure::ours(
            format!("the proxy {proxy} asks for a user and a password (HTTP 407)"),
            "write them into proxy_url: http://user:password@host:port",
        )),
        Some(status) => Err(Failure::theirs(
            format!("the proxy {proxy} refuses a tunnel to {target} (HTTP {status})"),
            format!("let the proxy allow CONNECT to {target}, or remove proxy_url"),
        )),
        None => Err(Failure::ours(
            format!("{proxy} does not answer as an HTTP proxy"),
            "check the scheme and the port of proxy_url",
        )),
    }
}

fn silent(proxy: &str, waited: Duration) -> Failure {
    Failure::theirs(
        format!("the proxy {proxy} accepts connections but does not answer within {} s", waited.as_secs()),
        "check that proxy_url names an HTTP proxy, with the right scheme and port",
    )
}

/// The status of the response; `None` if it is not HTTP.
async fn ask(stream: &mut Stream, proxy_url: &Url, target: &str) -> std::io::Result<Option<u16>> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(password) = proxy_url.password() {
        let credentials = format!("{}:{}", percent_decoded(proxy_url.username()), percent_decoded(password));
        let credentials = base64::engine::general_purpose::STANDARD.encode(credentials);
        request.push_str(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to TLS.
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if head.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split_ascii_whitespace();
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    Ok(words.next().filter(|_| is_http).and_then(|status| status.parse().ok()))
}

fn percent_decoded(text: &str) -> String {
    // `url` decodes only forms: what means something in a form is escaped first.
    let pair = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(key, _)| key.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_decoded_as_reqwest_does_it() {
        assert_eq!(percent_decoded("p%40s+s&w=o%20d"), "p@s+s&w=o d");
        assert_eq!(percent_decoded(""), "");
    }
}
